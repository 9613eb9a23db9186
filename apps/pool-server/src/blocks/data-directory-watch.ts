import { open, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Logger, Metrics, Timer } from "@lode/ports";
import { ExitCode, ExitError, explainSystemError, makeDirectory } from "@lode/service";

/** What a {@link DataDirectoryWatch} needs. */
export interface DataDirectoryWatchDeps {
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Bytes that can be written; `statfs` of the directory if absent. For tests. */
  readonly freeBytes?: (directory: string) => Promise<number>;
}

/** Time between two looks, milliseconds. */
const EVERY_MS = 30_000;
/** Room for several blocks as files: a full block is 8 MB of hexadecimal. */
const LEAST_FREE_BYTES = 64 * 1024 * 1024;

/**
 * Knows, before the first block is found, whether its file can be written: writes a small file and looks at the room that is
 * left, at the start and every half minute.
 */
export class DataDirectoryWatch {
  readonly #deps: DataDirectoryWatchDeps;
  #timer: Timer | undefined;
  #isWritable = true;
  #free = 0;

  constructor(deps: DataDirectoryWatchDeps) {
    this.#deps = deps;
    deps.metrics.gauge("lode_data_dir_writable", "1 while files of found blocks can be written", {}, () =>
      this.#isWritable ? 1 : 0,
    );
    deps.metrics.gauge("lode_data_dir_free_bytes", "Room for files of found blocks", {}, () => this.#free);
  }

  /** False while files of found blocks cannot be written. */
  get isWritable(): boolean {
    return this.#isWritable;
  }

  /** Looks for the first time, and from then on now and then. @throws ExitError that says what to do */
  async start(): Promise<void> {
    await this.#probe();
    this.#timer = this.#deps.clock.every(EVERY_MS, () => void this.#look());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const before = this.#isWritable;
    try {
      await this.#probe();
      this.#isWritable = true;
    } catch (error) {
      this.#isWritable = false;
      if (before) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#deps.logger.error({ reason }, "a found block could not be kept as a file now");
      }
    }
    if (!before && this.#isWritable) this.#deps.logger.info({}, "found blocks can be kept as files again");
  }

  async #probe(): Promise<void> {
    const { directory, freeBytes = bytesFree } = this.#deps;
    const path = join(directory, ".write-test");
    try {
      makeDirectory(directory);
      const file = await open(path, "w", 0o600);
      try {
        await file.writeFile("lode\n");
        await file.sync();
      } finally {
        await file.close();
      }
      await rm(path, { force: true });
      this.#free = await freeBytes(directory);
    } catch (error) {
      throw explainSystemError(error, `keep found blocks in ${directory} (pool.data_dir)`);
    }
    if (this.#free < LEAST_FREE_BYTES) {
      throw new ExitError(
        ExitCode.unavailable,
        `cannot keep found blocks in ${directory} (pool.data_dir): ${Math.floor(this.#free / 1e6)} MB are free, and ` +
          `${Math.ceil(LEAST_FREE_BYTES / 1e6)} MB are needed; make room, or choose another directory`,
      );
    }
  }
}

async function bytesFree(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
