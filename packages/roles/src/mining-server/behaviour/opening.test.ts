import { maxTarget, targetToBytes } from "@lode/bitcoin";
import { decodePayload, encodeFrame, HEADER_SIZE, MiningFlags, mining } from "@lode/protocol";
import { ScriptedPool, type ScriptedPoolOptions } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

const { requiresStandardJobs, requiresWorkSelection, requiresVersionRolling } = MiningFlags;

function connect(options: ScriptedPoolOptions = {}, flags = 0) {
  const pool = new ScriptedPool(options);
  return { pool, miner: pool.connect().setUp(flags) };
}

describe("opening a channel", () => {
  it.each([0, requiresStandardJobs, requiresVersionRolling])(
    "sends Success, one future job and SetNewPrevHash to a standard channel's own id (flags %i)",
    (flags) => {
      const { pool, miner } = connect({}, flags);
      const opened = miner.openStandard({ requestId: 77 });
      expect(opened).toMatchObject({ requestId: 77, channelId: 2, groupChannelId: 1 });
      expect(opened.extranoncePrefix).toEqual(Uint8Array.of(7, 0, 0, 0, ...new Uint8Array(16)));
      const job = pool.jobs.newest;
      expect(miner.take("NewMiningJob")).toEqual({
        channelId: 2,
        jobId: 1,
        minNtime: null,
        version: 0x2000_0000,
        merkleRoot: job.handle.merkleRoot(opened.extranoncePrefix),
      });
      const { prevHash, nbits, headerTimestamp: minNtime } = job.tip;
      expect(miner.take("SetNewPrevHash")).toEqual({ channelId: 2, jobId: 1, prevHash, nbits, minNtime });
      expect(miner.takeNames()).toEqual([]);
    },
  );

  it("sends the same to an extended channel, which may always roll the version and gets 16 bytes to roll", () => {
    const { pool, miner } = connect();
    const opened = miner.openExtended({ requestId: 5, minExtranonceSize: 16 });
    expect(opened).toMatchObject({ requestId: 5, channelId: 2, groupChannelId: 1, extranonceSize: 16 });
    expect(opened.extranoncePrefix).toEqual(Uint8Array.of(7, 0, 0, 0));
    const { merklePath, coinbaseTxPrefix, coinbaseTxSuffix, version, tip } = pool.jobs.newest;
    expect(miner.take("NewExtendedMiningJob")).toEqual({
      channelId: 2,
      jobId: 1,
      minNtime: null,
      version,
      versionRollingAllowed: true,
      merklePath,
      coinbaseTxPrefix,
      coinbaseTxSuffix,
    });
    expect(miner.take("SetNewPrevHash")).toMatchObject({
      channelId: 2,
      jobId: 1,
      minNtime: tip.headerTimestamp,
    });
    expect(miner.takeNames()).toEqual([]);
  });

  it("writes exactly the bytes of the encoder, patched or not", () => {
    const { miner } = connect();
    for (let channel = 0; channel < 3; channel++) {
      miner.send(mining.OpenExtendedMiningChannel, {
        requestId: channel,
        userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
        nominalHashRate: 1e12,
        maxTarget: targetToBytes(maxTarget),
        minExtranonceSize: 2,
      });
    }
    miner.send(mining.OpenStandardMiningChannel, {
      requestId: 9,
      userIdentity: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080.x",
      nominalHashRate: 1e12,
      maxTarget: targetToBytes(maxTarget),
    });
    miner.connection.flush();
    const definitions = {
      OpenExtendedMiningChannelSuccess: mining.OpenExtendedMiningChannelSuccess,
      OpenStandardMiningChannelSuccess: mining.OpenStandardMiningChannelSuccess,
      NewExtendedMiningJob: mining.NewExtendedMiningJob,
      NewMiningJob: mining.NewMiningJob,
      SetNewPrevHash: mining.SetNewPrevHash,
    };
    expect(() => miner.take("SetTarget")).toThrow("wanted SetTarget, got [OpenExtendedMiningChannelSuccess");
    const seen = miner.inbox.map(({ message, frame }) => {
      const definition = definitions[message.name as keyof typeof definitions];
      const { fields } = decodePayload(definition, frame.subarray(HEADER_SIZE));
      expect(frame).toEqual(encodeFrame(definition, fields as never));
      return [message.name, "jobId" in fields ? fields.jobId : undefined];
    });
    const opening = (kind: string, job: string, jobId: number) => [
      [`Open${kind}MiningChannelSuccess`, undefined],
      [job, jobId],
      ["SetNewPrevHash", jobId],
    ];
    expect(seen).toEqual([
      ...opening("Extended", "NewExtendedMiningJob", 1),
      ...opening("Extended", "NewExtendedMiningJob", 2),
      ...opening("Extended", "NewExtendedMiningJob", 3),
      ...opening("Standard", "NewMiningJob", 4),
    ]);
  });

  it("gives every channel of every connection its own search space", () => {
    const { pool, miner } = connect();
    const other = pool.connect().setUp();
    const prefixes: string[] = [];
    for (const client of [miner, other]) {
      for (let i = 0; i < 2; i++) {
        prefixes.push(`${client.openExtended().extranoncePrefix}`);
        client.takeNames();
        prefixes.push(`${client.openStandard().extranoncePrefix.subarray(0, 4)}`);
        client.takeNames();
      }
    }
    expect(new Set(prefixes).size).toBe(8);
  });

  it("sends no job and no prevhash to a connection that selects its own work", () => {
    const { pool, miner } = connect({}, requiresWorkSelection);
    expect(miner.openExtended().channelId).toBe(2);
    pool.jobs.nextTip();
    pool.jobs.next();
    pool.clock.advance(300_000);
    expect([miner.takeNames(), miner.closed]).toEqual([[], null]);
  });

  it("opens a work-selection channel even before there is a template", () => {
    const { miner } = connect({ withoutTemplate: true }, requiresWorkSelection);
    expect(miner.openExtended().channelId).toBe(2);
  });

  it("answers the target it will judge the first job by, within the client's maximum", () => {
    const { miner } = connect();
    const maximum = targetToBytes(1n << 200n);
    expect(miner.openStandard({ nominalHashRate: 0, maxTarget: maximum }).target).toEqual(maximum);
    miner.takeNames();
    expect(miner.openStandard({ nominalHashRate: 0 }).target).toEqual(targetToBytes(maxTarget));
  });

  it("continues with the next channel id after a refusal and after a closed channel", () => {
    const { miner } = connect();
    expect(miner.openRefused(mining.OpenStandardMiningChannel, { userIdentity: "" })).toBe("unknown-user");
    expect(miner.openStandard().channelId).toBe(2);
    miner.takeNames();
    miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "bye" });
    expect(miner.openStandard().channelId).toBe(3);
  });
});
