import type { Counter, Metrics } from "@lode/ports";
import type { Admission } from "./admission.ts";

/** Counts what a listener does. A reason's counter is declared when it first occurs; reasons are codes, so they are few. */
export class ListenMetrics {
  readonly #metrics: Metrics;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #refused = new Map<string, Counter>();
  readonly #failed = new Map<string, Counter>();
  readonly #completed: Counter;

  constructor(metrics: Metrics, labels: Readonly<Record<string, string>>, admission: Admission) {
    this.#metrics = metrics;
    this.#labels = labels;
    this.#completed = metrics.counter(
      "lode_handshakes_total",
      "Noise handshakes answered and connections opened",
      labels,
    );
    metrics.gauge(
      "lode_connections",
      "Open sockets, those still in their handshake included",
      labels,
      () => admission.connections,
    );
    metrics.gauge(
      "lode_handshakes_in_flight",
      "Sockets that have not finished their handshake",
      labels,
      () => admission.handshakes,
    );
  }

  /** A socket was closed before its handshake. */
  refused(reason: string): void {
    this.#bump(this.#refused, "lode_connections_refused_total", "Sockets closed on arrival", reason);
  }

  /** A handshake ended without a connection. */
  failed(reason: string): void {
    this.#bump(this.#failed, "lode_handshake_failures_total", "Noise handshakes that failed", reason);
  }

  /** A handshake gave a connection. */
  completed(): void {
    this.#completed.inc();
  }

  #bump(counters: Map<string, Counter>, name: string, help: string, reason: string): void {
    let counter = counters.get(reason);
    if (counter === undefined) {
      counter = this.#metrics.counter(name, help, { ...this.#labels, reason });
      counters.set(reason, counter);
    }
    counter.inc();
  }
}
