import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { CodedError } from "@lode/ports";
import type { LoadTarget } from "./load.ts";
import type { LoadReport } from "./load-report.ts";
import type { LoadReply, LoadRequest } from "./remote-protocol.ts";
import type { StormReport } from "./storm.ts";
import type { UsedTime } from "./used-time.ts";
import type { Arrivals } from "./work-watch.ts";

/** A load generator's process failed; `detail` is what it said. */
export class LoadProcessError extends CodedError<{ code: "load-failed"; detail: string }> {}

/** A {@link import("./load.ts").Load} in a process of its own. One call at a time. */
export interface RemoteLoad {
  /** What its process used while the connections were made. */
  readonly gathering: UsedTime;
  saturate(seconds: number): Promise<LoadReport>;
  pace(seconds: number, sharesPerSecond: number): Promise<LoadReport>;
  /** Resolves when the generator watches for the template with this stamp; `everywhere` when all connections have it. */
  watch(stamp: number): Promise<{ readonly everywhere: Promise<Arrivals> }>;
  storm(): Promise<StormReport>;
  close(): Promise<void>;
}

/** The same path from the sources and from the build, so that every runner starts built JavaScript. */
const ENTRY = fileURLToPath(new URL("../../dist/load/load-entry.js", import.meta.url));

/**
 * Starts a load generator in its own process, so that its work is not the server's.
 *
 * @throws LoadProcessError
 */
export async function spawnLoad(target: LoadTarget): Promise<RemoteLoad> {
  const { authorityKey, ...rest } = target;
  const child = new LoadProcess();
  const key = authorityKey === null ? null : Buffer.from(authorityKey).toString("hex");
  try {
    child.gathering = (await child.ask({ kind: "start", target: rest, authorityKey: key }, "started")).used;
  } catch (error) {
    await child.close();
    throw error;
  }
  return child;
}

class LoadProcess implements RemoteLoad {
  gathering: UsedTime = { cpuMs: 0, busyMs: 0, wallMs: 0 };
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #onReply: ((reply: LoadReply) => void) | undefined;

  constructor() {
    this.#child = fork(ENTRY, { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child.on("message", (reply) => this.#onReply?.(reply as LoadReply));
    this.#ended = new Promise((resolve) => {
      const end = (detail: string) => {
        this.#onReply?.({ kind: "failed", message: detail });
        resolve();
      };
      this.#child.once("error", (error) => end(String(error)));
      this.#child.once("exit", (code, signal) => end(`it ended with ${signal ?? code}`));
    });
  }

  async saturate(seconds: number): Promise<LoadReport> {
    return (await this.ask({ kind: "saturate", seconds }, "report")).report;
  }

  async pace(seconds: number, sharesPerSecond: number): Promise<LoadReport> {
    return (await this.ask({ kind: "pace", seconds, sharesPerSecond }, "report")).report;
  }

  async watch(stamp: number): Promise<{ readonly everywhere: Promise<Arrivals> }> {
    await this.ask({ kind: "watch", stamp }, "armed");
    return { everywhere: this.#reply("arrivals").then(({ arrivals }) => arrivals) };
  }

  async storm(): Promise<StormReport> {
    return (await this.ask({ kind: "storm" }, "storm")).storm;
  }

  async close(): Promise<void> {
    if (this.#child.connected) this.#child.send({ kind: "close" } satisfies LoadRequest);
    await this.#ended;
  }

  ask<K extends LoadReply["kind"]>(request: LoadRequest, kind: K): Promise<Extract<LoadReply, { kind: K }>> {
    const reply = this.#reply(kind);
    if (this.#child.connected) this.#child.send(request);
    else this.#onReply?.({ kind: "failed", message: "it has ended" });
    return reply;
  }

  #reply<K extends LoadReply["kind"]>(kind: K): Promise<Extract<LoadReply, { kind: K }>> {
    return new Promise((resolve, reject) => {
      this.#onReply = (reply) => {
        if (reply.kind === kind) resolve(reply as Extract<LoadReply, { kind: K }>);
        else {
          const detail = reply.kind === "failed" ? reply.message : `unexpected ${reply.kind}`;
          reject(new LoadProcessError({ code: "load-failed", detail }, `the load generator: ${detail}`));
        }
      };
    });
  }
}
