import type { MiningEndReason } from "../../session/end-reasons.ts";
import type { Allowance, MiningServerSettings } from "../settings.ts";

/** What one connection has done wrong, or done often, against what it may. Costs nothing while a peer behaves. */
export class PeerLimits {
  readonly #settings: MiningServerSettings;
  #shares: Budget | undefined;
  #messages: Budget | undefined;
  #unknown: Budget | undefined;
  #updates: Budget | undefined;
  #openings: Budget | undefined;
  #excess: Budget | undefined;

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
    const { invalidShares, invalidSharesPerChannel } = this.#settings;
    this.#shares ??= new Budget(now);
    const within = this.#shares.spend(invalidShares, now, invalidSharesPerChannel * channels);
    return within ? undefined : "too-many-invalid-shares";
  }

  /** A message was refused or made no sense. @returns as {@link onRefusedShare} */
  onInvalidMessage(now: number): MiningEndReason | undefined {
    this.#messages ??= new Budget(now);
    return this.#messages.spend(this.#settings.invalidMessages, now)
      ? undefined
      : "too-many-invalid-messages";
  }

  /** A message of unknown type came. @returns as {@link onRefusedShare} */
  onUnknownMessage(now: number): MiningEndReason | undefined {
    this.#unknown ??= new Budget(now);
    return this.#unknown.spend(this.#settings.unknownMessages, now) ? undefined : "too-many-invalid-messages";
  }

  /** UpdateChannel came; each open channel may have one a second (SV2 5.3.7). @returns as {@link onRefusedShare} */
  onUpdate(channels: number, now: number): MiningEndReason | undefined {
    const { burst, perSecond } = this.#settings.updates;
    this.#updates ??= new Budget(now);
    const within = this.#updates.spend({ burst, perSecond: perSecond + channels }, now);
    return within ? undefined : "too-many-invalid-messages";
  }

  /** Whether a channel may be opened now; if so, that is one less. */
  mayOpen(now: number): boolean {
    this.#openings ??= new Budget(now);
    return this.#openings.spendIfThere(this.#settings.openings, now);
  }

  /** A channel was asked for that the connection may not have, being full. @returns as {@link onRefusedShare} */
  onExcessOpening(now: number): MiningEndReason | undefined {
    this.#excess ??= new Budget(now);
    return this.#excess.spend(this.#settings.openings, now) ? undefined : "too-many-openings";
  }
}

/** A leaky bucket: what was spent seeps away. */
class Budget {
  #spent = 0;
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  /** @returns false when that was more than `allowance` and `extra` burst allow */
  spend(allowance: Allowance, now: number, extra = 0): boolean {
    this.#seep(allowance, now);
    this.#spent++;
    return this.#spent <= allowance.burst + extra;
  }

  /** Spends one if that is within `allowance`, else nothing. */
  spendIfThere(allowance: Allowance, now: number): boolean {
    this.#seep(allowance, now);
    if (this.#spent + 1 > allowance.burst) return false;
    this.#spent++;
    return true;
  }

  #seep({ perSecond }: Allowance, now: number): void {
    this.#spent = Math.max(0, this.#spent - ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
  }

  giveBack(): void {
    this.#spent = Math.max(0, this.#spent - 1);
  }
}
