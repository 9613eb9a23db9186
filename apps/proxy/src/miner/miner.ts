import { targetToBytes } from "@lode/bitcoin";
import { SHARE_MEETS_SECOND } from "@lode/native";
import type { Timer } from "@lode/ports";
import { Sv1ErrorCode } from "@lode/protocol/sv1";
import { type Sv1Session, type Sv1Share, targetOfDifficulty } from "@lode/roles";
import type { UpstreamLink } from "../upstream/upstream-link.ts";
import type { ChannelWork } from "./channel-work.ts";
import { MinerChannel, type MinerChannelOwner } from "./miner-channel.ts";
import type { MinerContext } from "./miner-context.ts";
import { HASHES_PER_DIFFICULTY, MinerCounts } from "./miner-counts.ts";
import { nameRefusal, noPool, passingRefusals } from "./share-errors.ts";

/** A Stratum V1 miner that has told its name, and its channel upstream. */
export class Miner implements MinerChannelOwner {
  readonly session: Sv1Session<ChannelWork>;
  /** The channel's user_identity. */
  readonly identity: string;
  readonly counts: MinerCounts;
  readonly #context: MinerContext;
  #current: MinerChannel | undefined;
  /** At the pool before, until its last answers are there. */
  #previous: MinerChannel | undefined;
  #tries = 0;
  #retry: Timer | undefined;
  #closedAt = Number.NEGATIVE_INFINITY;
  #updatedAt = Number.NEGATIVE_INFINITY;
  #openedAt = Number.POSITIVE_INFINITY;
  /** What the pool before had come to; undefined before it had time to. */
  #learntDifficulty: number | undefined;

  constructor(session: Sv1Session<ChannelWork>, identity: string, context: MinerContext) {
    this.session = session;
    this.identity = identity;
    this.#context = context;
    this.counts = new MinerCounts(context.clock.monotonic());
  }

  /** When the oldest share without an answer was handed in, monotonic milliseconds. */
  get waitingSince(): number | undefined {
    return this.#previous?.waitingSince ?? this.#current?.waitingSince;
  }

  /** The link of the channel it mines on, or wants one on; undefined without. */
  get link(): UpstreamLink | undefined {
    return this.#current?.link;
  }

  /** Mines over this link from now on. What was handed in over the one before is still answered as long as it is there. */
  moveTo(link: UpstreamLink): void {
    this.#learn();
    this.#retry?.cancel();
    this.#tries = 0;
    this.#previous?.close();
    this.#previous = this.#current?.isOpen === true ? this.#current : undefined;
    if (this.#previous === undefined) this.#current?.close();
    this.#open(link);
  }

  /** The link is over: nobody will answer what was handed in over it. */
  onLinkLost(link: UpstreamLink): void {
    if (this.#previous?.link === link) {
      this.#previous.onLost();
      this.#previous = undefined;
    }
    if (this.#current?.link === link) {
      this.#learn();
      this.#retry?.cancel();
      this.#current.onLost();
      this.#current = undefined;
    }
  }

  /** The miner is gone. */
  leave(): void {
    this.#retry?.cancel();
    this.#previous?.close();
    this.#current?.close();
    this.#previous = undefined;
    this.#current = undefined;
  }

  /** The miner wants another difficulty. */
  onWishes(): void {
    const now = this.#context.clock.monotonic();
    // Some firmware repeats its wish as a sign of life.
    if (now - this.#updatedAt < UPDATE_EVERY_MS) return;
    this.#updatedAt = now;
    const { nominalHashRate, maxTarget } = this.#wishes();
    this.#current?.update(nominalHashRate, maxTarget);
  }

  onShare(share: Sv1Share<ChannelWork>): void {
    const channel = [this.#current, this.#previous].find((one) => one?.has(share.work));
    if (channel !== undefined) {
      channel.onShare(share);
      return;
    }
    if (this.#current === undefined) this.session.refuse(share.id, noPool.code, noPool.text, true);
    else {
      // Work of the lobby, from before the channel was there, or of a connection to the pool that is over.
      const text = "this job is over; another follows";
      this.session.refuse(share.id, Sv1ErrorCode.staleJob, text);
    }
    this.onLostShare(share);
  }

  /** A share that counts for nobody any more is handed in all the same when it is a block. */
  onLostShare(share: Sv1Share<ChannelWork>): void {
    const link = [this.#current, this.#previous].find((one) => one?.has(share.work))?.link ?? this.link;
    if (link !== undefined && submitIfBlock(link, this.session, share)) this.#context.onBlock();
  }

  onOpened(channel: MinerChannel): void {
    if (channel !== this.#current) return;
    this.#tries = 0;
    this.#openedAt = this.#context.clock.monotonic();
    this.#context.onNameAccepted(this.identity);
    this.session.authorized();
  }

  onOpenRefused(channel: MinerChannel, errorCode: string): void {
    if (channel !== this.#current) return;
    if (passingRefusals.has(errorCode)) {
      this.#tryAgain(channel.link, `the pool takes no miners at the moment: ${errorCode}`);
      return;
    }
    const text = nameRefusal(errorCode);
    this.#context.onNameRefused(this.session, this.identity, text);
    this.#current = undefined;
    if (this.session.isAuthorized) this.session.close("channel-closed", text);
    else this.session.refuseName(text);
  }

  onWork(channel: MinerChannel, work: ChannelWork, clean: boolean): void {
    // Jobs of the pool before are of no interest once there is another.
    if (channel === this.#current) this.session.setWork(work, clean);
  }

  /** Once is chance; again within a minute, the miner is better off elsewhere. */
  onChannelClosed(channel: MinerChannel, reasonCode: string): void {
    if (channel !== this.#current) return;
    const text = `the pool closed this miner's channel: ${reasonCode}`;
    const now = this.#context.clock.monotonic();
    const again = now - this.#closedAt < CLOSED_AGAIN_MS;
    this.#closedAt = now;
    if (again) this.session.close("channel-closed", text);
    else this.#tryAgain(channel.link, text);
  }

  #open(link: UpstreamLink): void {
    this.#current = new MinerChannel(link, this.session, this, this.counts, this.#context);
    this.#current.open({ userIdentity: this.identity, ...this.#wishes() });
  }

  #tryAgain(link: UpstreamLink, text: string): void {
    this.#tries += 1;
    if (this.#tries > MOST_TRIES) {
      this.session.close("no-pool", text);
      return;
    }
    this.#retry?.cancel();
    this.#retry = this.#context.clock.after(RETRY_MS, () => {
      if (this.session.isOpen && link.isOpen) this.#open(link);
    });
  }

  /** The next pool need not find out from nothing how fast the miner is. */
  #learn(): void {
    if (this.#context.clock.monotonic() - this.#openedAt < LEARNT_AFTER_MS) return;
    this.#learntDifficulty = this.session.work?.difficulty;
    this.#openedAt = Number.POSITIVE_INFINITY;
  }

  #wishes(): { readonly nominalHashRate: number; readonly maxTarget?: Uint8Array } {
    const { minimumDifficulty, suggestedDifficulty } = this.session.wishes;
    const { assumedHashrate, sharesPerMinute } = this.#context;
    const wanted = this.#learntDifficulty ?? suggestedDifficulty ?? minimumDifficulty;
    const hashrate = ((wanted ?? 0) * HASHES_PER_DIFFICULTY * sharesPerMinute) / 60;
    return {
      nominalHashRate:
        wanted === undefined ? assumedHashrate : Math.min(Math.max(hashrate, 1), MOST_HASHRATE),
      ...(minimumDifficulty === undefined
        ? {}
        : { maxTarget: targetToBytes(targetOfDifficulty(minimumDifficulty)) }),
    };
  }
}

/** Hands a share in that nobody is credited for, if it is a block. @returns whether it was */
export function submitIfBlock(
  link: UpstreamLink,
  session: Sv1Session<ChannelWork>,
  { work, extranonce2, version, ntime, nonce }: Sv1Share<ChannelWork>,
): boolean {
  const extranonce = work.extranonceOf(session.extranonce1, extranonce2);
  if ((work.check(extranonce, version, ntime, nonce, hash) & SHARE_MEETS_SECOND) === 0) return false;
  link.submit(work.channel, { jobId: work.jobId, version, ntime, nonce, extranonce });
  return true;
}

const MOST_HASHRATE = 1e21;
const LEARNT_AFTER_MS = 60_000;
const UPDATE_EVERY_MS = 10_000;
const CLOSED_AGAIN_MS = 60_000;
const RETRY_MS = 2_000;
const MOST_TRIES = 5;

/** Scratch space of one check; nothing outside it keeps it. */
const hash = new Uint8Array(32);
