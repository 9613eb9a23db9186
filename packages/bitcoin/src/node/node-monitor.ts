import { type Clock, DependencyError, FailureLog, type Logger, type Metrics, type Timer } from "@lode/ports";
import type { NetworkName } from "../networks.ts";
import { checkNode, type NodeDoubtCode, type NodeReport, nodeDoubtCodes } from "./node-check.ts";
import type { NodeRpc } from "./node-rpc.ts";

/** What a {@link NodeMonitor} watches, and what with. */
export interface NodeMonitorOptions {
  /** Label in logs and metrics. */
  readonly name: string;
  readonly rpc: Pick<NodeRpc, "call" | "endpoint">;
  readonly network: NetworkName;
  /** The setting that names the node, for messages. */
  readonly setting: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called with each answer. */
  readonly onState?: (state: NodeState) => void;
}

/** Whether a node can be used, as far as is known. */
export type NodeState =
  | { readonly code: "unknown" }
  | { readonly code: "usable"; readonly report: NodeReport }
  | { readonly code: "unusable"; readonly error: DependencyError };

const CHECK_MS = 60_000;
/** A node that was unusable is asked again this soon, so that its return is noticed. */
const RECHECK_MS = 5_000;
const CALL_TIMEOUT_MS = 10_000;

/**
 * Asks a node every minute, and as soon as it is back, whether a block can count with it ({@link checkNode}): a path that
 * is needed once a month is exercised before it is needed.
 */
export class NodeMonitor {
  readonly #options: NodeMonitorOptions;
  readonly #failures: FailureLog;
  readonly #doubts = new Map<NodeDoubtCode, FailureLog>();
  #state: NodeState = { code: "unknown" };
  #checking: Promise<NodeState> | null = null;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: NodeMonitorOptions) {
    this.#options = options;
    const { clock, logger, metrics, name } = options;
    this.#failures = new FailureLog({ clock, logger, level: "error" });
    for (const code of nodeDoubtCodes) this.#doubts.set(code, new FailureLog({ clock, logger }));
    const node = { node: name };
    metrics.gauge(
      "lode_node_usable",
      "1 while the node answers, is on the right chain and can take blocks.",
      node,
      () => (this.#state.code === "usable" ? 1 : 0),
    );
    metrics.gauge(
      "lode_node_blocks",
      "Height of the node's best block when it was last asked.",
      node,
      () => this.#report?.blocks ?? 0,
    );
    metrics.gauge(
      "lode_node_headers",
      "Height of the node's best header when it was last asked.",
      node,
      () => this.#report?.headers ?? 0,
    );
    for (const doubt of nodeDoubtCodes) {
      const help = "1 while a usable node's blocks may be worth nothing for this reason.";
      metrics.gauge("lode_node_doubtful", help, { ...node, reason: doubt }, () =>
        this.#report?.doubts.some(({ code }) => code === doubt) ? 1 : 0,
      );
    }
  }

  get state(): NodeState {
    return this.#state;
  }

  /** Begins to ask, at once. */
  start(): void {
    void this.check();
  }

  /** Asks now, unless it is being asked. Never rejects. */
  check(): Promise<NodeState> {
    this.#checking ??= this.#ask().finally(() => {
      this.#checking = null;
    });
    return this.#checking;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#failures.stop();
    for (const log of this.#doubts.values()) log.stop();
  }

  get #report(): NodeReport | null {
    return this.#state.code === "usable" ? this.#state.report : null;
  }

  async #ask(): Promise<NodeState> {
    const { rpc, network, setting, clock, logger, name } = this.#options;
    this.#timer?.cancel();
    const fields = { node: name };
    try {
      const report = await checkNode(rpc, network, { setting, timeoutMs: CALL_TIMEOUT_MS });
      this.#state = { code: "usable", report };
      if (!this.#stopped) this.#tell(report, fields);
    } catch (error) {
      if (!(error instanceof DependencyError)) {
        logger.error({ ...fields, err: error }, "the check of a node failed");
      } else {
        this.#state = { code: "unusable", error };
        if (!this.#stopped) this.#failures.failed(error.message, { ...fields, code: error.code });
      }
    }
    if (!this.#stopped) {
      this.#options.onState?.(this.#state);
      this.#timer = clock.after(
        this.#state.code === "usable" ? CHECK_MS : RECHECK_MS,
        () => void this.check(),
      );
    }
    return this.#state;
  }

  #tell(report: NodeReport, fields: object): void {
    const node = `the node at ${this.#options.rpc.endpoint}`;
    this.#failures.worked(`${node} can be used`, fields);
    for (const [code, log] of this.#doubts) {
      const doubt = report.doubts.find((one) => one.code === code);
      if (doubt === undefined) log.worked(`${node} is right again`, { ...fields, code });
      else log.failed(doubt.says, { ...fields, code });
    }
  }
}
