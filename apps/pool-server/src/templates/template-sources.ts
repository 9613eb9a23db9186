import type { Template, Tip } from "@lode/mining";
import { type Clock, DependencyError, type Logger, type Metrics, type Timer } from "@lode/ports";
import type { BlockWitness } from "./block-witness.ts";
import type { Solution, TemplateFeed, TemplateFeedListener, TemplateTransactions } from "./template-feed.ts";
import { TemplateSource, type TemplateSourceDeps, type TemplateSourceSettings } from "./template-source.ts";
import { TipDisputes } from "./tip-disputes.ts";
import { noTransactions } from "./transaction-store.ts";

export interface TemplateSourcesDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly dial: (sourceName: string) => ReturnType<TemplateSourceDeps["dial"]>;
  /** What the pool's nodes know of blocks; nobody is asked if absent. */
  readonly witness?: BlockWitness;
  /** No source has ever given work, and a person has to change something about each. */
  readonly onHopeless?: (error: DependencyError) => void;
}

/** A source that is behind the best known height this long has failed. */
const LAG_MS = 2_000;
/** A source earlier in the list takes over again after it has been healthy this long. */
const RETURN_AFTER_MS = 60_000;
const WATCH_MS = 500;
const COMPARE_MS = 30_000;

/**
 * An ordered list of template sources, all connected and warm, one of them active:
 * 1. the active one stays while it is healthy;
 * 2. if another shows a higher block and the active one does not follow within two seconds, the other takes over;
 * 3. equal height and another hash is a fork race: stay;
 * 4. a lost source is replaced at once;
 * 5. an earlier one returns after a minute of health.
 */
export class TemplateSources implements TemplateFeed {
  readonly #sources: readonly TemplateSource[];
  readonly #deps: TemplateSourcesDeps;
  readonly #switches;
  readonly #disputes: TipDisputes;
  #compare: Timer | null = null;
  #listener: TemplateFeedListener | null = null;
  #active: TemplateSource | null = null;
  #published: { template: Template; tip: Tip } | null = null;
  #laggingSince: number | null = null;
  #watch: Timer | null = null;

  constructor(sources: readonly TemplateSourceSettings[], deps: TemplateSourcesDeps) {
    this.#deps = deps;
    this.#sources = sources.map(
      (settings) =>
        new TemplateSource(
          settings,
          {
            clock: deps.clock,
            logger: deps.logger,
            metrics: deps.metrics,
            dial: () => deps.dial(settings.name),
            ...(deps.witness === undefined ? {} : { witness: deps.witness }),
          },
          () => this.#onChange(),
        ),
    );
    const { clock, logger, metrics } = deps;
    this.#disputes = new TipDisputes({ clock, logger, witness: deps.witness ?? (async () => null) });
    this.#switches = metrics.counter(
      "lode_template_source_switches_total",
      "Changes of the active template source",
    );
    for (const source of this.#sources) {
      const labels = { source: source.name };
      metrics.gauge(
        "lode_template_source_healthy",
        "1 while the source is connected and gives work",
        labels,
        () => (source.work === null ? 0 : 1),
      );
      metrics.gauge(
        "lode_template_source_active",
        "1 while the pool mines this source's templates",
        labels,
        () => (source === this.#active ? 1 : 0),
      );
      metrics.gauge("lode_template_height", "Height of the block this source builds", labels, () =>
        source.work === null ? 0 : source.work.template.height,
      );
      metrics.gauge(
        "lode_template_source_clock_difference_seconds",
        "How far the source's clock was ahead of ours when its newest tip came",
        labels,
        () => source.clockDifference,
      );
      metrics.gauge(
        "lode_template_source_disputed",
        "1 while the source builds on a block that no configured node knows",
        labels,
        () => (this.#disputes.isDisputed(source) ? 1 : 0),
      );
    }
  }

  get healthy(): boolean {
    return this.#sources.some((source) => source.work !== null);
  }

  start(listener: TemplateFeedListener): void {
    this.#listener = listener;
    this.#watch = this.#deps.clock.every(WATCH_MS, () => this.#choose());
    this.#compare = this.#deps.clock.every(COMPARE_MS, () => void this.#disputes.compare(this.#sources));
    for (const source of this.#sources) source.start();
  }

  stop(): void {
    this.#watch?.cancel();
    this.#compare?.cancel();
    this.#disputes.stop();
    for (const source of this.#sources) source.stop();
  }

  submitSolution(sourceId: string, solution: Solution): void {
    this.#find(sourceId)?.submitSolution(solution);
  }

  transactions(template: Template): TemplateTransactions {
    return this.#find(template.sourceId)?.transactions(template) ?? noTransactions(template);
  }

  #find(sourceId: string): TemplateSource | undefined {
    return this.#sources.find((source) => source.name === sourceId);
  }

  #onChange(): void {
    this.#choose();
    if (this.#published !== null) return;
    const troubles = this.#sources.map((source) => source.trouble);
    if (troubles.some((trouble) => trouble === null || trouble.temporary)) return;
    const [first, ...rest] = troubles.filter((trouble) => trouble !== null);
    if (first === undefined) return;
    const says = [first, ...rest].map(({ message }) => message).join("; ");
    this.#deps.onHopeless?.(new DependencyError(first.type, says));
  }

  #choose(): void {
    const next = this.#best();
    if (next === null) {
      if (this.#active !== null) {
        this.#active = null;
        this.#deps.logger.error({}, "no template source is left; miners keep their last job");
        this.#listener?.onOutage();
      }
      return;
    }
    if (next !== this.#active) {
      if (this.#active !== null) this.#switches.inc();
      this.#deps.logger.info({ source: next.name }, "template source is active");
      this.#active = next;
      this.#laggingSince = null;
    }
    const work = next.work;
    if (work === null || (work.template === this.#published?.template && work.tip === this.#published.tip))
      return;
    this.#published = work;
    try {
      this.#listener?.onTemplate(work.template, work.tip);
    } catch (error) {
      // Miners keep their last job; the source's next template is tried.
      this.#deps.logger.error({ err: error, source: next.name }, "no job can be made of this template");
    }
  }

  #best(): TemplateSource | null {
    const healthy = this.#sources.filter((source) => source.work !== null);
    const active = this.#active;
    const now = this.#deps.clock.monotonic();
    const highest = Math.max(...healthy.map((source) => source.work?.template.height ?? 0));
    const atTop = healthy.filter((source) => source.work?.template.height === highest);
    if (active === null || active.work === null) return atTop[0] ?? null;
    if (active.work.template.height < highest) {
      this.#laggingSince ??= now;
      return now - this.#laggingSince >= LAG_MS ? (atTop[0] ?? active) : active;
    }
    this.#laggingSince = null;
    const preferred = atTop.find(
      (source) => source.healthySince !== null && now - source.healthySince >= RETURN_AFTER_MS,
    );
    return preferred !== undefined && this.#sources.indexOf(preferred) < this.#sources.indexOf(active)
      ? preferred
      : active;
  }
}
