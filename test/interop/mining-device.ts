import type { RunningProcess } from "./running-process.ts";
import type { Workbench } from "./workbench.ts";

/**
 * Starts the reference implementation's CPU device, slowed down: it stamps headers a minute ahead whatever the job says,
 * so several blocks a second would carry the chain's median time past it.
 */
export function startMiningDevice(
  bench: Workbench,
  program: string,
  pool: { readonly port: number; readonly publicKey: string; readonly user: string },
): RunningProcess {
  return bench.start("mining_device", program, [
    ...["-a", `127.0.0.1:${pool.port}`, "-p", pool.publicKey, "--id-user", pool.user, "--cores", "1"],
    ...["--handicap", "2000", "--nominal-hashrate-multiplier", "0.005"],
  ]);
}
