import type { Clock, Counter, Logger, Metrics } from "@lode/ports";
import { defaultSubnetBits, type SubnetBits, subnetOfAddress } from "../address/address.ts";
import { AddressRanges } from "../address/address-ranges.ts";
import type { ConnectionWatch } from "../listener/listen-options.ts";

/** When a subnet is banned, and for how long. Times in milliseconds. */
export interface BanSettings {
  /** Strikes that ban a subnet, for itself and again for each of its connections that have proven themselves. */
  readonly strikes: number;
  /** In which time; it begins with the first strike. */
  readonly windowMs: number;
  /** Length of a subnet's first ban; each further one is twice as long, unless connections of it have proven themselves. */
  readonly firstMs: number;
  /** Nobody is banned for so long after the start: nobody has been able to prove anything. */
  readonly graceMs: number;
  /** Least time between two strikes that count, for a subnet with proven connections. */
  readonly strikeEveryMs: number;
  /** No ban is longer. */
  readonly longestMs: number;
  /** A subnet that was not banned for this long since its last ban ended is as good as new. */
  readonly forgiveMs: number;
  /** Subnets remembered, those with strikes and those with bans each; the oldest are forgotten first. */
  readonly entries: number;
  /** What a subnet is. */
  readonly subnetBits: SubnetBits;
}

/** The defaults. */
export const defaultBanSettings: BanSettings = {
  strikes: 5,
  windowMs: 600_000,
  firstMs: 60_000,
  graceMs: 120_000,
  strikeEveryMs: 5_000,
  longestMs: 3_600_000,
  forgiveMs: 3_600_000,
  entries: 10_000,
  subnetBits: defaultSubnetBits,
};

/** What a {@link BanList} needs. */
export interface BanListOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The reasons that count as strikes: those that prove misbehaviour. */
  readonly reasons: readonly string[];
  readonly settings?: Partial<BanSettings>;
  /** CIDR ranges that are never struck or banned. */
  readonly exemptFrom?: readonly string[];
}

interface Suspect {
  /** When the first strike of the window came. */
  readonly since: number;
  strikes: number;
  /** When the last one that counted came. */
  last: number;
}

interface Offender {
  readonly until: number;
  /** Bans before this one that were not forgiven. */
  readonly earlier: number;
}

/**
 * Keeps away the addresses whose connections keep misbehaving. A strike costs its connection only; several in a short time ban
 * the subnet: new connections are refused, those it has stay. A subnet is given patience in proportion to its
 * connections that work well, so that one bad machine does not ban a farm. Nothing counts for ever, and memory is bounded.
 */
export class BanList implements ConnectionWatch {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #settings: BanSettings;
  readonly #exempt: AddressRanges;
  readonly #strikes: ReadonlyMap<string, Counter>;
  readonly #bans: Counter;
  readonly #startedAt: number;
  /** In the order of their last strike. */
  readonly #suspects = new Map<string, Suspect>();
  /** In the order of their last ban. */
  readonly #offenders = new Map<string, Offender>();
  /** Proven connections by subnet; without zeros. */
  readonly #proven = new Map<string, number>();

  /** @throws TransportError `invalid-address-range` */
  constructor(options: BanListOptions) {
    this.#clock = options.clock;
    this.#startedAt = options.clock.monotonic();
    this.#logger = options.logger;
    this.#settings = { ...defaultBanSettings, ...options.settings };
    this.#exempt = new AddressRanges(options.exemptFrom ?? []);
    const { metrics } = options;
    this.#strikes = new Map(
      options.reasons.map((reason) => [
        reason,
        metrics.counter("lode_ban_strikes_total", "Connections that ended for misbehaviour", { reason }),
      ]),
    );
    this.#bans = metrics.counter("lode_bans_total", "Subnets banned");
    metrics.gauge("lode_bans_in_force", "Subnets that are banned now", {}, () => this.inForce);
  }

  /** Subnets that are banned now. */
  get inForce(): number {
    const now = this.#clock.monotonic();
    let count = 0;
    for (const { until } of this.#offenders.values()) if (now < until) count += 1;
    return count;
  }

  /** `banned` for an address that must be turned away; null for all others. */
  admit(address: string): "banned" | null {
    if (this.#offenders.size === 0) return null;
    const offender = this.#offenders.get(this.#subnet(address));
    if (offender === undefined || this.#clock.monotonic() >= offender.until) return null;
    return this.#exempt.contains(address) ? null : "banned";
  }

  proven(address: string): void {
    const subnet = this.#subnet(address);
    this.#proven.set(subnet, (this.#proven.get(subnet) ?? 0) + 1);
  }

  ended(address: string, reason: string, proven: boolean): void {
    const subnet = this.#subnet(address);
    if (proven) this.#leave(subnet);
    const counter = this.#strikes.get(reason);
    if (counter === undefined || this.#exempt.contains(address)) return;
    counter.inc();
    this.#strike(subnet, reason);
  }

  #strike(subnet: string, reason: string): void {
    const { strikes, windowMs, strikeEveryMs, graceMs, entries } = this.#settings;
    const now = this.#clock.monotonic();
    const offender = this.#offenders.get(subnet);
    // What its old connections do is paid for already.
    if (offender !== undefined && now < offender.until) return;
    const known = this.#suspects.get(subnet);
    const fresh = { since: now, strikes: 0, last: Number.NEGATIVE_INFINITY };
    const suspect = known !== undefined && now - known.since < windowMs ? known : fresh;
    const proven = this.#proven.get(subnet) ?? 0;
    if (proven > 0 && now - suspect.last < strikeEveryMs) return;
    suspect.strikes += 1;
    suspect.last = now;
    this.#suspects.delete(subnet);
    if (suspect.strikes < strikes * (1 + proven) || now - this.#startedAt < graceMs) {
      this.#suspects.set(subnet, suspect);
      forgetOldest(this.#suspects, entries);
      return;
    }
    this.#ban(subnet, reason, suspect.strikes, now);
  }

  #ban(subnet: string, reason: string, strikes: number, now: number): void {
    const { firstMs, longestMs, forgiveMs, entries } = this.#settings;
    const last = this.#offenders.get(subnet);
    // Where miners work, the next ban is no longer than the first: those that restart are not kept out for hours.
    const again = last !== undefined && now < last.until + forgiveMs && !this.#proven.has(subnet);
    const earlier = again ? last.earlier + 1 : 0;
    const lastsMs = Math.min(longestMs, firstMs * 2 ** earlier);
    this.#offenders.delete(subnet);
    this.#offenders.set(subnet, { until: now + lastsMs, earlier });
    forgetOldest(this.#offenders, entries);
    this.#bans.inc();
    this.#logger.warn({ subnet: subnet, reason, strikes, seconds: lastsMs / 1000 }, "subnet banned");
  }

  #leave(subnet: string): void {
    const left = (this.#proven.get(subnet) ?? 0) - 1;
    if (left > 0) this.#proven.set(subnet, left);
    else this.#proven.delete(subnet);
  }

  #subnet(address: string): string {
    return subnetOfAddress(address, this.#settings.subnetBits);
  }
}

/**
 * Keeps a map from growing. Some entries at a time: what is deleted at a map's old end stands in the way of the next look
 * there until the map is rebuilt.
 */
function forgetOldest(map: Map<string, unknown>, most: number): void {
  if (map.size <= most) return;
  let surplus = 1 + Math.floor(most / 64);
  for (const key of map.keys()) {
    if (surplus-- === 0) return;
    map.delete(key);
  }
}
