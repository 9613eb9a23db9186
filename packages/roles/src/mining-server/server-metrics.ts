import { shareErrors } from "@lode/mining";
import type { Counter, Histogram, Metrics } from "@lode/ports";
import { miningServerEnds } from "../session/end-reasons.ts";
import { type ReaderCounters, readerCounters } from "../session/message-reader.ts";
import { openErrorCodes, unknownChannel } from "./session/error-codes.ts";

/** What gauges read when they are scraped. */
export interface Census {
  readonly clients: () => number;
  readonly standardChannels: () => number;
  readonly extendedChannels: () => number;
  readonly idleChannels: () => number;
  readonly waitingOpenings: () => number;
  /** Hashes per second. */
  readonly hashrate: () => number;
}

/** A counter with a label whose values are a closed set; anything else is counted as `other`. */
export class LabelledCounter {
  readonly #counters: ReadonlyMap<string, Counter>;
  readonly #other: Counter;

  constructor(metrics: Metrics, name: string, help: string, label: string, values: readonly string[]) {
    this.#counters = new Map(values.map((value) => [value, metrics.counter(name, help, { [label]: value })]));
    this.#other = metrics.counter(name, help, { [label]: "other" });
  }

  inc(value: string): void {
    (this.#counters.get(value) ?? this.#other).inc();
  }
}

/** What a mining server measures. Names are the reference implementation's where it has the same thing. */
export class ServerMetrics {
  readonly reader: ReaderCounters;
  readonly #accepted: Counter;
  readonly #rejected: LabelledCounter;
  /** Shares since the start. */
  readonly shares = { accepted: 0, rejected: 0 };
  readonly blocksFound: Counter;
  readonly closedConnections: LabelledCounter;
  readonly refusedOpenings: LabelledCounter;
  /** Template at hand to the last byte queued, seconds. */
  readonly newTip: Histogram;
  readonly sameTip: Histogram;

  constructor(metrics: Metrics, census: Census) {
    this.reader = readerCounters(metrics, "mining-server");
    this.#accepted = metrics.counter("lode_shares_accepted_total", "Shares accepted");
    this.#rejected = new LabelledCounter(
      metrics,
      "lode_shares_rejected_total",
      "Shares refused, by error code",
      "error_code",
      [unknownChannel, ...Object.values(shareErrors)],
    );
    this.blocksFound = metrics.counter("lode_blocks_found_total", "Headers that met the network target");
    this.closedConnections = new LabelledCounter(
      metrics,
      "lode_mining_connections_closed_total",
      "Connections that ended, by reason",
      "reason",
      Object.keys(miningServerEnds),
    );
    this.refusedOpenings = new LabelledCounter(
      metrics,
      "lode_channel_openings_refused_total",
      "Refused requests for a channel, by error code",
      "error_code",
      Object.keys(openErrorCodes),
    );
    const idleHelp = "Channels without an accepted share in the last hour";
    metrics.gauge("lode_channels_idle", idleHelp, {}, census.idleChannels);
    metrics.gauge("lode_clients", "Connections that are set up", {}, census.clients);
    const channels = ["lode_channels", "Open channels"] as const;
    metrics.gauge(...channels, { channel_type: "standard" }, census.standardChannels);
    metrics.gauge(...channels, { channel_type: "extended" }, census.extendedChannels);
    const openingsHelp = "Requests for channels that wait for their turn";
    metrics.gauge("lode_channel_openings_waiting", openingsHelp, {}, census.waitingOpenings);
    const rateHelp = "Hash rate estimated from accepted work of the last ten minutes, hashes per second";
    metrics.gauge("lode_hashrate", rateHelp, {}, census.hashrate);
    const fanOut = (kind: string) =>
      metrics.histogram(
        "lode_job_fanout_seconds",
        "From the job's creation until it was queued for the last connection",
        [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5],
        { kind },
      );
    this.newTip = fanOut("new-tip");
    this.sameTip = fanOut("same-tip");
  }

  onAccepted(): void {
    this.shares.accepted++;
    this.#accepted.inc();
  }

  onRejected(errorCode: string): void {
    this.shares.rejected++;
    this.#rejected.inc(errorCode);
  }
}
