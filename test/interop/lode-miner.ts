import { native } from "@lode/native";
import { noMetrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import { miningServerMaxLength } from "@lode/roles";
import { type CpuMiner, startCpuMiner } from "@lode/simulator";
import { decodeAuthorityPublicKey, dial } from "@lode/transport";
import type { LodePool } from "./lode-processes.ts";
import type { Workbench } from "./workbench.ts";

/** Rate of the miner; every machine reaches it. */
export const HASHES_PER_SECOND = 20_000;

/** Lode's own CPU miner on a pool, with what the pool answered. */
export interface AnsweredMiner {
  readonly miner: CpuMiner;
  accepted(): number;
  /** Error codes, in their order. */
  readonly rejected: readonly string[];
}

/** Connects Lode's CPU miner to a pool. */
export async function startLodeMiner(
  bench: Workbench,
  pool: LodePool,
  address: string,
): Promise<AnsweredMiner> {
  const connection = await dial({
    host: "127.0.0.1",
    port: pool.port,
    authorityKey: decodeAuthorityPublicKey(pool.publicKey),
    native,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    maxLength: miningServerMaxLength,
  });
  let accepted = 0;
  const rejected: string[] = [];
  const miner = startCpuMiner({
    connection,
    userIdentity: `${address}.interop`,
    kind: "extended",
    hashesPerSecond: HASHES_PER_SECOND,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: noMetrics,
    onAccepted: (count) => {
      accepted += count;
    },
    onRejected: (code) => rejected.push(code),
  });
  bench.onClear(() => miner.stop());
  return { miner, accepted: () => accepted, rejected };
}
