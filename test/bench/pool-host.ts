import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { PoolCommand, PoolReading, PoolReply, PoolRequest } from "./pool-protocol.ts";

const ENTRY = fileURLToPath(new URL("pool-entry.ts", import.meta.url));

/** How the measured process is started. */
export interface PoolHostOptions extends PoolRequest {
  /** `LODE_NATIVE` of the process. */
  readonly native: "addon" | "js" | "auto";
  /** Directory for a CPU profile, written when the process stops. */
  readonly profileDir?: string | undefined;
}

/** The pool in a process of its own. */
export class PoolHost {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  /** Who waits for an answer; they come in the order of the questions. */
  readonly #waiting: ((reply: PoolReply) => void)[] = [];
  #open!: Extract<PoolReply, { kind: "open" }>;

  /** Starts it; resolves when it listens. */
  static async start(options: PoolHostOptions): Promise<PoolHost> {
    const host = new PoolHost(options);
    const { store, templates } = options;
    const reply = await host.#ask({ store, templates });
    if (reply.kind !== "open") throw new Error(`the measured pool answered ${reply.kind}`);
    host.#open = reply;
    return host;
  }

  private constructor({ native, profileDir }: PoolHostOptions) {
    const profile = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
    this.#child = spawn(process.execPath, ["--expose-gc", ...profile, "--import", "tsx", ENTRY], {
      stdio: ["ignore", 2, 2, "ipc"],
      env: { ...process.env, LODE_NATIVE: native === "auto" ? "" : native },
    });
    this.#child.on("message", (reply) => this.#waiting.shift()?.(reply as PoolReply));
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        const failure: PoolReply = { kind: "failed", message: `it ended with ${signal ?? code}` };
        for (const end of this.#waiting.splice(0)) end(failure);
        resolve();
      });
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
  async ask(kind: Exclude<PoolCommand["kind"], "refusals" | "stop">): Promise<PoolReading> {
    const reply = await this.#ask({ kind });
    if (reply.kind !== "reading") throw new Error(`the measured pool answered ${reply.kind}`);
    return reply.reading;
  }

  /** Sockets and handshakes it has turned away since its start, by reason; reasons that did not occur may be missing. */
  async refusals(): Promise<Readonly<Record<string, number>>> {
    const reply = await this.#ask({ kind: "refusals" });
    if (reply.kind !== "refusals") throw new Error(`the measured pool answered ${reply.kind}`);
    return reply.refusals;
  }

  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.send({ kind: "stop" } satisfies PoolCommand);
    await this.#ended;
  }

  #ask(message: PoolRequest | PoolCommand): Promise<PoolReply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push((reply) => {
        if (reply.kind === "failed") reject(new Error(`the measured pool failed: ${reply.message}`));
        else resolve(reply);
      });
      this.#child.send(message);
    });
  }
}
