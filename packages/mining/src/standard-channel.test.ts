import { bytesToTarget, merkleRoot, parseHeader, sha256d } from "@lode/bitcoin";
import { loadNative, type Native, native } from "@lode/native";
import { modelRuns, modelTimeout } from "@lode/testing/model-runs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at, channelOfZeros, scriptedJob, targetOfZeros, tipNamed } from "../test/scripted-job.ts";
import {
  type Channel,
  defaultChannelSettings,
  type FoundBlock,
  JobError,
  type MiningJob,
  type ShareVerdict,
} from "./index.ts";

/** Half of all hashes meet the one, an eighth the other. */
const EASIEST = 1;
const BLOCK = 3;
const LIMITS = { maxJobs: 3, maxJobAgeMs: 1_000, maxRememberedShares: 5 };
const settings = {
  ...defaultChannelSettings,
  ...LIMITS,
  sharesPerMinute: 60_000,
  easiestTarget: targetOfZeros(EASIEST),
};
const START = 1_000_000;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** A job that really hashes. Its coinbase is no transaction: nobody looks into it. */
function hashingJob({ createJob }: Native, serial: number, tipName: number): MiningJob {
  const job = scriptedJob(serial, tipNamed(tipName, targetOfZeros(BLOCK)));
  const { coinbaseTxPrefix, coinbaseTxSuffix, tip } = job;
  const merklePath = new Uint8Array(64).fill(serial);
  const { prevHash, nbits } = tip;
  return {
    ...job,
    merklePath: [merklePath.slice(0, 32), merklePath.slice(32)],
    handle: createJob({ coinbaseTxPrefix, coinbaseTxSuffix, merklePath, prevHash, nbits }),
  };
}

type Step =
  | { what: "activate"; job: "same tip" | "new tip" | "same job" }
  | { what: "move" }
  | { what: "wait"; ms: number }
  | { what: "share"; back: number; nonce: number; version: number; ntime: number; extranonce: boolean };

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant("activate" as const),
      job: fc.constantFrom("same tip", "same tip", "new tip", "same job"),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ what: "move" } as const) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("wait" as const), ms: fc.constantFrom(100, 990, 5_000) }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      what: fc.constant("share" as const),
      back: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 7),
      nonce: fc.nat(7),
      version: fc.constantFrom(0x2000_0000, 0x2000_0000, 0x2000_0020, 0x2000_0001),
      ntime: fc.constantFrom(...Array<number>(8).fill(1_500), 999, 99_999),
      // A standard share with an extranonce, an extended one without.
      extranonce: fc.constantFrom(...Array<boolean>(12).fill(false), true),
    }),
  },
) satisfies fc.Arbitrary<Step>;

/** One channel and what it answers to steps, as values that do not depend on its kind. */
class Played {
  readonly #channel: Channel;
  readonly #native: Native;
  readonly #jobs = new Map<number, MiningJob>();
  readonly #activated: number[] = [];
  #lastId = 0;
  #lastSerial = 0;
  #tip = 0;
  #prefixes = 1;
  #now = START;

  constructor(backend: Native, kind: "standard" | "extended") {
    this.#native = backend;
    this.#channel = channelOfZeros(EASIEST, { kind, settings });
  }

  play(taken: Step): unknown {
    this.#now += 20;
    switch (taken.what) {
      case "activate":
        return this.#activate(taken.job);
      case "move":
        this.#channel.setExtranoncePrefix(Uint8Array.of(9, 0, 0, ++this.#prefixes));
        return this.#channel.takeFreedPrefixes().map((prefix) => prefix[3]);
      case "wait":
        this.#now += taken.ms;
        return;
      case "share":
        return this.#share(taken);
    }
  }

  #activate(which: string): unknown {
    const id = this.#chooseJob(which);
    const job = this.#jobs.get(id)!;
    try {
      const changed = this.#channel.activate(id, job, at(this.#now));
      this.#tip = job.tip.prevHash[0]!;
      this.#activated.push(id);
      return changed;
    } catch (error) {
      if (error instanceof JobError) return error.code;
      throw error;
    }
  }

  #chooseJob(which: string): number {
    const { job } = this.#channel;
    if (which === "same job" && job !== undefined) return this.#send(job);
    return this.#newJob(which === "new tip" ? this.#tip + 1 : this.#tip);
  }

  #newJob(tip: number): number {
    return this.#send(hashingJob(this.#native, ++this.#lastSerial, tip));
  }

  #send(job: MiningJob): number {
    this.#jobs.set(++this.#lastId, job);
    return this.#lastId;
  }

  #share({ back, nonce, version, ntime, extranonce: wrong }: Step & { what: "share" }): unknown {
    const withExtranonce = (this.#channel.kind === "extended") !== wrong;
    const extranonce = withExtranonce ? new Uint8Array(16) : null;
    const jobId = this.#activated.at(-1 - back) ?? this.#lastId;
    const share = { sequenceNumber: 1, jobId, nonce, ntime, version, extranonce };
    return readable(this.#channel.checkShare(share, at(this.#now)));
  }
}

function readable(verdict: ShareVerdict) {
  const { block } = verdict;
  const judged = verdict.accepted
    ? [verdict.share.blockHash && hex(verdict.share.blockHash), verdict.share.work, verdict.retarget]
    : verdict.code;
  if (block === undefined) return { judged };
  return { judged, block: [block.header, block.hash, block.coinbaseTx].map(hex), is: isWhole(block) };
}

/** Whether hash, header, coinbase and merkle path of a block belong together, by other code than made them. */
function isWhole({ job, header, hash, coinbaseTx }: FoundBlock): boolean {
  const root = merkleRoot(sha256d(coinbaseTx), job.merklePath);
  const fits = hex(sha256d(header)) === hex(hash) && hex(parseHeader(header).merkleRoot) === hex(root);
  return fits && bytesToTarget(hash) <= job.tip.target;
}

describe.each([...new Set(["js", native.backend] as const)])("a standard channel (%s)", (backend) => {
  it(
    "judges every share as an extended channel does, which hashes from the coinbase up",
    () => {
      const seen = new Set<string>();
      fc.assert(
        fc.property(fc.array(step, { minLength: 20, maxLength: 100, size: "max" }), (steps) => {
          const standard = new Played(loadNative(backend), "standard");
          const extended = new Played(loadNative(backend), "extended");
          for (const taken of steps) {
            const answer = standard.play(taken);
            expect(answer).toEqual(extended.play(taken));
            if (taken.what !== "share") continue;
            const { judged, block, is } = answer as ReturnType<typeof readable>;
            seen.add(typeof judged === "string" ? judged : "accepted");
            if (block === undefined) continue;
            expect(is).toBe(true);
            seen.add(typeof judged === "string" ? `${judged}+block` : "accepted+block");
          }
        }),
        modelRuns(200),
      );
      expect([...seen]).toEqual(
        expect.arrayContaining([
          "accepted",
          "accepted+block",
          "stale-share+block",
          "invalid-job-id",
          "bad-extranonce-size",
          "stale-share",
          "invalid-non-rollable-version-bit",
          "invalid-share",
          "difficulty-too-low",
          "duplicate-share",
        ]),
      );
    },
    modelTimeout(),
  );

  it("folds the merkle path once while a job is active, at its first share and not before", () => {
    const channel = channelOfZeros(EASIEST, { kind: "standard", settings });
    const folded: string[] = [];
    const jobs = [1, 2].map((serial) => {
      const job = hashingJob(loadNative(backend), serial, 1);
      const { handle } = job;
      const fold = handle.merkleRoot.bind(handle);
      handle.merkleRoot = (extranonce) => {
        folded.push(`job ${serial}, prefix ${extranonce[3]}`);
        return fold(extranonce);
      };
      handle.checkShare = () => {
        throw new Error("from the coinbase up");
      };
      return job;
    });
    const submit = (jobId: number, nonce: number) =>
      channel.checkShare(
        { sequenceNumber: 1, jobId, nonce, ntime: 1_500, version: 0x2000_0000, extranonce: null },
        at(START),
      );
    channel.activate(1, jobs[0]!, at(START));
    expect(folded).toEqual([]);
    for (let nonce = 0; nonce < 4; nonce++) submit(1, nonce);
    expect(folded).toEqual(["job 1, prefix 1"]);
    channel.setExtranoncePrefix(Uint8Array.of(9, 0, 0, 2));
    channel.activate(2, jobs[1]!, at(START));
    // A root is not kept for what comes late.
    for (const nonce of [4, 5]) submit(1, nonce);
    expect(folded.splice(0)).toEqual(["job 1, prefix 1", "job 1, prefix 1", "job 1, prefix 1"]);
    for (let nonce = 0; nonce < 4; nonce++) submit(2, nonce);
    expect(folded).toEqual(["job 2, prefix 2"]);
  });
});
