import { type ChildProcess, spawn } from "node:child_process";

interface Envelope<T> {
  readonly id: number;
  readonly body: T;
}

/** A failure in the child, as its text. */
interface Failure {
  readonly failed: string;
}

/** How an entry is started. */
export interface EntryOptions {
  /** Arguments of node itself. */
  readonly nodeArguments?: readonly string[];
  /** Variables that differ from this process's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A TypeScript file that runs in a process of its own and answers requests, one answer each; see {@link serve}. */
export class EntryProcess<Request, Reply> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>();
  readonly #ended: Promise<void>;
  #lastId = 0;

  constructor(entry: string, { nodeArguments = [], env = {} }: EntryOptions = {}) {
    this.#child = spawn(process.execPath, [...nodeArguments, "--import", "tsx", entry], {
      stdio: ["ignore", 2, 2, "ipc"],
      serialization: "advanced",
      // Under vitest the parent's options name files of its own.
      env: { ...process.env, NODE_OPTIONS: "", ...env },
    });
    this.#child.on("message", (message) => {
      const { id, body } = message as Envelope<Reply | Failure>;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (isFailure(body)) waiting?.reject(new Error(body.failed));
      else waiting?.resolve(body);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        for (const { reject } of this.#waiting.values()) {
          reject(new Error(`${entry} ended: ${signal ?? code}`));
        }
        this.#waiting.clear();
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask(request: Request): Promise<Reply> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, body: request } satisfies Envelope<Request>, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  /** Ends it. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
  }
}

/** The child's side: answers every request, and ends with its parent. */
export function serve<Request, Reply>(handle: (request: Request) => Reply | Promise<Reply>): void {
  process.on("message", (message) => {
    const { id, body } = message as Envelope<Request>;
    Promise.resolve()
      .then(() => handle(body))
      .then(
        (reply) => process.send?.({ id, body: reply }),
        (error: unknown) => {
          const failed = error instanceof Error ? (error.stack ?? error.message) : String(error);
          process.send?.({ id, body: { failed } });
        },
      );
  });
  process.on("disconnect", () => process.exit(0));
}

function isFailure(body: unknown): body is Failure {
  return typeof body === "object" && body !== null && "failed" in body;
}
