import { ChangingWorld, SHARES_PER_MINUTE, toldTheSame } from "./changing-world.ts";
import { countIn, sameCounts, sumOf } from "./counts.ts";
import type { LastingTest } from "./interop-test.ts";
import { startMiningDevice } from "./mining-device.ts";
import { startSv1Miner } from "./sv1-miner.ts";
import { startTranslator } from "./translator.ts";

/** Hashes per second; the translator tells the pool the middle one of each, so that every channel has to be retargeted. */
const MINERS = [20_000, 40_000, 80_000];
const TOLD = 40_000;
const RIGS = ["rig-a", "rig-b", "rig-c"];
/** The highest factor of the world, and the least part of its time that the device mines. */
const FASTEST = 4;
const SLOWEST = 0.1;

/** SV1 miners → reference translator with its own vardiff → `lode pool`, while everything changes that may change. */
export function translatorInChangingWorld(aggregate: boolean): LastingTest {
  return {
    name: aggregate ? "changes-translator-aggregated" : "changes-translator-channel-each",
    needs: ["bitcoinNode", "translator"],
    async mine(bench, peers, minutes) {
      const world = await ChangingWorld.start(bench, peers.bitcoinNode);
      const translator = await startTranslator(bench, peers.translator, world.pool, {
        aggregate,
        user: world.payoutAddress,
        minerHashrate: TOLD,
        sharesPerMinute: SHARES_PER_MINUTE,
        vardiff: true,
        requireWorkerNames: true,
      });
      const miners = MINERS.map((hashesPerSecond, i) => {
        const user = `farm.${RIGS[i]}`;
        const rollsVersion = i % 2 === 0;
        return startSv1Miner(bench, { port: translator.port, user, hashesPerSecond, rollsVersion });
      });
      const figures = await world.mine(
        {
          process: translator.process,
          log: translator.log,
          refused() {
            const counts: Record<string, number> = {};
            for (const { refused } of miners) {
              for (const [reason, times] of refused) countIn(counts, reason, times);
            }
            return counts;
          },
          pace(factor) {
            for (const [i, miner] of miners.entries()) miner.hashesPerSecond = (MINERS[i] ?? 0) * factor;
          },
          intact: () => !miners.some(({ closed }) => closed),
          agrees: (counts) =>
            miners.every(({ unanswered }) => unanswered === 0) && toldTheSame(translator.log, counts),
        },
        minutes,
      );
      const known = await Promise.all(RIGS.map((rig) => world.pool.knowsWorker(rig)));
      bench.check(
        translator.workerNames && known.every((knows) => knows),
        `0x0002 was negotiated, and Postgres has shares of ${RIGS.filter((_, i) => known[i]).join(", ")}`,
      );
      bench.check(
        miners.every(({ accepted }) => accepted > 0),
        `every SV1 miner had shares accepted (${miners.map(({ accepted }) => accepted).join(", ")})`,
      );
      return figures;
    },
  };
}

/** The reference mining device, a standard channel, in the same world. */
export const miningDeviceInChangingWorld: LastingTest = {
  name: "changes-mining-device",
  needs: ["bitcoinNode", "miningDevice"],
  async mine(bench, peers, minutes) {
    const world = await ChangingWorld.start(bench, peers.bitcoinNode);
    const device = startMiningDevice(bench, peers.miningDevice, {
      port: world.pool.port,
      publicKey: world.pool.publicKey,
      user: `${world.payoutAddress}.device`,
      handicap: 300,
      nominalFactor: 0.2,
    });
    return world.mine(
      {
        process: device.process,
        log: device.log,
        refused: () => ({}),
        // Its full speed is the fastest pace, and it never rests: it could not read answers.
        pace: (factor) => device.pace(Math.max(SLOWEST, factor / FASTEST)),
        intact: () => true,
        agrees: (counts) =>
          counts.accepted + sumOf(counts.rejectedByCode) === device.found &&
          sameCounts(device.log.rejected, counts.rejectedByCode),
      },
      minutes,
    );
  },
};
