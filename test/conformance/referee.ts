import { createHash } from "node:crypto";
import { bytesToTarget, concatBytes } from "@lode/bitcoin";
import { MiningFlags } from "@lode/protocol";
import type { ServerFields, ServerMessage } from "@lode/testing/pool";

/** The rules a server is watched for; what each says is the title of its test. */
export type Rule =
  | "first-job"
  | "work-selection"
  | "job-kind"
  | "job-id"
  | "prevhash"
  | "min-ntime"
  | "closed"
  | "group"
  | "target"
  | "prefix"
  | "version"
  | "verdict"
  | "answer";

/** A job as a channel has it, with what the messages said when it came. */
export interface HeldJob {
  readonly jobId: number;
  readonly work: { readonly merkleRoot: Uint8Array } | ServerFields<"NewExtendedMiningJob">;
  readonly version: number;
  readonly minNtime: number;
  readonly prevHash: Uint8Array;
  readonly nbits: number;
  /** Of the channel when the job was sent (SV2 5.3.10). */
  readonly prefix: Uint8Array;
  /** In force when the job became active (SV2 5.3.21). */
  readonly target: bigint;
}

/** An open channel as its client knows it. */
export interface Place {
  readonly id: number;
  readonly kind: "standard" | "extended";
  readonly extranonceSize: number;
  prefix: Uint8Array;
  target: bigint;
  /** Largest maximum target the client may still be given. */
  limit: bigint;
  /** Active jobs, the newest last. */
  jobs: HeldJob[];
  /** Handed in and not answered. */
  pending: Share[];
}

interface Share {
  readonly sequenceNumber: number;
  /** Codes the server may answer; "" is acceptance. */
  readonly allowed: readonly string[];
}

/** Words a client says that matter to the rules. */
export interface OwnShare {
  readonly nonce: number;
  readonly ntime: number;
  readonly version: number;
  readonly extranonce: Uint8Array;
}

const GROUP = 1;

/**
 * Knows one connection's channels, jobs and targets from its messages alone, as the specification says them, and notes
 * what breaks a rule. Computes headers and hashes by itself; shares nothing with the server but the codec.
 */
export class Referee {
  readonly places = new Map<number, Place>();
  readonly violations: { rule: Rule; what: string }[] = [];
  /** How often each rule had something to say about a message. */
  readonly looked = new Map<Rule, number>();
  readonly #flags: number;
  readonly #jobIds = new Set<number>();
  readonly #closed = new Set<number>();
  /** Future jobs by the id they were sent to. */
  readonly #futures = new Map<
    number,
    (ServerFields<"NewExtendedMiningJob"> | ServerFields<"NewMiningJob">)[]
  >();
  /** Chains of channels: what they mine on. */
  readonly #tips = new Map<number, { prevHash: Uint8Array; nbits: number; minNtime: number }>();
  /** A channel whose first job or first SetNewPrevHash must come next. */
  #opening: { id: number; jobId: number | null } | null = null;

  constructor(flags: number) {
    this.#flags = flags;
  }

  /** The client closed a channel, or the group's. */
  onClosed(id: number): void {
    for (const place of id === GROUP ? [...this.places.values()] : [this.places.get(id)]) {
      if (place === undefined) continue;
      this.places.delete(place.id);
      this.#closed.add(place.id);
    }
  }

  /** A channel of this kind is opened: the next thing the server says. */
  onOpened(
    kind: Place["kind"],
    {
      channelId: id,
      extranoncePrefix: prefix,
      target,
      groupChannelId,
    }: ServerFields<"OpenStandardMiningChannelSuccess">,
    extranonceSize: number,
    limit: bigint,
  ): void {
    this.#check("group", groupChannelId === GROUP, `channel ${id} belongs to group ${groupChannelId}`);
    this.#check("target", bytesToTarget(target) <= limit, `channel ${id} opens above its maximum target`);
    const place = { id, kind, prefix: prefix.slice(), extranonceSize, target: bytesToTarget(target), limit };
    this.places.set(id, { ...place, jobs: [], pending: [] });
    if ((this.#flags & MiningFlags.requiresWorkSelection) === 0) this.#opening = { id, jobId: null };
  }

  /** What a share must be answered, by the messages alone. */
  onSubmitted(place: Place, job: HeldJob, sequenceNumber: number, share: OwnShare): void {
    const newest = place.jobs.at(-1)!;
    const meets = hashOf(place, job, share) <= job.target ? "" : "difficulty-too-low";
    const allowed =
      job === newest
        ? [meets]
        : same(job.prevHash, newest.prevHash)
          ? [meets, "invalid-job-id"]
          : ["stale-share", "invalid-job-id"];
    place.pending.push({ sequenceNumber, allowed });
  }

  /** Everything accepted so far was made durable and the answers have been heard. */
  onAcknowledged(): void {
    for (const { id, pending } of this.places.values()) {
      this.#check(
        "answer",
        pending.length === 0,
        `channel ${id}: ${pending.length} shares without an answer`,
      );
    }
  }

  /** Time for every retarget there was to be. */
  onRest(): void {
    for (const { id, target, limit } of this.places.values()) {
      this.#check("target", target <= limit, `channel ${id} keeps a target above its client's maximum`);
    }
  }

  hear({ name, fields }: ServerMessage): void {
    const expected = this.#opening;
    if (
      expected !== null &&
      name !== "NewMiningJob" &&
      name !== "NewExtendedMiningJob" &&
      name !== "SetNewPrevHash"
    ) {
      this.#check(
        "first-job",
        false,
        `${name} came between opening channel ${expected.id} and its first job`,
      );
      this.#opening = null;
    }
    if ("channelId" in fields) {
      this.#check(
        "closed",
        !this.#closed.has(fields.channelId),
        `${name} for closed channel ${fields.channelId}`,
      );
      if (fields.channelId === GROUP) this.#onGroupMessage(name);
    }
    if (name === "NewMiningJob") this.#onJob("standard", fields);
    if (name === "NewExtendedMiningJob") this.#onJob("extended", fields);
    if (name === "SetNewPrevHash") this.#onPrevHash(fields);
    if (name === "SetTarget") this.#onTarget(fields);
    if (name === "SetExtranoncePrefix") this.#onPrefix(fields);
    if (name === "SubmitSharesSuccess") this.#onSuccess(fields);
    if (name === "SubmitSharesError") this.#onError(fields);
    if (name === "SetGroupChannel")
      this.#check("group", false, "SetGroupChannel, although groups do not change");
  }

  #onGroupMessage(name: ServerMessage["name"]): void {
    const standardJobs = (this.#flags & MiningFlags.requiresStandardJobs) !== 0;
    this.#check("group", !standardJobs, `${name} for the group of a client that requires standard jobs`);
    const forGroups = ["NewExtendedMiningJob", "SetNewPrevHash", "SubmitSharesError", "UpdateChannelError"];
    this.#check("group", forGroups.includes(name), `${name} for the group`);
  }

  #onJob(
    kind: Place["kind"],
    job: ServerFields<"NewExtendedMiningJob"> | ServerFields<"NewMiningJob">,
  ): void {
    const { channelId, jobId, minNtime } = job;
    const selects = (this.#flags & MiningFlags.requiresWorkSelection) !== 0;
    this.#check("work-selection", !selects, "a job for a client that selects its own work");
    const addressed = this.#addressed(channelId);
    const fits = channelId === GROUP ? kind === "extended" : addressed[0]?.kind === kind;
    this.#check("job-kind", fits, `${kind} job for channel ${channelId}, which is ${addressed[0]?.kind}`);
    this.#check("job-id", !this.#jobIds.has(jobId), `job ${jobId} came twice`);
    this.#jobIds.add(jobId);
    if ("versionRollingAllowed" in job) {
      this.#check("version", job.versionRollingAllowed, `job ${jobId} does not allow version rolling`);
    }
    const { id, jobId: first } = this.#opening ?? { id: channelId, jobId: null };
    if (this.#opening !== null) {
      const right = channelId === id && first === null && minNtime === null;
      this.#check(
        "first-job",
        right,
        `channel ${id}: job ${jobId} for ${channelId}, min_ntime ${minNtime}, came first`,
      );
      this.#opening = { id, jobId };
    }
    if (minNtime === null) this.#futures.set(channelId, [...(this.#futures.get(channelId) ?? []), job]);
    else for (const place of addressed) this.#activate(place, job, minNtime);
  }

  #onPrevHash({ channelId, jobId, prevHash, nbits, minNtime }: ServerFields<"SetNewPrevHash">): void {
    if (this.#opening !== null) {
      const right = channelId === this.#opening.id && jobId === this.#opening.jobId;
      this.#check(
        "first-job",
        right,
        `SetNewPrevHash of job ${jobId} for ${channelId} came instead of the first`,
      );
      this.#opening = null;
    }
    const job = this.#futures.get(channelId)?.find((future) => future.jobId === jobId);
    this.#check(
      "prevhash",
      job !== undefined,
      `SetNewPrevHash names job ${jobId}, no future job of ${channelId}`,
    );
    for (const place of this.#addressed(channelId)) {
      const last = this.#tips.get(place.id);
      const falls = last !== undefined && same(last.prevHash, prevHash) && minNtime < last.minNtime;
      this.#check("min-ntime", !falls, `min_ntime of channel ${place.id} falls with SetNewPrevHash`);
      this.#tips.set(place.id, { prevHash: prevHash.slice(), nbits, minNtime });
      this.#futures.delete(place.id);
      if (job !== undefined) this.#activate(place, job, minNtime);
    }
    this.#futures.delete(channelId);
  }

  #activate(
    place: Place,
    job: ServerFields<"NewExtendedMiningJob"> | ServerFields<"NewMiningJob">,
    minNtime: number,
  ): void {
    const tip = this.#tips.get(place.id);
    this.#check("prevhash", tip !== undefined, `job ${job.jobId} is to be mined before any SetNewPrevHash`);
    if (tip === undefined) return;
    this.#check(
      "min-ntime",
      minNtime >= tip.minNtime,
      `min_ntime of job ${job.jobId} is below the one before`,
    );
    this.#tips.set(place.id, { ...tip, minNtime });
    const { jobId, version } = job;
    const { prefix, target } = place;
    const held = { jobId, version, minNtime, prevHash: tip.prevHash, nbits: tip.nbits, prefix, target };
    const work = "merkleRoot" in job ? { merkleRoot: job.merkleRoot.slice() } : job;
    place.jobs = [...place.jobs, { ...held, work }].slice(-12);
  }

  #onTarget({ channelId, maximumTarget }: ServerFields<"SetTarget">): void {
    const place = this.places.get(channelId);
    this.#check("target", place !== undefined, `SetTarget for ${channelId}, which is no open channel`);
    if (place === undefined) return;
    place.target = bytesToTarget(maximumTarget);
    this.#check(
      "target",
      place.target <= place.limit,
      `SetTarget of ${channelId} is above its client's maximum`,
    );
  }

  #onPrefix({ channelId, extranoncePrefix }: ServerFields<"SetExtranoncePrefix">): void {
    const place = this.places.get(channelId);
    this.#check(
      "prefix",
      place !== undefined,
      `SetExtranoncePrefix for ${channelId}, which is no open channel`,
    );
    if (place === undefined) return;
    const fits = extranoncePrefix.length === place.prefix.length;
    this.#check("prefix", fits, `the prefix of channel ${channelId} changes its size`);
    place.prefix = extranoncePrefix.slice();
    const others = [...this.places.values()].filter((other) => other !== place);
    const taken = others.some(({ prefix }) => same(prefix.subarray(0, 4), place.prefix.subarray(0, 4)));
    this.#check("prefix", !taken, `channel ${channelId} gets a prefix that another has`);
  }

  #onSuccess(answer: ServerFields<"SubmitSharesSuccess">): void {
    const place = this.places.get(answer.channelId);
    const shares = place?.pending.splice(0) ?? [];
    const accepted = shares.filter(({ allowed }) => allowed.includes(""));
    this.#check(
      "verdict",
      accepted.length === shares.length,
      `channel ${answer.channelId}: a share that is none was accepted`,
    );
    this.#check(
      "answer",
      answer.newSubmitsAcceptedCount === shares.length,
      `${answer.newSubmitsAcceptedCount} shares acknowledged, not ${shares.length}`,
    );
    this.#check(
      "answer",
      answer.lastSequenceNumber === shares.at(-1)?.sequenceNumber,
      "another share's sequence number",
    );
  }

  #onError({ channelId, sequenceNumber, errorCode }: ServerFields<"SubmitSharesError">): void {
    const place = this.places.get(channelId);
    const share = place?.pending.find((pending) => pending.sequenceNumber === sequenceNumber);
    if (place === undefined) return;
    this.#check("answer", share !== undefined, `an error for share ${sequenceNumber}, which is answered`);
    if (share === undefined) return;
    place.pending = place.pending.filter((pending) => pending !== share);
    const right = share.allowed.includes(errorCode);
    this.#check(
      "verdict",
      right,
      `share ${sequenceNumber} got ${errorCode}, not "${share.allowed.join('" or "')}"`,
    );
  }

  /** The open channels an id stands for. */
  #addressed(channelId: number): Place[] {
    if (channelId === GROUP) return [...this.places.values()];
    const place = this.places.get(channelId);
    return place === undefined ? [] : [place];
  }

  #check(rule: Rule, holds: boolean, what: string): void {
    this.looked.set(rule, (this.looked.get(rule) ?? 0) + 1);
    if (!holds) this.violations.push({ rule, what });
  }
}

/** A share's hash as an integer (SV2 5.3.16). */
function hashOf(place: Place, job: HeldJob, { nonce, ntime, version, extranonce }: OwnShare): bigint {
  const header = new Uint8Array(80);
  const view = new DataView(header.buffer);
  view.setUint32(0, version, true);
  header.set(job.prevHash, 4);
  header.set(merkleRootOf(place, job, extranonce), 36);
  view.setUint32(68, ntime, true);
  view.setUint32(72, job.nbits, true);
  view.setUint32(76, nonce, true);
  return bytesToTarget(hash(header));
}

function merkleRootOf({ kind }: Place, { work, prefix }: HeldJob, extranonce: Uint8Array): Uint8Array {
  if ("merkleRoot" in work) return work.merkleRoot;
  const rolled = kind === "standard" ? new Uint8Array(0) : extranonce;
  const coinbase = concatBytes(work.coinbaseTxPrefix, prefix, rolled, work.coinbaseTxSuffix);
  return work.merklePath.reduce((root, leaf) => hash(concatBytes(root, leaf)), hash(coinbase));
}

function hash(bytes: Uint8Array): Uint8Array {
  const once = createHash("sha256").update(bytes).digest();
  return createHash("sha256").update(once).digest();
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
