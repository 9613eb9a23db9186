import type { Clock, Logger, Metrics } from "@lode/ports";
import { MiningFlags, Protocol } from "@lode/protocol";
import {
  type MinerMessage,
  minerMessages,
  noExtensions,
  type ReaderCounters,
  readerCounters,
  ServerSetup,
  type ServerSetupPolicy,
} from "@lode/roles";
import type { FrameConnection } from "@lode/transport";
import type { UpstreamLink } from "../upstream/upstream-link.ts";
import { type Sv2Context, Sv2Session } from "./sv2-session.ts";

/** What {@link Sv2Server} needs. */
export interface Sv2ServerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly context: Omit<Sv2Context, "clock" | "onClosed">;
  /** A share without the pool's answer for this long ends its connection, milliseconds. */
  readonly answerMs: number;
}

/** The Stratum V2 miners of a proxy: firmware, and proxies in front of this one. */
export class Sv2Server {
  readonly #deps: Sv2ServerDeps;
  readonly #counters: ReaderCounters;
  readonly #policy: ServerSetupPolicy<MinerMessage>;
  readonly #sessions = new Set<Sv2Session>();

  constructor(deps: Sv2ServerDeps) {
    this.#deps = deps;
    const { clock, metrics } = deps;
    this.#counters = readerCounters(metrics, "proxy-sv2");
    metrics.gauge(
      "lode_proxy_sv2_connections",
      "Connections of Stratum V2 miners that are set up",
      {},
      () => this.#sessions.size,
    );
    const context: Sv2Context = {
      ...deps.context,
      clock,
      onClosed: (session) => void this.#sessions.delete(session),
    };
    this.#policy = {
      protocol: Protocol.mining,
      supportedFlags: MiningFlags.requiresStandardJobs | MiningFlags.requiresVersionRolling,
      successFlags: () => 0,
      extensions: noExtensions,
      deadlineMs: SETUP_MS,
      decoder: minerMessages,
      open: (peer, reader) => {
        const session = new Sv2Session(peer, reader, context);
        this.#sessions.add(session);
        return session;
      },
      onAbandoned: () => {},
    };
  }

  /** Connections that are set up. */
  get connections(): number {
    return this.#sessions.size;
  }

  accept(connection: FrameConnection): void {
    const { clock, logger } = this.#deps;
    new ServerSetup(connection, this.#policy, { clock, logger, counters: this.#counters });
  }

  /** Channels of another pool have other extranonces, which much firmware cannot be told: those miners come again. */
  onLinkOver(link: UpstreamLink): void {
    for (const session of [...this.#sessions]) if (session.uses(link)) session.end("upstream-changed");
  }

  /** Ends who waits too long for an answer. @returns how many */
  endLate(now: number): number {
    let count = 0;
    for (const session of [...this.#sessions]) {
      const { waitingSince } = session;
      if (waitingSince === undefined || waitingSince > now - this.#deps.answerMs) continue;
      count += 1;
      session.end("no-answer");
    }
    return count;
  }

  /** Ends every connection for this reason. */
  end(reason: string): void {
    for (const session of [...this.#sessions]) session.end(reason);
  }
}

const SETUP_MS = 10_000;
