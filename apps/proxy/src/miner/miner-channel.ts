import { ShareSet } from "@lode/mining";
import { SHARE_MEETS_FIRST, SHARE_MEETS_SECOND } from "@lode/native";
import type { mining } from "@lode/protocol";
import { Sv1ErrorCode } from "@lode/protocol/sv1";
import {
  type ActiveJob,
  type ChannelRequest,
  type ClientChannel,
  EXTRANONCE1_SIZE,
  type Sv1Session,
  type Sv1Share,
} from "@lode/roles";
import type { ChannelUser, UpstreamLink } from "../upstream/upstream-link.ts";
import { ChannelWork } from "./channel-work.ts";
import type { MinerContext } from "./miner-context.ts";
import type { MinerCounts } from "./miner-counts.ts";
import { PendingShares } from "./pending-shares.ts";
import { refusalOf, type ShareRefusal, unknownOutcome } from "./share-errors.ts";

/** Told what happens to a channel beside its shares. */
export interface MinerChannelOwner {
  onOpened(channel: MinerChannel): void;
  onOpenRefused(channel: MinerChannel, errorCode: string): void;
  onWork(channel: MinerChannel, work: ChannelWork, clean: boolean): void;
  onChannelClosed(channel: MinerChannel, reasonCode: string): void;
}

/** A miner's channel at one pool: what was handed in there, and the answers to it. */
export class MinerChannel implements ChannelUser {
  readonly link: UpstreamLink;
  readonly #session: Sv1Session<ChannelWork>;
  readonly #owner: MinerChannelOwner;
  readonly #counts: MinerCounts;
  readonly #context: MinerContext;
  readonly #pending = new PendingShares();
  #channel: ClientChannel | undefined;
  #seen = new ShareSet();
  /** The first job ends what the miner did before. */
  #isFresh = true;

  constructor(
    link: UpstreamLink,
    session: Sv1Session<ChannelWork>,
    owner: MinerChannelOwner,
    counts: MinerCounts,
    context: MinerContext,
  ) {
    this.link = link;
    this.#session = session;
    this.#owner = owner;
    this.#counts = counts;
    this.#context = context;
  }

  /** When the oldest share without an answer was handed in, monotonic milliseconds. */
  get waitingSince(): number | undefined {
    return this.#pending.oldestAt;
  }

  get isOpen(): boolean {
    return this.#channel !== undefined;
  }

  /** Whether work belongs to this channel. */
  has(work: ChannelWork): boolean {
    return this.#channel !== undefined && work.channel === this.#channel;
  }

  open(request: Omit<ChannelRequest, "minExtranonceSize">): void {
    this.link.open(this, { ...request, minExtranonceSize: this.link.sv1ExtranonceSize });
  }

  update(nominalHashRate: number, maximumTarget: Uint8Array | undefined): void {
    if (this.#channel !== undefined) this.link.update(this.#channel, nominalHashRate, maximumTarget);
  }

  /** Closes the channel, or gives it up before it is open. What was handed in is answered as lost. */
  close(): void {
    if (this.link.isOpen) {
      this.link.giveUp(this);
      if (this.#channel !== undefined) this.link.closeChannel(this.#channel);
    }
    this.onLost();
  }

  /** Nobody will answer any more. */
  onLost(): void {
    this.#channel = undefined;
    const waiting = this.#pending.takeAll();
    if (waiting.length > 0) this.#context.onLost(waiting.length);
    for (const { id } of waiting) if (id !== null) this.#refuse(id, unknownOutcome);
  }

  /** Judges a share and hands it in when it is good. */
  onShare(share: Sv1Share<ChannelWork>): void {
    const { work, id } = share;
    const extranonce = work.extranonceOf(this.#session.extranonce1, share.extranonce2);
    const met = work.check(extranonce, share.version, share.ntime, share.nonce, hash);
    const isBlock = (met & SHARE_MEETS_SECOND) !== 0;
    if (this.#seen.has(hash)) {
      this.#reject("duplicate-share");
      this.#session.refuse(id, Sv1ErrorCode.duplicate, "this share was handed in before");
    } else if ((met & SHARE_MEETS_FIRST) === 0) {
      // A block is handed in whatever its share is worth.
      if (isBlock) this.#submit(share, extranonce, null);
      this.#reject("difficulty-too-low");
      const text = `the share is easier than difficulty ${work.difficulty}`;
      this.#session.refuse(id, Sv1ErrorCode.lowDifficulty, text);
    } else if (this.#pending.size >= MOST_WAITING || this.#seen.size >= MOST_SEEN) {
      if (isBlock) this.#submit(share, extranonce, null);
      this.#reject("too-many-shares");
      this.#session.refuse(id, Sv1ErrorCode.other, "too many shares at once", true);
    } else {
      this.#seen.add(hash);
      this.#submit(share, extranonce, id);
      this.#context.onForwarded();
    }
    if (isBlock) this.#context.onBlock();
  }

  onOpened(channel: ClientChannel): void {
    if (channel.kind !== "extended" || channel.extranonceSize < this.link.sv1ExtranonceSize) {
      this.link.closeChannel(channel);
      this.#owner.onOpenRefused(this, "min-extranonce-size-too-large");
      return;
    }
    this.#channel = channel;
    this.#isFresh = true;
    this.#owner.onOpened(this);
  }

  onOpenRefused(errorCode: string): void {
    this.#owner.onOpenRefused(this, errorCode);
  }

  onJob(channel: ClientChannel, job: ActiveJob, newTip: boolean): void {
    const work = new ChannelWork(channel, job, this.link.sv1ExtranonceSize - EXTRANONCE1_SIZE);
    const clean = newTip || this.#isFresh;
    if (clean) this.#seen = new ShareSet();
    this.#isFresh = false;
    this.#owner.onWork(this, work, clean);
  }

  onAccepted({ lastSequenceNumber }: mining.SubmitSharesSuccess): void {
    const now = this.#context.clock.monotonic();
    for (const { id, at, difficulty } of this.#pending.takeThrough(lastSequenceNumber)) {
      if (id === null) continue;
      this.#measure(at);
      this.#context.onAccepted();
      this.#counts.accept(difficulty, now);
      this.#session.accept(id);
    }
  }

  onRejected(sequenceNumber: number, errorCode: string): void {
    const share = this.#pending.take(sequenceNumber);
    if (share === undefined || share.id === null) return;
    this.#measure(share.at);
    this.#reject(errorCode);
    this.#refuse(share.id, refusalOf(errorCode));
    // The pool does not know the channel any more: as good as closed.
    if (errorCode !== "invalid-channel-id" || this.#channel === undefined) return;
    this.link.closeChannel(this.#channel);
    this.onChannelClosed(errorCode);
  }

  onChannelClosed(reasonCode: string): void {
    this.onLost();
    this.#owner.onChannelClosed(this, reasonCode);
  }

  #submit(
    { work, version, ntime, nonce }: Sv1Share<ChannelWork>,
    extranonce: Uint8Array,
    id: string | null,
  ): void {
    const share = { jobId: work.jobId, version, ntime, nonce, extranonce };
    const sequenceNumber = this.link.submit(work.channel, share);
    const at = this.#context.clock.monotonic();
    this.#pending.add({ sequenceNumber, id, at, difficulty: work.difficulty });
  }

  #reject(errorCode: string): void {
    this.#counts.reject(errorCode);
    this.#context.onRejected(errorCode);
  }

  #refuse(id: string, { code, text, blameless }: ShareRefusal): void {
    this.#session.refuse(id, code, text, blameless ?? false);
  }

  #measure(at: number): void {
    const seconds = (this.#context.clock.monotonic() - at) / 1000;
    this.#counts.answered(seconds);
    this.#context.answerSeconds.observe(seconds);
  }
}

const MOST_WAITING = 1_000;
/** Shares of a channel on one tip. */
const MOST_SEEN = 100_000;

/** Scratch space of one check; nothing outside it keeps it. */
const hash = new Uint8Array(32);
