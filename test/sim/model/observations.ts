import type { Solution } from "@lode/pool-server";
import type { Logger, Metrics } from "@lode/ports";
import { CodedError } from "@lode/ports";
import type { ServerMessage } from "@lode/testing/pool";
import type { World } from "../world/world.ts";

/** What a pool did while it was handed one frame. */
export interface FrameEffects {
  /** What it said on that connection. */
  readonly sent: ServerMessage["name"][];
  readonly shareErrors: {
    readonly channelId: number;
    readonly sequenceNumber: number;
    readonly errorCode: string;
  }[];
  /** `error_code` and `request_id` or channel id of the other refusals. */
  readonly refusals: { readonly about: number; readonly errorCode: string }[];
  accepted: number;
  /** Codes by which it counted shares as refused. */
  readonly rejected: string[];
  readonly solutions: { readonly sourceId: string; readonly solution: Solution }[];
  /** `node hash` of every block a node was called with. */
  readonly attempts: Set<string>;
}

/** Nothing yet. */
export function noEffects(): FrameEffects {
  return {
    sent: [],
    shareErrors: [],
    refusals: [],
    accepted: 0,
    rejected: [],
    solutions: [],
    attempts: new Set(),
  };
}

/** Metrics that tell the model what the pool decided, at the moment it decides. */
export function watchingMetrics(
  world: World,
  effects: () => FrameEffects | null,
  gauges: Map<string, () => number>,
): Metrics {
  const nothing = { inc() {}, set() {}, observe() {} };
  return {
    counter(name, _help, labels = {}) {
      if (name === "lode_shares_accepted_total") {
        return {
          inc: () => {
            const frame = effects();
            if (frame === null) world.violate("right-verdict", "a share was accepted that nobody sent");
            else frame.accepted++;
          },
        };
      }
      if (name === "lode_shares_rejected_total") {
        const code = labels["error_code"] ?? "";
        return { inc: () => void effects()?.rejected.push(code) };
      }
      if (name === "lode_session_exceptions_total") {
        return { inc: () => world.violate("contained", "a session caught an exception") };
      }
      return nothing;
    },
    gauge: (name, _help, _labels, read) => {
      if (read !== undefined) gauges.set(name, read);
      return nothing;
    },
    histogram: () => nothing,
  };
}

/** Errors the pool may log: each says that the world around it failed. */
const EXPECTED_ERRORS = new Set([
  "share recorder changed its state",
  "a node refused a found block",
  "no templates for too long; closing connections so that miners use their backups",
  "a block candidate could not be written",
]);
/** The same, with what differs from line to line. */
const EXPECTED_LINES =
  /^(node \S+: (submitblock has no answer|a block cannot be looked up yet)|a block handed to its template source has changed no tip)/;

/** A log that takes every failure of the pool's own for a violation. */
export function watchingLogger(world: World): Logger {
  const judge = (fields: object, message: string, expected: boolean) => {
    const error: unknown = "err" in fields ? fields.err : undefined;
    if (expected && (error === undefined || error instanceof CodedError)) return;
    const cause = error instanceof Error ? `: ${error.stack ?? error.message}` : "";
    world.violate("contained", `the pool logged “${message}”${cause}`);
  };
  return {
    debug() {},
    info: (fields, message) => judge(fields, message, true),
    warn: (fields, message) => judge(fields, message, true),
    error: (fields, message) =>
      judge(fields, message, EXPECTED_ERRORS.has(message) || EXPECTED_LINES.test(message)),
  };
}
