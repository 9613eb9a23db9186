import { addressOfScript, sha256d, targetFromNbits, targetToBytes } from "@lode/bitcoin";
import { type Logger, noMetrics } from "@lode/ports";
import { MiningFlags, type mining } from "@lode/protocol";
import {
  type ActiveJob,
  type ClientChannel,
  type ClientShare,
  MiningClient,
  merkleRootOf,
  minerMaxLength,
} from "@lode/roles";
import type { Prng } from "@lode/testing/random";
import type { FrameConnection } from "@lode/transport";
import { memoryPair } from "@lode/transport/testing";
import { HeaderHasher, isAtMost } from "../model/hashing.ts";
import type { JudgedConnection } from "../model/judged-connection.ts";
import type { PoolUnderTest } from "../model/pool-under-test.ts";
import type { Network } from "../world/network.ts";
import type { World } from "../world/world.ts";

/** What a miner is like. */
export interface MinerNature {
  /** Keeps to the protocol; every refusal of a share of its must have an excuse. */
  readonly honest: boolean;
  readonly flags: number;
  /** Bytes that may wait for it before the pool cuts it. */
  readonly writeQueueBytes: number;
  readonly latencyMs: number;
}

/** A channel as its miner works on it. */
export interface Workplace {
  readonly channel: ClientChannel;
  /** Sequence numbers without an answer; kept by honest miners only. */
  outstanding: number[];
  nextNonce: number;
  /** Newest last. */
  readonly jobs: ActiveJob[];
  lastShare: ClientShare | null;
}

/** What a hash is wanted for. */
export type Wanted = "share" | "too-easy" | "block";

/** Refusals an honest miner may meet: the tip moved, the wire was slow, the pool's clock or its memory is off. */
const EXCUSABLE = new Set(["stale-share", "invalid-job-id", "invalid-share", "too-many-shares"]);
const KEPT_JOBS = 6;
const MAX_CHANNELS = 6;

/** Accounts that can be paid. */
export const accounts: readonly string[] = Array.from({ length: 5 }, (_, index) =>
  addressOfScript(Uint8Array.of(0x00, 0x14, ...sha256d(Uint8Array.of(index)).subarray(0, 20)), "regtest"),
) as string[];

function userIdentity(prng: Prng): string {
  const address = prng.pick(accounts);
  if (prng.chance(0.7)) return `${address}${prng.pick(["", ".rig", ".a.b_c", "_x"])}`;
  return prng.pick([
    `sri/solo/${address}/rig`,
    `sri/solo/${address}`,
    `sri/donate/${prng.pick([10, 50, 99])}/${address}/rig`,
    "sri/donate/rig",
  ]);
}

/** One miner with one connection: hashes for real, hands in what it finds, and looks at every answer. */
export class Miner {
  readonly name: string;
  readonly nature: MinerNature;
  readonly wire: FrameConnection;
  readonly client: MiningClient;
  /** The pool's end. */
  readonly connection: JudgedConnection;
  readonly workplaces = new Map<number, Workplace>();
  gone = false;
  readonly #world: World;
  readonly #prng: Prng;
  readonly #closedByUs = new Set<number>();

  constructor(name: string, nature: MinerNature, pool: PoolUnderTest, network: Network) {
    this.name = name;
    this.nature = nature;
    this.#world = pool.world;
    this.#prng = pool.world.prng.fork();
    const { writeQueueBytes, latencyMs } = nature;
    const [poolEnd, minerEnd] = memoryPair(pool.world.clock, {
      writeQueueBytes,
      latencyMs,
      maxLength: minerMaxLength,
      fault: network.faults(this),
      logger: complaints(pool.world, "wire"),
    });
    this.wire = minerEnd;
    this.connection = pool.accept(poolEnd, writeQueueBytes);
    this.client = new MiningClient(
      minerEnd,
      { flags: nature.flags, vendor: nature.honest ? "honest" : "lode-proxy" },
      {
        onSetup: () => this.#openSome(),
        onRefused: () => {
          this.gone = true;
        },
        onOpened: (channel) => this.#onOpened(channel),
        onJob: (channel, job) => this.#onJob(channel, job),
        onAccepted: (channel, answer) => this.#onAccepted(channel, answer),
        onRejected: (channel, answer) => this.#onRejected(channel, answer),
        onViolation: (violation, message, channelId) => {
          // Answers cross our own CloseChannel, and whoever names channels that are none is told so.
          const ours = this.#closedByUs.has(channelId);
          const expected = ours || !nature.honest;
          if (violation === "unknown-channel" && expected) return;
          // Who closes the group while a channel is being opened takes that for open.
          if (violation === "min-ntime-decreased" && !nature.honest) return;
          this.#wrong("protocol", `${violation}: ${message} for channel ${channelId}`);
        },
        onClose: (reason) => {
          this.gone = true;
          this.#world.trace.event(`${name}: closed: ${reason}`);
          const cause = this.connection.ended ?? "";
          if (nature.honest && pool.limits.isPatient && cause.startsWith("too-many-"))
            this.#wrong("right-verdict", `an honest miner was closed: ${cause}`);
        },
      },
      { clock: pool.world.clock, logger: complaints(pool.world, name), metrics: noMetrics },
    );
  }

  /** Whether it can open channels of that kind. */
  allows(kind: "standard" | "extended"): boolean {
    const refused =
      kind === "standard" ? MiningFlags.requiresWorkSelection : MiningFlags.requiresStandardJobs;
    return (this.nature.flags & refused) === 0;
  }

  /** Asks for one more channel. */
  open(): void {
    if (this.workplaces.size >= MAX_CHANNELS) return;
    const prng = this.#prng;
    const extended = this.allows("extended") && (!this.allows("standard") || prng.chance(0.5));
    const request = {
      userIdentity: userIdentity(prng),
      nominalHashRate: prng.pick([0, 1, 5, 20]),
    };
    this.client.open(extended ? { ...request, minExtranonceSize: prng.pick([0, 2, 8, 16]) } : request);
  }

  /** Mines on every channel for a moment and hands in what it finds. */
  work(): void {
    for (const workplace of this.workplaces.values()) {
      const { job } = workplace.channel;
      const share = job && this.find(workplace, job, "share");
      if (share) this.handIn(workplace, share);
    }
  }

  /** Looks for a hash on a job, for a bounded number of tries. */
  find(workplace: Workplace, job: ActiveJob, wanted: Wanted): ClientShare | undefined {
    const prng = this.#prng;
    const { extranonceSize, kind } = workplace.channel;
    const extranonce = prng.bytes(extranonceSize);
    const rolled = prng.chance(0.5) ? prng.u32() & 0x1fff_ffe0 : 0;
    const version = (job.version ^ rolled) >>> 0;
    const ntime = job.minNtime + (prng.chance(0.3) ? prng.below(60) : 0);
    const { prevHash, nbits, jobId } = job;
    const header = new HeaderHasher({
      version,
      ntime,
      prevHash,
      nbits,
      merkleRoot: merkleRootOf(job.work, extranonce),
    });
    const networkTarget = targetToBytes(targetFromNbits(nbits));
    for (let tries = wanted === "block" ? 200 : 40; tries > 0; tries--) {
      const nonce = workplace.nextNonce;
      workplace.nextNonce = (nonce + 1) >>> 0;
      const hash = header.hash(nonce);
      const isShare = isAtMost(hash, job.target);
      if (wanted === "share" ? isShare : wanted === "too-easy" ? !isShare : isAtMost(hash, networkTarget)) {
        return { jobId, nonce, ntime, version, ...(kind === "standard" ? {} : { extranonce }) };
      }
    }
    return undefined;
  }

  /** Sends a share as a miner should. */
  handIn(workplace: Workplace, share: ClientShare): void {
    const sequenceNumber = this.client.submit(workplace.channel, share);
    workplace.lastShare = share;
    if (this.nature.honest) workplace.outstanding.push(sequenceNumber);
  }

  closeChannel(workplace: Workplace): void {
    const { id, groupChannelId } = workplace.channel;
    this.#closedByUs.add(id).add(groupChannelId);
    this.workplaces.delete(id);
    this.client.closeChannel(workplace.channel);
  }

  #openSome(): void {
    for (let count = this.#prng.pick([1, 1, 1, 2, 4]); count > 0; count--) this.open();
  }

  #onOpened(channel: ClientChannel): void {
    const nextNonce = this.#prng.u32();
    this.workplaces.set(channel.id, { channel, outstanding: [], nextNonce, jobs: [], lastShare: null });
  }

  #onJob(channel: ClientChannel, job: ActiveJob): void {
    const jobs = this.workplaces.get(channel.id)?.jobs;
    if (jobs === undefined) return;
    jobs.push(job);
    if (jobs.length > KEPT_JOBS) jobs.shift();
  }

  #onAccepted(channel: ClientChannel, answer: mining.SubmitSharesSuccess): void {
    const workplace = this.workplaces.get(channel.id);
    if (workplace === undefined || !this.nature.honest) return;
    const { lastSequenceNumber, newSubmitsAcceptedCount } = answer;
    // Refusals come at once, so up to the last sequence number only accepted shares are still open.
    const answered = workplace.outstanding.filter((number) => number <= lastSequenceNumber).length;
    workplace.outstanding.splice(0, answered);
    if (answered !== newSubmitsAcceptedCount) {
      this.#wrong("true-record", `${newSubmitsAcceptedCount} shares were answered, ${answered} were open`);
    }
  }

  #onRejected(channel: ClientChannel, { sequenceNumber, errorCode }: mining.SubmitSharesError): void {
    const workplace = this.workplaces.get(channel.id);
    if (workplace === undefined || !this.nature.honest) return;
    const index = workplace.outstanding.indexOf(sequenceNumber);
    if (index < 0) this.#wrong("right-verdict", `share ${sequenceNumber} was refused, which was not sent`);
    else workplace.outstanding.splice(index, 1);
    if (!EXCUSABLE.has(errorCode)) this.#wrong("right-verdict", `an honest share was refused: ${errorCode}`);
  }

  #wrong(invariant: Parameters<World["violate"]>[0], detail: string): void {
    this.#world.violate(invariant, `${this.name}: ${detail}`);
  }
}

/** A log in which nothing above info may appear. */
function complaints(world: World, who: string): Logger {
  const complain = (fields: object, message: string) => {
    const error = "err" in fields ? `: ${String(fields.err)}` : "";
    world.violate("contained", `${who}: ${message}${error}`);
  };
  return { debug() {}, info() {}, warn: complain, error: complain };
}
