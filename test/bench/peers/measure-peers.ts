import { say } from "../../shell-run.ts";
import { significant } from "../row.ts";
import { withPostgres } from "../with-postgres.ts";
import { type ComparedRow, compare } from "./compare.ts";
import { startLodePool } from "./lode-pool.ts";
import { type Figure, type Figures, measureCrowdOf, measureSharesOf } from "./measure-server.ts";
import type { MeasuredServer } from "./measured-server.ts";
import { referenceVersion, startReferencePool } from "./reference-pool.ts";
import { type BenchTemplateServer, startTemplateServer } from "./template-server.ts";

interface PeersSettings {
  readonly crowds: readonly number[];
  readonly repetitions: number;
  readonly seconds: number;
  readonly templatesEach: number;
  readonly profileDir: string | undefined;
}

/** The whole comparison. */
export interface PeersResult {
  /** What the reference pool calls itself. */
  readonly reference: string;
  readonly rows: readonly ComparedRow[];
}

/** The crowd with which standard channels are measured too. */
const STANDARD_CROWD = 200;

type Start = (templates: BenchTemplateServer) => Promise<MeasuredServer>;

/** Measures both pools, in turns. */
export function measurePeers(referencePath: string, settings: PeersSettings): Promise<PeersResult> {
  const { crowds, repetitions, seconds, templatesEach, profileDir } = settings;
  return withPostgres(say, async (url) => {
    const inMemory: Start = (templates) => startLodePool({ kind: "memory" }, templates, profileDir);
    const deployed: Start = (templates) => startLodePool({ kind: "postgres", url }, templates, profileDir);
    const reference: Start = (templates) => startReferencePool(referencePath, templates);
    const rows: ComparedRow[] = [];
    for (const connections of crowds) {
      const sides = { lode: [] as Figures[], reference: [] as Figures[] };
      const crowdOf = (start: Start) =>
        withServer(start, (server, templates) =>
          measureCrowdOf(server, templates, { connections, templatesEach }),
        );
      const sharesOf = (start: Start, kind: "standard" | "extended" = "extended") =>
        withServer(start, (server, templates) =>
          measureSharesOf(server, templates, { connections, kind, seconds }),
        );
      for (let repetition = 1; repetition <= repetitions; repetition++) {
        const standard = async (start: Start): Promise<Figures> =>
          connections === STANDARD_CROWD ? { share_standard: await sharesOf(start, "standard") } : {};
        const tell = (name: string, figures: Figures): Figures => {
          say(`${connections} miners, ${repetition}/${repetitions}: ${name}: ${describe(figures)}`);
          return figures;
        };
        sides.lode.push(
          tell("Lode", {
            ...(await crowdOf(deployed)),
            share_durable: await sharesOf(deployed),
            share: await sharesOf(inMemory),
            ...(await standard(inMemory)),
          }),
        );
        sides.reference.push(
          tell("reference", {
            ...(await crowdOf(reference)),
            share: await sharesOf(reference),
            ...(await standard(reference)),
          }),
        );
      }
      rows.push(...compare(connections, sides));
    }
    return { reference: referenceVersion(referencePath), rows };
  });
}

/** Runs a pool on templates of its own for one measurement. */
async function withServer<T>(
  start: Start,
  use: (server: MeasuredServer, templates: BenchTemplateServer) => Promise<T>,
): Promise<T> {
  const templates = await startTemplateServer();
  try {
    const server = await start(templates);
    try {
      return await use(server, templates);
    } finally {
      await server.stop();
    }
  } finally {
    await templates.close();
  }
}

function describe(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, { value }]: [string, Figure]) => `${name} ${significant(value, 3)}`)
    .join(", ");
}
