import type { Counter, Metrics } from "@lode/ports";
import type { Admission } from "./admission.ts";
import { refusalReasons } from "./ticket.ts";

/** Reasons that are there from the start, so that their rates are right and a dashboard can be drawn. */
const REFUSALS = [...refusalReasons, "banned"];
const FAILURES = [
  "closed-in-handshake",
  "early-data",
  "handshake-evicted",
  "handshake-timeout",
  "handshaker-busy",
  "sv1-peer",
  "http-peer",
  "plaintext-peer",
  "proxy-header-invalid",
  "proxy-header-missing",
  "proxy-header-unexpected",
  "tls-peer",
];

/** Counts what a listener does. Other reasons' counters are declared when they first occur; reasons are codes, so they are few. */
export class ListenMetrics {
  readonly #metrics: Metrics;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #refused = new Map<string, Counter>();
  readonly #failed = new Map<string, Counter>();
  readonly #completed: Counter;
  readonly #probes: Counter;
  readonly #throttled: Counter;
  #throttledNow = 0;

  constructor(metrics: Metrics, labels: Readonly<Record<string, string>>, admission: Admission) {
    this.#metrics = metrics;
    this.#labels = labels;
    this.#completed = metrics.counter(
      "lode_handshakes_total",
      "Noise handshakes answered and connections opened",
      labels,
    );
    this.#probes = metrics.counter(
      "lode_connection_probes_total",
      "Sockets closed by the peer before it sent anything: health probes and plain TCP connects",
      labels,
    );
    this.#throttled = metrics.counter(
      "lode_connections_throttled_total",
      "Times a connection was not read for a moment because it sent too fast",
      labels,
    );
    const gauges: readonly [string, string, () => number][] = [
      [
        "lode_connections",
        "Open sockets, those still in their handshake included",
        () => admission.connections,
      ],
      [
        "lode_handshakes_in_flight",
        "Sockets that have not finished their handshake",
        () => admission.handshakes,
      ],
      ["lode_connection_subnets", "Subnets that have a socket", () => admission.subnets],
      [
        "lode_connections_throttled",
        "Connections that are not read now because they sent too fast",
        () => this.#throttledNow,
      ],
    ];
    for (const [name, help, read] of gauges) metrics.gauge(name, help, labels, read);
    for (const reason of REFUSALS) this.#refusals(reason);
    for (const reason of FAILURES) this.#failures(reason);
  }

  /** A socket was turned away. */
  refused(reason: string): void {
    this.#refusals(reason).inc();
  }

  /** A handshake ended without a connection. */
  failed(reason: string): void {
    this.#failures(reason).inc();
  }

  /** A peer only looked whether somebody listens. */
  probed(): void {
    this.#probes.inc();
  }

  /** A handshake gave a connection. */
  completed(): void {
    this.#completed.inc();
  }

  /** A connection is not read from now on, or read again. */
  throttled(paused: boolean): void {
    if (paused) this.#throttled.inc();
    this.#throttledNow += paused ? 1 : -1;
  }

  #refusals(reason: string): Counter {
    return this.#counter(this.#refused, "lode_connections_refused_total", "Sockets turned away", reason);
  }

  #failures(reason: string): Counter {
    return this.#counter(
      this.#failed,
      "lode_handshake_failures_total",
      "Noise handshakes that failed",
      reason,
    );
  }

  #counter(counters: Map<string, Counter>, name: string, help: string, reason: string): Counter {
    let counter = counters.get(reason);
    if (counter === undefined) {
      counter = this.#metrics.counter(name, help, { ...this.#labels, reason });
      counters.set(reason, counter);
    }
    return counter;
  }
}
