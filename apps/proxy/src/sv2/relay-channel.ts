import { blockHash, bytesToTarget, equalBytes, targetFromNbits } from "@lode/bitcoin";
import { MAX_FUTURE_NTIME, ShareSet, shareErrors, VERSION_ROLLING_MASK } from "@lode/mining";
import { encodeFrame, mining } from "@lode/protocol";
import { type ActiveJob, type ClientChannel, headerOf } from "@lode/roles";
import { PendingShares } from "../miner/pending-shares.ts";
import type { ChannelUser, UpstreamLink } from "../upstream/upstream-link.ts";

/** The connection a relayed channel belongs to. */
export interface RelayOwner {
  /** Wall clock, milliseconds. */
  now(): number;
  /** Monotonic milliseconds. */
  monotonic(): number;
  send(frame: Uint8Array): void;
  /** The channel was not opened, or the pool has closed it. */
  onGone(channel: RelayChannel, wasOpen: boolean): void;
  onNameAccepted(identity: string): void;
  /** The pool refused the channel for its name. */
  onNameRefused(identity: string, errorCode: string): void;
  onForwarded(): void;
  onAccepted(count: number): void;
  /** Counts a share that was refused, here or upstream; strikes are per connection. */
  onRefused(errorCode: string): void;
  onBlock(): void;
}

/** What a channel was asked for with. */
export interface RelayRequest {
  /** The miner's own. */
  readonly requestId: number;
  /** The user_identity upstream. */
  readonly identity: string;
}

/** A share as it came, with its extranonce behind the prefix; empty on a standard channel. */
export type RelayedShare = mining.SubmitSharesStandard & { readonly extranonce: Uint8Array };

/**
 * A Stratum V2 miner's channel and the one upstream that stands for it. Ids and sequence numbers are the connection's own on either
 * side, everything else is passed on. Shares are judged here first: what the pool would refuse does not reach it.
 */
export class RelayChannel implements ChannelUser {
  readonly id: number;
  readonly link: UpstreamLink;
  readonly #request: RelayRequest;
  readonly #owner: RelayOwner;
  #channel: ClientChannel | undefined;
  /** By id: those of the tip, and those of the tip before, which are stale. */
  #jobs = new Map<number, ActiveJob>();
  #stale = new Map<number, ActiveJob>();
  #seen = new ShareSet();
  #prefix: Uint8Array = new Uint8Array(0);
  /** Ids are the downstream sequence numbers. */
  readonly #pending = new PendingShares();

  constructor(id: number, request: RelayRequest, link: UpstreamLink, owner: RelayOwner) {
    this.id = id;
    this.#request = request;
    this.link = link;
    this.#owner = owner;
  }

  /** When the oldest share without an answer was handed in, monotonic milliseconds. */
  get waitingSince(): number | undefined {
    return this.#pending.oldestAt;
  }

  get isExtended(): boolean {
    return this.#channel?.kind === "extended";
  }

  onOpened(channel: ClientChannel): void {
    this.#channel = channel;
    this.#prefix = channel.extranoncePrefix;
    const { target, extranoncePrefix, extranonceSize } = channel;
    this.#owner.onNameAccepted(this.#request.identity);
    const { requestId } = this.#request;
    const fields = { requestId, channelId: this.id, groupChannelId: GROUP_CHANNEL_ID };
    this.#owner.send(
      channel.kind === "standard"
        ? encodeFrame(mining.OpenStandardMiningChannelSuccess, { ...fields, target, extranoncePrefix })
        : encodeFrame(mining.OpenExtendedMiningChannelSuccess, {
            ...fields,
            target,
            extranoncePrefix,
            extranonceSize,
          }),
    );
  }

  onOpenRefused(errorCode: string): void {
    const { requestId, identity } = this.#request;
    this.#owner.send(encodeFrame(mining.OpenMiningChannelError, { requestId, errorCode }));
    if (NAME_REFUSALS.has(errorCode)) this.#owner.onNameRefused(identity, errorCode);
    this.#owner.onGone(this, false);
  }

  /** A future job and the SetNewPrevHash that activates it on a new tip, else a job to mine on at once. */
  onJob(channel: ClientChannel, job: ActiveJob, newTip: boolean): void {
    if (newTip) {
      this.#stale = this.#jobs;
      this.#jobs = new Map();
      this.#seen = new ShareSet();
    }
    this.#jobs.set(job.jobId, job);
    if (this.#jobs.size > MOST_JOBS) this.#jobs.delete(this.#jobs.keys().next().value!);
    this.#tellPrefix(channel);
    const { jobId, version, versionRollingAllowed, work, prevHash, nbits, minNtime } = job;
    const head = { channelId: this.id, jobId, version, minNtime: newTip ? null : minNtime };
    if (work.kind === "standard") {
      this.#owner.send(encodeFrame(mining.NewMiningJob, { ...head, merkleRoot: work.merkleRoot }));
    } else {
      const { coinbaseTxPrefix, coinbaseTxSuffix, merklePath } = work;
      const rest = { versionRollingAllowed, coinbaseTxPrefix, coinbaseTxSuffix, merklePath: [...merklePath] };
      this.#owner.send(encodeFrame(mining.NewExtendedMiningJob, { ...head, ...rest }));
    }
    if (newTip) {
      const fields = { channelId: this.id, jobId, prevHash, nbits, minNtime };
      this.#owner.send(encodeFrame(mining.SetNewPrevHash, fields));
    }
  }

  onTarget({ target }: ClientChannel): void {
    this.#owner.send(encodeFrame(mining.SetTarget, { channelId: this.id, maximumTarget: target }));
  }

  onUpdateRefused(errorCode: string): void {
    this.#owner.send(encodeFrame(mining.UpdateChannelError, { channelId: this.id, errorCode }));
  }

  onAccepted({
    lastSequenceNumber,
    newSubmitsAcceptedCount,
    newSharesSum,
  }: mining.SubmitSharesSuccess): void {
    const answered = this.#pending.takeThrough(lastSequenceNumber);
    const last = answered.at(-1)?.id;
    if (last === undefined || last === null) return;
    this.#owner.onAccepted(answered.length);
    const fields = {
      channelId: this.id,
      lastSequenceNumber: Number(last),
      newSubmitsAcceptedCount,
      newSharesSum,
    };
    this.#owner.send(encodeFrame(mining.SubmitSharesSuccess, fields));
  }

  onRejected(sequenceNumber: number, errorCode: string): void {
    const share = this.#pending.take(sequenceNumber);
    if (share?.id !== undefined && share.id !== null) this.#refuse(Number(share.id), errorCode);
  }

  onChannelClosed(reasonCode: string): void {
    this.#channel = undefined;
    this.#owner.send(encodeFrame(mining.CloseChannel, { channelId: this.id, reasonCode }));
    this.#owner.onGone(this, true);
  }

  update(nominalHashRate: number, maximumTarget: Uint8Array): void {
    if (this.#channel !== undefined) this.link.update(this.#channel, nominalHashRate, maximumTarget);
  }

  /** The miner has closed the channel, or is gone. */
  close(): void {
    if (!this.link.isOpen) return;
    this.link.giveUp(this);
    if (this.#channel !== undefined) this.link.closeChannel(this.#channel);
    this.#channel = undefined;
  }

  /** Judges a share in the order of Lode's own pool, and hands it on when it is good. A block is handed on in any case. */
  onShare(share: RelayedShare): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    const { sequenceNumber, jobId, version, ntime, nonce } = share;
    const job = this.#jobs.get(jobId) ?? this.#stale.get(jobId);
    const extranonce = share.extranonce.slice();
    if (job === undefined) {
      this.#refuse(sequenceNumber, shareErrors.unknownJob);
      return;
    }
    if (extranonce.length !== channel.extranonceSize) {
      this.#refuse(sequenceNumber, shareErrors.extranonceSize);
      return;
    }
    const hash = blockHash(headerOf(job, { extranonce, version, ntime, nonce }));
    const number = bytesToTarget(hash);
    const refusal = this.#refusal(job, share, hash, number);
    const isBlock = number <= networkTarget(job.nbits) && !this.#seen.has(hash);
    if (isBlock) this.#owner.onBlock();
    if (refusal === undefined || isBlock) {
      this.#seen.add(hash);
      const id = refusal === undefined ? String(sequenceNumber) : null;
      const upstream = this.link.submit(channel, {
        jobId,
        version,
        ntime,
        nonce,
        ...(channel.kind === "extended" ? { extranonce } : {}),
      });
      this.#pending.add({ sequenceNumber: upstream, id, at: this.#owner.monotonic(), difficulty: 0 });
    }
    if (refusal === undefined) this.#owner.onForwarded();
    else this.#refuse(sequenceNumber, refusal);
  }

  #refusal(job: ActiveJob, share: RelayedShare, hash: Uint8Array, number: bigint): string | undefined {
    if (!this.#jobs.has(share.jobId)) return shareErrors.stale;
    const mask = job.versionRollingAllowed ? VERSION_ROLLING_MASK : 0;
    if (((share.version ^ job.version) & ~mask) !== 0) return shareErrors.versionBits;
    const latest = Math.floor(this.#owner.now() / 1000) + MAX_FUTURE_NTIME;
    if (share.ntime < job.minNtime || share.ntime > latest) return shareErrors.ntime;
    if (number > bytesToTarget(job.target)) return shareErrors.aboveTarget;
    if (this.#seen.has(hash)) return shareErrors.duplicate;
    return this.#pending.size >= MOST_WAITING || this.#seen.size >= MOST_SEEN
      ? shareErrors.tooMany
      : undefined;
  }

  #refuse(sequenceNumber: number, errorCode: string): void {
    this.#owner.send(
      encodeFrame(mining.SubmitSharesError, { channelId: this.id, sequenceNumber, errorCode }),
    );
    this.#owner.onRefused(errorCode);
  }

  #tellPrefix({ extranoncePrefix }: ClientChannel): void {
    if (equalBytes(extranoncePrefix, this.#prefix)) return;
    this.#prefix = extranoncePrefix;
    this.#owner.send(encodeFrame(mining.SetExtranoncePrefix, { channelId: this.id, extranoncePrefix }));
  }
}

/** An upstream's nbits that no block could have make no block here. */
function networkTarget(nbits: number): bigint {
  try {
    return targetFromNbits(nbits);
  } catch {
    return 0n;
  }
}

/** Codes of OpenMiningChannel.Error that are about the name. */
const NAME_REFUSALS: ReadonlySet<string> = new Set(["unknown-user", "invalid-user-identity"]);
/** No message is addressed to the group: each channel has its own. */
const GROUP_CHANNEL_ID = 1;
const MOST_JOBS = 32;
const MOST_WAITING = 1_000;
const MOST_SEEN = 100_000;
