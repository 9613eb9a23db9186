import { fileURLToPath } from "node:url";
import { EntryProcess } from "@lode/testing/process";
import type { PoolCommand, PoolReading, PoolReply, PoolRequest } from "./pool-protocol.ts";

const ENTRY = fileURLToPath(new URL("pool-entry.ts", import.meta.url));

/** How the measured process is started. */
export interface PoolHostOptions extends Omit<PoolRequest, "kind"> {
  /** `LODE_NATIVE` of the process. */
  readonly native: "addon" | "js" | "auto";
  /** Directory for a CPU profile, written when the process stops. */
  readonly profileDir?: string | undefined;
}

/** The pool in a process of its own. */
export class PoolHost {
  readonly #process: EntryProcess<PoolRequest | PoolCommand, PoolReply>;
  #open!: Extract<PoolReply, { kind: "open" }>;

  /** Starts it; resolves when it listens. */
  static async start({ store, templates, scripts = "one", ...options }: PoolHostOptions): Promise<PoolHost> {
    const host = new PoolHost(options);
    const reply = await host.#process.ask({ kind: "open", store, templates, scripts });
    if (reply.kind !== "open") throw new Error(`the measured pool answered ${reply.kind}`);
    host.#open = reply;
    return host;
  }

  private constructor({ native, profileDir }: Pick<PoolHostOptions, "native" | "profileDir">) {
    const profile = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
    this.#process = new EntryProcess(ENTRY, {
      nodeArguments: ["--expose-gc", ...profile],
      env: { LODE_NATIVE: native === "auto" ? "" : native },
    });
  }

  get pid(): number {
    return this.#open.pid;
  }

  get port(): number {
    return this.#open.port;
  }

  get authorityKey(): Uint8Array {
    return new Uint8Array(Buffer.from(this.#open.authorityKey, "hex"));
  }

  /** `addon, libsecp256k1` */
  get backends(): string {
    return `${this.#open.nativeBackend}, ${this.#open.handshakeBackend}`;
  }

  /** Reads its meters, after having done what is asked for. */
  async ask(kind: Exclude<PoolCommand["kind"], "refusals">): Promise<PoolReading> {
    const reply = await this.#process.ask({ kind });
    if (reply.kind !== "reading") throw new Error(`the measured pool answered ${reply.kind}`);
    return reply.reading;
  }

  /** Sockets and handshakes it has turned away since its start, by reason; reasons that did not occur may be missing. */
  async refusals(): Promise<Readonly<Record<string, number>>> {
    const reply = await this.#process.ask({ kind: "refusals" });
    if (reply.kind !== "refusals") throw new Error(`the measured pool answered ${reply.kind}`);
    return reply.refusals;
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
