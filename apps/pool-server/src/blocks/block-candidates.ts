import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Logger, silentLogger } from "@lode/ports";
import { makeDirectory } from "@lode/service";

/**
 * What is known about a found block's fate. `found`: no node has answered yet. `submitted`: a node has it, not on its best
 * chain. `accepted`: on the best chain. `rejected`: every node refused it. `stale`: the best chain went on without it.
 * `orphaned`: it was on the best chain and is no more.
 */
export type CandidateState = "found" | "submitted" | "accepted" | "rejected" | "stale" | "orphaned";

/** A found block on its way to the network; everything needed to submit it again after a crash. */
export interface BlockCandidate {
  /** Block hash, display order, hex. */
  readonly hash: string;
  readonly height: number;
  /** Hash of the block it builds on, display order, hex. */
  readonly prevHash: string;
  /** 80-byte header, hex. */
  readonly header: string;
  /** Coinbase transaction with its witness, hex. */
  readonly coinbaseTx: string;
  /** The whole block, hex; null while the template's transactions are not at hand. */
  readonly block: string | null;
  readonly source: string;
  readonly templateId: string;
  /** `ADDRESS.WORKER`, for people. */
  readonly finder: string;
  /** Output script, hex. Absent, as the next ones, in files of an earlier release. */
  readonly finderScript?: string;
  readonly worker?: string;
  /** Of the process that found it. */
  readonly run?: string;
  readonly connectionId?: number;
  readonly channelId?: number;
  /** Kind of its job: pool, solo or custom. */
  readonly jobKind?: string;
  /** ISO time. */
  readonly foundAt: string;
  readonly state: CandidateState;
  /** What each path answered, oldest first. */
  readonly answers: readonly string[];
}

/** Where candidates are kept: one file each, written before anything is counted on. */
export interface CandidateStore {
  /** Writes or replaces a candidate; resolves when it is on disk. */
  save(candidate: BlockCandidate): Promise<void>;
  /** Moves a candidate aside, with its last state: nothing more will come of it. */
  settle(candidate: BlockCandidate): Promise<void>;
  /** The newest settled candidates, highest first; for a database that missed them. */
  settled(limit: number): Promise<BlockCandidate[]>;
  /** Candidates that are not settled, for a new attempt or to be followed on after a start. */
  unsettled(): Promise<BlockCandidate[]>;
}

/** Folder of settled candidates, inside the candidates' own. */
const SETTLED = "settled";

/** Candidates as `<height>-<hash>.json` under a directory, settled ones in its folder `settled`. */
export function candidateDirectory(directory: string, logger: Logger = silentLogger): CandidateStore {
  const settled = join(directory, SETTLED);
  return {
    save: (candidate) => write(directory, candidate),
    async settle(candidate) {
      await write(settled, candidate);
      await rm(join(directory, fileName(candidate)), { force: true });
    },
    async settled(limit) {
      const names = (await namesIn(settled)).filter((name) => name.endsWith(".json"));
      const newest = names.sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10)).slice(0, limit);
      const read = await Promise.all(newest.map((name) => readCandidate(join(settled, name), logger)));
      return read.flat();
    },
    async unsettled() {
      const names = await namesIn(directory);
      const over = new Set(await namesIn(settled));
      const open: BlockCandidate[] = [];
      for (const name of names) {
        if (!name.endsWith(".json")) continue;
        // The process ended between the two steps of settling.
        if (over.has(name)) await rm(join(directory, name), { force: true });
        else open.push(...(await readCandidate(join(directory, name), logger)));
      }
      return open;
    },
  };
}

function fileName({ height, hash }: BlockCandidate): string {
  return `${height}-${hash}.json`;
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}

/** Resolves when file and folder are on disk. */
async function write(directory: string, candidate: BlockCandidate): Promise<void> {
  makeDirectory(directory);
  const path = join(directory, fileName(candidate));
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(`${JSON.stringify(candidate, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Empty for a file that cannot be read: it must keep neither the pool from its start nor the other blocks from the network. */
async function readCandidate(path: string, logger: Logger): Promise<BlockCandidate[]> {
  try {
    const candidate = JSON.parse(await readFile(path, "utf8")) as BlockCandidate | null;
    return candidate === null ? [] : [candidate];
  } catch (error) {
    logger.error({ err: error, path }, "a block candidate cannot be read; it is not submitted again");
    return [];
  }
}
