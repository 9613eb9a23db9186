import {
  assembleBlock,
  coinbaseForBlock,
  hasWitnessCommitment,
  internalToDisplay,
  merkleRoot,
  serializeHeader,
  stripCoinbaseWitness,
} from "@lode/bitcoin";
import { explainNodeFailure, type NodeRpc, NodeRpcError, type NodeState } from "@lode/bitcoin/node";
import { native } from "@lode/native";
import { type Clock, FailureLog, type Logger, type Metrics } from "@lode/ports";
import type { templateDistribution } from "@lode/protocol";
import { type EndReason, type TemplateProviderPort, TemplateServerSession } from "@lode/roles";
import type { FrameConnection } from "@lode/transport";
import type { BlockTemplate } from "./block-template.ts";
import { PublishedTemplates } from "./published-templates.ts";
import { SolutionSubmitter } from "./solution-submitter.ts";
import { buildPrevHash, buildTemplate, type CoinbaseConstraints } from "./template-builder.ts";
import { TemplateWatch } from "./template-watch.ts";

export interface TemplateProviderSettings {
  /** A template for the same tip is published when it is worth this much more than the last one, satoshi. */
  readonly feeDelta: bigint;
  /** Pause between plain refreshes, milliseconds. */
  readonly refreshMs: number;
  /** Pause between looks at the best block hash, milliseconds. */
  readonly tipPollMs: number;
  readonly maxClients: number;
}

const DEFAULT_PROVIDER_SETTINGS: TemplateProviderSettings = {
  feeDelta: 1_000n,
  refreshMs: 15_000,
  tipPollMs: 1_000,
  maxClients: 64,
};

export interface TemplateProviderDeps {
  readonly rpc: Pick<NodeRpc, "call" | "endpoint">;
  /** The setting that names the node, for messages. */
  readonly setting: string;
  /** Asks whether blocks can count with the node: whenever it is back, before its templates are passed on. */
  readonly check: () => Promise<NodeState>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Client {
  readonly session: TemplateServerSession;
  constraints: CoinbaseConstraints | null;
}

/**
 * Without a template from the node for this long while its calls fail, clients are cut off: a source that only falls
 * silent would keep a pool mining on an old tip for ever.
 */
const NODE_LOST_MS = 30_000;

/** A Template Distribution server in front of any node that speaks getblocktemplate. */
export class TemplateProvider implements TemplateProviderPort {
  readonly #deps: TemplateProviderDeps;
  readonly #settings: TemplateProviderSettings;
  readonly #watch: TemplateWatch;
  readonly #clients = new Map<TemplateServerSession, Client>();
  readonly #published = new PublishedTemplates();
  readonly #templatesSent;
  readonly #solutions;
  readonly #failures;
  readonly #failureLog: FailureLog;
  readonly #submitter: SolutionSubmitter;
  #latest: BlockTemplate | null = null;
  /** Value of the template last published for the current tip. */
  #publishedValue = 0n;
  #nextId: bigint;
  /** False once a call has failed, until the node that answers again was checked: it may be another one. */
  #isTrusted = true;
  #isChecking = false;
  /** Monotonic time of the node's last template. */
  #lastTemplateAt = Number.NEGATIVE_INFINITY;

  constructor(deps: TemplateProviderDeps, settings: Partial<TemplateProviderSettings> = {}) {
    this.#deps = deps;
    this.#settings = { ...DEFAULT_PROVIDER_SETTINGS, ...settings };
    // SV2 7.2: strictly increasing, also across restarts.
    this.#nextId = BigInt(deps.clock.now()) * 1000n;
    this.#watch = new TemplateWatch(
      {
        rpc: deps.rpc,
        clock: deps.clock,
        refreshMs: this.#settings.refreshMs,
        tipPollMs: this.#settings.tipPollMs,
      },
      { onTemplate: (template) => this.#onTemplate(template), onFailure: (error) => this.#onFailure(error) },
    );
    const { clock, logger, metrics } = deps;
    this.#failureLog = new FailureLog({ clock, logger });
    this.#submitter = new SolutionSubmitter({ ...deps, onAnswer: () => this.#watch.refresh() });
    this.#templatesSent = metrics.counter(
      "lode_template_provider_templates_total",
      "Templates published to clients",
    );
    this.#solutions = metrics.counter(
      "lode_template_provider_solutions_total",
      "Solutions received from clients",
    );
    this.#failures = metrics.counter(
      "lode_template_provider_node_failures_total",
      "Calls to the node that failed",
    );
    metrics.gauge(
      "lode_template_provider_clients",
      "Connected template clients",
      {},
      () => this.#clients.size,
    );
    metrics.gauge("lode_template_provider_height", "Height of the block being built", {}, () => this.height);
  }

  /** Height of the block the latest template is for; 0 before the first. */
  get height(): number {
    return this.#latest?.height ?? 0;
  }

  start(): void {
    this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
    this.#submitter.stop();
    this.#failureLog.stop();
    for (const session of this.#clients.keys()) session.close("shutting-down");
  }

  /** Takes a client's connection. */
  accept(connection: FrameConnection): void {
    const { clock, logger, metrics } = this.#deps;
    if (this.#clients.size >= this.#settings.maxClients) {
      connection.destroy("too-many-clients" satisfies EndReason);
      return;
    }
    const session = new TemplateServerSession(connection, { clock, logger, metrics }, this);
    this.#clients.set(session, { session, constraints: null });
    logger.info({ conn_id: session.id, remote: session.remoteAddress }, "template client connected");
  }

  onConstraints(
    session: TemplateServerSession,
    maxAdditionalSize: number,
    maxAdditionalSigops: number,
  ): void {
    const client = this.#clients.get(session);
    if (client === undefined) return;
    client.constraints = { maxAdditionalSize, maxAdditionalSigops };
    if (this.#latest !== null) this.#sendTip(this.#latest, [client]);
  }

  transactions(templateId: bigint): readonly Uint8Array[] | undefined {
    return this.#published.find(templateId)?.transactions;
  }

  onClose(session: TemplateServerSession, reason: string): void {
    this.#clients.delete(session);
    this.#deps.logger.info({ conn_id: session.id, reason }, "template client left");
  }

  onSolution(session: TemplateServerSession, solution: templateDistribution.SubmitSolution): void {
    this.#solutions.inc();
    const published = this.#published.find(solution.templateId);
    if (published === undefined) {
      this.#deps.logger.error(
        { conn_id: session.id, template_id: solution.templateId.toString() },
        "a solution names a template that is not known (any more)",
      );
      return;
    }
    const { source, message, transactions } = published;
    let block: Uint8Array;
    let header: Uint8Array;
    try {
      const stripped = stripCoinbaseWitness(solution.coinbaseTx);
      header = serializeHeader({
        version: solution.version,
        prevHash: source.previousBlockHash,
        merkleRoot: merkleRoot(native.sha256d(stripped), message.merklePath),
        ntime: solution.headerTimestamp,
        nbits: source.bits,
        nonce: solution.headerNonce,
      });
      // A witness where nothing commits to it loses the block, and so does its absence where something does.
      const isWhole = hasWitnessCommitment(stripped) && solution.coinbaseTx.length > stripped.length;
      block = assembleBlock(header, isWhole ? solution.coinbaseTx : coinbaseForBlock(stripped), transactions);
    } catch (error) {
      this.#deps.logger.error(
        { err: error, conn_id: session.id },
        "a solution could not be made into a block",
      );
      return;
    }
    const hash = internalToDisplay(native.sha256d(header));
    this.#submitter.submit(Buffer.from(block).toString("hex"), hash);
  }

  /** What a check of the node has found: templates of a node that cannot be mined with are not passed on. */
  onNodeState(state: NodeState): void {
    if (state.code !== "unusable" || state.error.temporary) return;
    this.#isTrusted = false;
    if (this.#latest !== null) this.#loseNode();
  }

  async #checkNode(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    const state = await this.#deps.check();
    this.#isChecking = false;
    if (state.code !== "usable") return;
    this.#isTrusted = true;
    this.#watch.refresh();
  }

  #onTemplate(template: BlockTemplate): void {
    if (!this.#isTrusted) {
      void this.#checkNode();
      return;
    }
    this.#failureLog.worked("the node gives templates again");
    const last = this.#latest;
    this.#latest = template;
    this.#lastTemplateAt = this.#deps.clock.monotonic();
    const served = [...this.#clients.values()];
    if (
      last === null ||
      !equal(last.previousBlockHash, template.previousBlockHash) ||
      last.bits !== template.bits
    ) {
      this.#published.turnTip();
      this.#publishedValue = template.coinbaseValue;
      this.#deps.logger.info(
        { height: template.height, transactions: template.transactions.length },
        "new best block",
      );
      this.#sendTip(template, served);
      return;
    }
    if (template.coinbaseValue < this.#publishedValue + this.#settings.feeDelta) return;
    this.#publishedValue = template.coinbaseValue;
    this.#forEachConstraints(template, served, (client, built) => client.session.sendTemplate(built));
  }

  #sendTip(template: BlockTemplate, clients: readonly Client[]): void {
    this.#forEachConstraints(template, clients, (client, built) =>
      client.session.sendTip(built, buildPrevHash(template, built.templateId)),
    );
  }

  /** Builds once for equal constraints. */
  #forEachConstraints(
    template: BlockTemplate,
    clients: readonly Client[],
    send: (client: Client, built: templateDistribution.NewTemplate) => void,
  ): void {
    const built = new Map<string, templateDistribution.NewTemplate>();
    for (const client of clients) {
      if (client.constraints === null) continue;
      const key = `${client.constraints.maxAdditionalSize}/${client.constraints.maxAdditionalSigops}`;
      let message = built.get(key);
      if (message === undefined) {
        const made = buildTemplate(template, this.#nextId++, client.constraints);
        this.#published.add({ ...made, source: template });
        message = made.message;
        built.set(key, message);
      }
      this.#templatesSent.inc();
      send(client, message);
    }
  }

  /** Nothing is sent until the node gives a template again; published templates are kept for solutions under way. */
  #loseNode(): void {
    this.#latest = null;
    this.#deps.logger.error({}, "the node gives no templates; closing the connections of template clients");
    for (const session of [...this.#clients.keys()]) session.close("node-unavailable");
  }

  #onFailure(error: unknown): void {
    this.#failures.inc();
    if (mayBeAnotherNode(error)) this.#isTrusted = false;
    const now = this.#deps.clock.monotonic();
    if (this.#latest !== null && now - this.#lastTemplateAt >= NODE_LOST_MS) this.#loseNode();
    const { rpc, setting } = this.#deps;
    const explained = explainNodeFailure(error, { endpoint: rpc.endpoint, setting });
    const reason = explained instanceof Error ? explained.message : String(explained);
    this.#failureLog.failed(`no template: ${reason}`);
  }
}

/** The node was restarted, or another program answers in its place. */
function mayBeAnotherNode(error: unknown): boolean {
  return error instanceof NodeRpcError && !["busy", "timeout", "aborted"].includes(error.code);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
