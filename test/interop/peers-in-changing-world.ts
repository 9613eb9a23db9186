import { ChangingWorld, SHARES_PER_MINUTE } from "./changing-world.ts";
import { sameCounts, sumOf } from "./counts.ts";
import type { LastingTest } from "./interop-test.ts";
import { startMiningDevice } from "./mining-device.ts";
import { RIGS, Sv1Farm } from "./sv1-farm.ts";
import { startTranslator } from "./translator.ts";

/** The translator tells the pool this rate of each miner, so that nearly every channel has to be retargeted. */
const TOLD = 40_000;
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
      const farm = new Sv1Farm(bench, translator.port);
      const figures = await world.mine(
        {
          process: translator.process,
          log: translator.log,
          refused: () => farm.refused(),
          hashes: () => farm.hashes,
          pace: (factor) => farm.pace(factor),
          replaceMiner: () => farm.replaceMiner(),
          intact: () => farm.intact,
          agrees(counts) {
            // A share that is under way when its channel is closed counts, and is not answered.
            const untold = counts.accepted - translator.log.accepted;
            const same = sameCounts(translator.log.rejected, counts.rejectedByCode);
            return farm.answered && same && untold >= 0 && untold <= (aggregate ? 0 : farm.left);
          },
        },
        minutes,
      );
      const known = await Promise.all(RIGS.map(({ name }) => world.pool.knowsWorker(name)));
      bench.check(
        translator.workerNames && known.every((knows) => knows),
        `0x0002 was negotiated, and Postgres has shares of ${RIGS.filter((_, i) => known[i]).map(({ name }) => name)}`,
      );
      bench.say(`  SV1 shares accepted, by miner: ${farm.accepted.join(", ")}`);
      return figures;
    },
  };
}

/** The reference mining device, a standard channel, in the same world; its templates come from sv2-tp. */
export const miningDeviceInChangingWorld: LastingTest = {
  name: "changes-mining-device",
  needs: ["bitcoinNode", "sv2Tp", "miningDevice"],
  async mine(bench, peers, minutes) {
    const world = await ChangingWorld.start(bench, peers.bitcoinNode, peers.sv2Tp);
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
