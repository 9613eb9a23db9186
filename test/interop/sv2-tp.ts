import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "@lode/testing/process";
import type { BitcoinCore } from "./bitcoin-core.ts";
import type { TemplateAddress } from "./lode-processes.ts";
import type { Workbench } from "./workbench.ts";

/** Starts sv2-tp beside a bitcoin-node. It takes one client only. Its key is in its log and nowhere else. */
export async function startSv2Tp(
  bench: Workbench,
  program: string,
  core: BitcoinCore,
): Promise<TemplateAddress> {
  const port = await freePort();
  const provider = bench.start("sv2-tp", program, [
    ...[`-${core.network}`, `-datadir=${core.dataDir}`, "-conf=0", "-ipcconnect=unix", `-sv2port=${port}`],
    ...["-debug=sv2", "-loglevel=sv2:trace"],
  ]);
  const logFile = join(core.dataDir, core.network, "sv2-debug.log");
  const log = () => (existsSync(logFile) ? readFileSync(logFile, "utf8") : "");
  const listening = `Template Provider listening on 127.0.0.1:${port}`;
  const publicKey = await bench.until(
    "authority key in the log of sv2-tp",
    30,
    () => {
      const text = log();
      return text.includes(listening)
        ? [...text.matchAll(/Template Provider authority key: (\S+)/g)].at(-1)?.[1]
        : undefined;
    },
    [provider],
  );
  const version = spawnSync(program, ["--version"], { encoding: "utf8" }).stdout?.split("\n")[0] ?? "";
  bench.say(`  sv2-tp (${version}) is connected to the node`);
  return { port, publicKey };
}
