import { addressOfScript, concatBytes, serializeOutput, sha256d } from "@lode/bitcoin";
import { parseIdentity } from "@lode/mining";
import { MiningFlags, mining } from "@lode/protocol";
import { type ScriptedMiner, ScriptedPool, type ScriptedPoolOptions, soloDeps } from "@lode/testing/pool";
import { describe, expect, it } from "vitest";

// The key of BIP173's examples, and an address of Bitcoin Core's tests: P2WPKH and P2PKH.
const ALICE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const BOB = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn";
const script = (address: string) => parseIdentity(address, "regtest").payoutScript;
const EVERY_HASH = { nominalHashRate: 0 };

function solo(options: ScriptedPoolOptions = {}) {
  const { deps, ...others } = options;
  return new ScriptedPool({ ...others, deps: { ...soloDeps(), ...deps } });
}

/** The script that gets the whole reward, read from the job's coinbase. */
function paidBy({ coinbaseTxSuffix }: Pick<mining.NewExtendedMiningJob, "coinbaseTxSuffix">): string {
  const size = coinbaseTxSuffix[13]!;
  expect(coinbaseTxSuffix.subarray(5, 13)).toEqual(
    serializeOutput(312_500_000n, new Uint8Array()).subarray(0, 8),
  );
  return hex(coinbaseTxSuffix.subarray(14, 14 + size));
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

function open(miner: ScriptedMiner, address: string, kind: "extended" | "standard" = "extended") {
  const fields = { ...EVERY_HASH, userIdentity: `${address}.rig` };
  const opened = kind === "extended" ? miner.openExtended(fields) : miner.openStandard(fields);
  const first = miner.takeAll();
  expect(first.map(({ name }) => name).at(-1)).toBe("SetNewPrevHash");
  return opened;
}

describe("a solo pool", () => {
  it("gives every script of a connection a group and jobs of its own", () => {
    const pool = solo();
    const miner = pool.connect().setUp();
    const opened = [ALICE, BOB, ALICE, BOB, BOB].map((address) => open(miner, address));
    expect(opened.map(({ channelId, groupChannelId }) => [channelId, groupChannelId])).toEqual([
      [2, 1],
      [3, 4],
      [5, 1],
      [6, 4],
      [7, 4],
    ]);
    pool.jobs.nextTip();
    const jobs = miner.takeAll();
    expect(jobs.map(({ name, fields }) => [name, "channelId" in fields && fields.channelId])).toEqual([
      ["NewExtendedMiningJob", 1],
      ["SetNewPrevHash", 1],
      ["NewExtendedMiningJob", 4],
      ["SetNewPrevHash", 4],
    ]);
    const paid = jobs.flatMap((message) =>
      message.name === "NewExtendedMiningJob" ? [paidBy(message.fields)] : [],
    );
    expect(paid).toEqual([hex(script(ALICE)), hex(script(BOB))]);
  });

  it("pays the finder of a block, on every kind of channel, also for a share of the job or the tip before", () => {
    const pool = solo();
    const miner = pool.connect().setUp();
    open(miner, ALICE);
    open(miner, BOB, "standard");
    const job = pool.jobs.nextTip((1n << 256n) - 1n);
    const ntime = job.tip.headerTimestamp;
    const [own, , others] = miner.takeAll();
    if (own?.name !== "NewExtendedMiningJob" || others?.name !== "NewMiningJob")
      throw new TypeError("no jobs");
    const mineBoth = (sequenceNumber: number) => {
      miner.submitExtended(sequenceNumber, { channelId: 2, jobId: own.fields.jobId, ntime });
      miner.submitStandard(sequenceNumber, { channelId: 3, jobId: others.fields.jobId, ntime });
      pool.clock.settle();
    };
    mineBoth(1);
    pool.jobs.next();
    mineBoth(2);
    pool.jobs.nextTip();
    mineBoth(3);
    expect(pool.blocks.map(({ identity }) => identity.address)).toEqual([ALICE, BOB, ALICE, BOB, ALICE, BOB]);
    for (const { coinbaseTx, identity, facts, header, connectionId } of pool.blocks) {
      expect(hex(coinbaseTx)).toContain(
        hex(concatBytes(serializeOutput(312_500_000n, identity.payoutScript))),
      );
      expect(facts).toMatchObject({ kind: "solo", value: 0n });
      expect(connectionId).toBeGreaterThan(0);
      let root = sha256d(coinbaseTx);
      for (const step of job.merklePath) root = sha256d(concatBytes(root, step));
      expect(header.subarray(36, 68)).toEqual(root);
    }
    expect(pool.shares.map(({ creditedWork, job: { kind } }) => [creditedWork, kind])).toEqual(
      pool.shares.map(() => [0n, "solo"]),
    );
    expect(pool.shares).toHaveLength(4);
  });

  it("tells a standard channel alone the root of its own coinbase", () => {
    const pool = solo();
    const miner = pool.connect().setUp(MiningFlags.requiresStandardJobs);
    const { extranoncePrefix } = open(miner, ALICE, "standard");
    const job = pool.jobs.nextTip();
    const { merkleRoot } = miner.take("NewMiningJob");
    const payee = soloDeps().payees.of({ ...parseIdentity(ALICE, "regtest"), solo: true });
    expect(merkleRoot).toEqual(payee.variantOf(job).handle.merkleRoot(extranoncePrefix));
  });

  it("has users with and without a mode on one connection, the first script's group staying the first's", () => {
    const pool = solo();
    const miner = pool.connect().setUp();
    const identities = [
      `sri/solo/${ALICE}/a`,
      ALICE,
      `sri/donate/5/${ALICE}/a`,
      "sri/donate/x",
      `${ALICE}.b`,
    ];
    const groups = identities.map((userIdentity) => {
      const { groupChannelId } = miner.openExtended({ ...EVERY_HASH, userIdentity });
      miner.takeAll();
      return groupChannelId;
    });
    expect(groups).toEqual([1, 1, 5, 7, 1]);
  });

  it("closes one script's channels by their group's id and the others stay", () => {
    const pool = solo();
    const miner = pool.connect().setUp();
    for (const address of [ALICE, BOB, ALICE, BOB]) open(miner, address);
    miner.send(mining.CloseChannel, { channelId: 4, reasonCode: "bye" });
    pool.clock.settle();
    expect(pool.server.stats().channels).toBe(2);
    pool.jobs.nextTip();
    expect(miner.take("NewExtendedMiningJob").channelId).toBe(1);
    miner.takeAll();
    expect(open(miner, BOB)).toMatchObject({ channelId: 7, groupChannelId: 8 });
    miner.send(mining.CloseChannel, { channelId: 1, reasonCode: "bye" });
    pool.clock.settle();
    expect(pool.server.stats().channels).toBe(1);
    expect(miner.closed).toBeNull();
  });

  it("bounds the scripts of a connection and of a subnet, never those that are there", () => {
    const addresses = Array.from({ length: 4 }, (_, index) => addressOf(index));
    const pool = solo({ settings: { maxScriptsPerConnection: 2, maxScriptsPerSubnet: 3 } });
    const miners = [pool.connect().setUp(), pool.connect().setUp()];
    const refused = (miner: ScriptedMiner, address: string) =>
      miner.openRefused(mining.OpenExtendedMiningChannel, { ...EVERY_HASH, userIdentity: address });
    open(miners[0]!, addresses[0]!);
    open(miners[0]!, addresses[1]!);
    expect(refused(miners[0]!, addresses[2]!)).toBe("channel-capacity-exhausted");
    open(miners[0]!, addresses[0]!);
    open(miners[1]!, addresses[2]!);
    expect(refused(miners[1]!, addresses[3]!)).toBe("channel-capacity-exhausted");
    open(miners[1]!, addresses[0]!);
    miners[0]!.connection.close("bye");
    pool.clock.settle();
    miners[1]!.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
    open(miners[1]!, addresses[3]!);
  });
});

/** An address that nobody has the key of. */
function addressOf(index: number): string {
  const address = addressOfScript(Uint8Array.of(0x00, 0x14, ...new Uint8Array(20).fill(index)), "regtest");
  if (address === undefined) throw new TypeError("a P2WPKH script has an address");
  return address;
}
