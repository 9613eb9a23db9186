import type { Clock, Counter, Logger, Metrics, Timer } from "@lode/ports";
import type { FrameConnection } from "@lode/transport";
import type { ChannelWork } from "../miner/channel-work.ts";
import { type LinkListener, type LinkSettings, UpstreamLink } from "./upstream-link.ts";

/** What {@link Upstreams} needs. */
export interface UpstreamsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Connects to a pool by its place in the list. */
  readonly dial: (index: number) => Promise<FrameConnection>;
}

/** Told which pool is mined for. */
export interface UpstreamsListener {
  /** Another pool is in use from now on. The one before, if it is still there, takes answers for a moment longer. */
  onActive(link: UpstreamLink, previous: UpstreamLink | undefined): void;
  /** The pool in use is gone and no other is there yet. */
  onInactive(lost: UpstreamLink): void;
  /** The lobby's work of the pool in use is another. */
  onLobbyWork(work: ChannelWork, newTip: boolean): void;
  /** A link is over, in use or not: what waits for its answers waits in vain. */
  onLost(link: UpstreamLink): void;
}

/** Times of the choice between pools, milliseconds. */
export interface FailoverSettings {
  /** Between looks whether a better pool is back. */
  readonly probeMs: number;
  /** How long a better pool must have been there before it is used again. */
  readonly returnMs: number;
  /** How long the pool before is kept for its last answers. */
  readonly graceMs: number;
}

/** One pool, for people. */
export interface UpstreamStatus {
  readonly name: string;
  /** `standby`: connected, and not in use yet or any more. */
  readonly state: "active" | "standby" | "unreachable" | "not-tried";
  /** Open channels of miners. */
  readonly channels: number;
}

/** Pools in order of preference: the first that has work is in use; better ones are looked for, and returned to. */
export class Upstreams implements LinkListener {
  readonly #settings: readonly LinkSettings[];
  readonly #failover: FailoverSettings;
  readonly #deps: UpstreamsDeps;
  readonly #listener: UpstreamsListener;
  readonly #switches: Counter;
  readonly #places = new Map<UpstreamLink, number>();
  readonly #goodbyes = new Map<UpstreamLink, Timer>();
  /** Places of pools that could not be used when they were last tried. */
  readonly #failed = new Set<number>();
  #active: UpstreamLink | undefined;
  /** Connected and with work, better than the active one. */
  #candidate: { readonly link: UpstreamLink; readonly returning: Timer } | undefined;
  /** Links that are not ready yet, with whom to tell. */
  readonly #attempts = new Map<UpstreamLink, (ready: boolean) => void>();
  #pause: Timer | undefined;
  #probe: Timer | undefined;
  #stopped = false;
  #failures = 0;

  constructor(
    settings: readonly LinkSettings[],
    failover: FailoverSettings,
    listener: UpstreamsListener,
    deps: UpstreamsDeps,
  ) {
    this.#settings = settings;
    this.#failover = failover;
    this.#listener = listener;
    this.#deps = deps;
    this.#switches = deps.metrics.counter("lode_proxy_upstream_switches_total", "Changes to another pool");
    for (const { name } of settings) {
      const read = () => (this.#active?.name === name ? 1 : 0);
      deps.metrics.gauge("lode_proxy_upstream_active", "1 for the pool in use", { upstream: name }, read);
    }
  }

  /** The pool in use. */
  get active(): UpstreamLink | undefined {
    return this.#active;
  }

  status(): UpstreamStatus[] {
    return this.#settings.map(({ name }, index) => {
      const links = [...this.#places].filter(([, place]) => place === index).map(([link]) => link);
      const channels = links.reduce((sum, link) => sum + link.channels, 0);
      const standby = links.length > 0 ? "standby" : this.#failed.has(index) ? "unreachable" : "not-tried";
      return { name, state: this.#active?.name === name ? "active" : standby, channels };
    });
  }

  /** Looks for a pool, again and again until one is there. */
  start(): void {
    void this.#seek();
  }

  /** Ends every link. */
  stop(): void {
    this.#stopped = true;
    this.#pause?.cancel();
    this.#probe?.cancel();
    this.#candidate?.returning.cancel();
    for (const timer of this.#goodbyes.values()) timer.cancel();
    for (const link of this.#places.keys()) link.end("proxy-stopped");
  }

  onReady(link: UpstreamLink): void {
    this.#settle(link, true);
  }

  onLobbyWork(link: UpstreamLink, work: ChannelWork, newTip: boolean): void {
    if (link === this.#active) this.#listener.onLobbyWork(work, newTip);
  }

  onLost(link: UpstreamLink, reason: string): void {
    this.#places.delete(link);
    this.#goodbyes.get(link)?.cancel();
    const expected = this.#goodbyes.delete(link) || this.#stopped;
    if (!expected)
      this.#deps.logger.warn({ upstream: link.name, reason }, "the connection to a pool is over");
    this.#listener.onLost(link);
    this.#settle(link, false);
    if (this.#candidate?.link === link) {
      this.#candidate.returning.cancel();
      this.#candidate = undefined;
    }
    if (link !== this.#active || this.#stopped) return;
    this.#active = undefined;
    this.#listener.onInactive(link);
    if (this.#candidate !== undefined) this.#use(this.#candidate.link);
    else void this.#seek();
  }

  /** Tries the pools from the first on; with none, again after a pause that grows. */
  async #seek(): Promise<void> {
    this.#probe?.cancel();
    for (let index = 0; index < this.#settings.length; index++) {
      const link = await this.#connect(index);
      if (this.#stopped || this.#active !== undefined) {
        link?.end("not-needed");
        return;
      }
      if (link?.isOpen !== true) continue;
      this.#failures = 0;
      this.#use(link);
      return;
    }
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS);
    this.#pause = this.#deps.clock.after(pause, () => void this.#seek());
  }

  /** A link with work, or undefined. */
  async #connect(index: number): Promise<UpstreamLink | undefined> {
    const link = await this.#tryToConnect(index);
    if (link === undefined) this.#failed.add(index);
    else this.#failed.delete(index);
    return link;
  }

  async #tryToConnect(index: number): Promise<UpstreamLink | undefined> {
    const settings = this.#settings[index]!;
    const { clock, logger, metrics, dial } = this.#deps;
    let connection: FrameConnection;
    try {
      connection = await dial(index);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn({ upstream: settings.name, reason }, "a pool cannot be reached");
      return undefined;
    }
    if (this.#stopped) {
      connection.destroy("proxy-stopped");
      return undefined;
    }
    const link = new UpstreamLink(connection, settings, this, { clock, logger, metrics });
    this.#places.set(link, index);
    const ready = await new Promise<boolean>((resolve) => this.#attempts.set(link, resolve));
    return ready ? link : undefined;
  }

  #settle(link: UpstreamLink, ready: boolean): void {
    this.#attempts.get(link)?.(ready);
    this.#attempts.delete(link);
  }

  #use(link: UpstreamLink): void {
    const previous = this.#active;
    if (this.#candidate !== undefined) {
      this.#candidate.returning.cancel();
      if (this.#candidate.link !== link) this.#candidate.link.end("not-needed");
      this.#candidate = undefined;
    }
    this.#active = link;
    this.#switches.inc();
    this.#deps.logger.info(
      { upstream: link.name, previous: previous?.name ?? "" },
      "mining for this pool now",
    );
    this.#listener.onActive(link, previous);
    if (previous !== undefined) this.#sayGoodbye(previous);
    this.#scheduleProbe();
  }

  /** The last answers of the pool before still count. */
  #sayGoodbye(link: UpstreamLink): void {
    const timer = this.#deps.clock.after(this.#failover.graceMs, () => link.end("switched"));
    this.#goodbyes.set(link, timer);
  }

  #scheduleProbe(): void {
    this.#probe?.cancel();
    const place = this.#active === undefined ? 0 : (this.#places.get(this.#active) ?? 0);
    if (place > 0)
      this.#probe = this.#deps.clock.after(this.#failover.probeMs, () => void this.#lookForBetter(place));
  }

  /** A pool before the active one that is back is watched for a while before it is used. */
  async #lookForBetter(place: number): Promise<void> {
    for (let index = 0; index < place && this.#candidate === undefined && !this.#stopped; index++) {
      const link = await this.#connect(index);
      if (link?.isOpen !== true) continue;
      if (this.#stopped) {
        link.end("not-needed");
        return;
      }
      // The one in use is lost meanwhile: no time to wait.
      if (this.#active === undefined) {
        this.#use(link);
        return;
      }
      const returning = this.#deps.clock.after(this.#failover.returnMs, () => this.#use(link));
      this.#candidate = { link, returning };
    }
    if (!this.#stopped && this.#active !== undefined) this.#scheduleProbe();
  }
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
