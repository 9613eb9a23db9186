import { join } from "node:path";
import { addressOfScript } from "@lode/bitcoin";
import { lodeMain } from "@lode/testing/process";
import type { InteropTest } from "./interop-test.ts";

const SHARES = 10;
const MINERS = 2;

/** cpuminer on Stratum V1 → `lode dev` with its own chain: nothing else is needed. */
export const minerdOnLode: InteropTest = {
  name: "minerd-on-lode",
  needs: ["minerd"],
  async run(bench, peers) {
    const listen = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    const args = ["dev", "--no-miner", "--json", ...listen, "--data-dir", join(bench.folder, "lode")];
    const lode = bench.start("lode dev", process.execPath, [lodeMain, ...args]);
    const findDoor = () => / Stratum V1 +(stratum\+tcp:\/\/\S+)/.exec(lode.stderr())?.[1];
    const door = await bench.until("the door for Stratum V1", 60, findDoor, [lode]);
    const miners = Array.from({ length: MINERS }, (_, index) => {
      const script = Uint8Array.of(0, 20, ...new Uint8Array(20).fill(index + 1));
      const user = `${addressOfScript(script, "regtest")}.minerd${index}`;
      const args = ["-a", "sha256d", "-t", "1", "-o", door, "-u", user, "-p", "x"];
      return bench.start(`minerd ${index}`, peers.minerd, args);
    });
    /** Shares accepted and handed in, as minerd counts them. */
    const counts = () =>
      miners.map((miner) => {
        const [, accepted = "0", all = "0"] =
          [...miner.stderr().matchAll(/accepted: (\d+)\/(\d+)/g)].at(-1) ?? [];
        return { accepted: Number(accepted), refused: Number(all) - Number(accepted) };
      });
    const enough = () => counts().every(({ accepted }) => accepted >= SHARES);
    await bench.until(`${SHARES} accepted shares of each minerd`, 120, enough, [lode, ...miners]);
    await Promise.all(miners.map((miner) => miner.stop()));
    await lode.stop();
    const summary = JSON.parse(lode.stdout().trim()) as Record<string, number>;
    const accepted = counts().reduce((sum, count) => sum + count.accepted, 0);
    bench.say(`  ${accepted} shares accepted, ${summary["blocks_accepted"]} blocks`);
    // A block ends the job of the other miner, so some of its shares may be stale.
    const refused = counts().reduce((sum, count) => sum + count.refused, 0);
    bench.check(refused <= summary["blocks_accepted"]!, "no more shares refused than blocks found");
    bench.check(summary["recorded_shares"]! >= accepted, "every share that was answered is recorded");
    bench.check(summary["blocks_accepted"]! >= 1, "a block was accepted");
  },
};
