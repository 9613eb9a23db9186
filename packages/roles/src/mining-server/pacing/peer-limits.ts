import { TokenBucket } from "@lode/ports";
import type { MiningEndReason } from "../../session/end-reasons.ts";
import type { MiningServerSettings } from "../settings.ts";

/** What one connection has done wrong, or done often, against what it may. Costs nothing while a peer behaves. */
export class PeerLimits {
  readonly #settings: MiningServerSettings;
  #shares: TokenBucket | undefined;
  #messages: TokenBucket | undefined;
  #unknown: TokenBucket | undefined;
  #updates: TokenBucket | undefined;
  #openings: TokenBucket | undefined;
  #excess: TokenBucket | undefined;

  constructor(settings: MiningServerSettings) {
    this.#settings = settings;
  }

  /** A share was accepted: one that was refused is made good. */
  onAcceptedShare(): void {
    this.#shares?.giveBack();
  }

  /**
   * A share was refused.
   *
   * @param channels open ones
   * @param now monotonic milliseconds, as everywhere here
   * @returns why the connection must end, if it must
   */
  onRefusedShare(channels: number, now: number): MiningEndReason | undefined {
    const { invalidSharesPerChannel, invalidShares } = this.#settings;
    const { burst, perSecond } = invalidShares;
    this.#shares ??= new TokenBucket(now);
    const within = this.#shares.spend({ burst: burst + invalidSharesPerChannel * channels, perSecond }, now);
    return within ? undefined : "too-many-invalid-shares";
  }

  /** A message was refused or made no sense. @returns as {@link onRefusedShare} */
  onInvalidMessage(now: number): MiningEndReason | undefined {
    this.#messages ??= new TokenBucket(now);
    return this.#messages.spend(this.#settings.invalidMessages, now)
      ? undefined
      : "too-many-invalid-messages";
  }

  /** A message of unknown type came. @returns as {@link onRefusedShare} */
  onUnknownMessage(now: number): MiningEndReason | undefined {
    this.#unknown ??= new TokenBucket(now);
    return this.#unknown.spend(this.#settings.unknownMessages, now) ? undefined : "too-many-invalid-messages";
  }

  /** UpdateChannel came; each open channel may have one a second (SV2 5.3.7). @returns as {@link onRefusedShare} */
  onUpdate(channels: number, now: number): MiningEndReason | undefined {
    const { burst, perSecond } = this.#settings.updates;
    this.#updates ??= new TokenBucket(now);
    const within = this.#updates.spend({ burst, perSecond: perSecond + channels }, now);
    return within ? undefined : "too-many-invalid-messages";
  }

  /** Whether a channel may be opened now; if so, that is one less. */
  mayOpen(now: number): boolean {
    this.#openings ??= new TokenBucket(now);
    return this.#openings.take(this.#settings.openings, now);
  }

  /** A channel was asked for that the connection may not have, being full. @returns as {@link onRefusedShare} */
  onExcessOpening(now: number): MiningEndReason | undefined {
    this.#excess ??= new TokenBucket(now);
    return this.#excess.spend(this.#settings.openings, now) ? undefined : "too-many-openings";
  }
}
