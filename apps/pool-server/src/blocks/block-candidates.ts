import { mkdir, open, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { type Logger, silentLogger } from "@lode/ports";

/** What is known about a found block's fate. */
export type CandidateState = "found" | "submitted" | "accepted" | "rejected";

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
  readonly finder: string;
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
  /** Candidates whose fate is open, for a new attempt at start. */
  unresolved(): Promise<BlockCandidate[]>;
}

/** Candidates as `<height>-<hash>.json` under a directory. */
export function candidateDirectory(directory: string, logger: Logger = silentLogger): CandidateStore {
  return {
    async save(candidate) {
      await mkdir(directory, { recursive: true });
      const path = join(directory, `${candidate.height}-${candidate.hash}.json`);
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
    },
    async unresolved() {
      const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw error;
      });
      const open: BlockCandidate[] = [];
      for (const name of names) {
        if (!name.endsWith(".json")) continue;
        const candidate = await readCandidate(join(directory, name), logger);
        if (candidate?.state === "found" || candidate?.state === "submitted") open.push(candidate);
      }
      return open;
    },
  };
}

/** Null for a file that cannot be read: it must keep neither the pool from its start nor the other blocks from the network. */
async function readCandidate(path: string, logger: Logger): Promise<BlockCandidate | null> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as BlockCandidate | null;
  } catch (error) {
    logger.error({ err: error, path }, "a block candidate cannot be read; it is not submitted again");
    return null;
  }
}
