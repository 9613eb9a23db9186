import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { addressOfScript, type NetworkName } from "@lode/bitcoin";
import { systemRandom } from "@lode/ports";
import { encodeAuthorityPublicKey, encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";
import { type MetricsPage, readMetrics } from "../metrics-page.ts";
import { freePort } from "./free-port.ts";
import { setArguments, startLode } from "./lode-process.ts";
import type { RunningProcess } from "./running-process.ts";

/** What a pool process is started with. */
export interface PoolProcessOptions {
  /** Where its log and its data go. */
  readonly folder: string;
  readonly databaseUrl: string;
  readonly templates: { readonly port: number; readonly publicKey: string };
  /** Also get every block by submitblock. */
  readonly nodes?: readonly { readonly url: string; readonly cookieFile: string }[];
  /** regtest unless told. */
  readonly network?: NetworkName;
  /** Receives the rewards; a fresh one that nobody has the key of unless told. */
  readonly address?: string;
  /** Further settings, `section.key=value`; they win. */
  readonly settings: readonly string[];
  /** Arguments of node itself. */
  readonly nodeArguments?: readonly string[];
}

const OPEN_WITHIN_MS = 60_000;
const READY_ANSWER_MS = 2_000;
const POLL_MS = 20;

/** `lode pool` as a process of its own, which can be ended and started again on the same ports. Its log goes on in the same file. */
export class PoolProcess {
  readonly name = "lode pool";
  readonly port: number;
  readonly adminPort: number;
  readonly authorityKey: Uint8Array;
  readonly address: string;
  readonly logFile: string;
  /** Times the process ended although nobody asked it to. */
  unexpectedEnds = 0;
  readonly #settings: readonly string[];
  readonly #nodeArguments: readonly string[];
  #process: RunningProcess | undefined;
  #wanted = false;

  /** Chooses its ports and key, and starts it. @throws when it ends or stays silent */
  static async start(options: PoolProcessOptions): Promise<PoolProcess> {
    const pool = new PoolProcess(options, await freePort(), await freePort());
    try {
      await pool.start();
    } catch (error) {
      await pool.end();
      throw error;
    }
    return pool;
  }

  private constructor(options: PoolProcessOptions, port: number, adminPort: number) {
    const { folder, databaseUrl, templates, nodes = [], network = "regtest", nodeArguments = [] } = options;
    const authority = generateKeypair(systemRandom);
    const dataDir = join(folder, "pool");
    mkdirSync(dataDir, { recursive: true });
    this.port = port;
    this.adminPort = adminPort;
    this.authorityKey = authority.publicKey;
    this.address =
      options.address ?? addressOfScript(Uint8Array.of(0x00, 0x14, ...systemRandom(20)), network) ?? "";
    this.logFile = join(folder, "lode-pool.log");
    this.#nodeArguments = nodeArguments;
    this.#settings = [
      `pool.network=${network}`,
      `pool.listen_address=127.0.0.1:${port}`,
      `pool.authority_secret_key=${encodeAuthoritySecretKey(authority.secretKey)}`,
      `pool.coinbase_reward_script=${this.address}`,
      `pool.data_dir=${dataDir}`,
      `templates.sources.0.address=127.0.0.1:${templates.port}`,
      `templates.sources.0.public_key=${templates.publicKey}`,
      ...nodes.flatMap(({ url, cookieFile }, index) => [
        `nodes.${index}.url=${url}`,
        `nodes.${index}.cookie_file=${cookieFile}`,
      ]),
      `database.url=${databaseUrl}`,
      `admin.listen_address=127.0.0.1:${adminPort}`,
      ...options.settings,
    ];
  }

  /** Authority key, base58check. */
  get publicKey(): string {
    return encodeAuthorityPublicKey(this.authorityKey);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  /** Starts it and waits until it accepts connections. @throws when it ends or stays silent */
  async start(): Promise<void> {
    const started = startLode(["pool", ...setArguments(this.#settings)], {
      nodeArguments: this.#nodeArguments,
      logFile: this.logFile,
      logOnly: true,
    });
    this.#process = started;
    this.#wanted = true;
    void started.ended.then(() => {
      if (this.#wanted && this.#process === started) this.unexpectedEnds++;
    });
    await this.#until("open its port", () => accepts(this.port));
  }

  /** Waits until it says that it is ready for miners. @throws when it ends or stays silent */
  untilReady(): Promise<void> {
    return this.#until("become ready", () => isReady(this.adminPort));
  }

  /** Ends it with SIGKILL, or another signal. Resolves once it is gone. */
  async end(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#wanted = false;
    await this.#process?.stop(signal);
  }

  /** Sends a signal that does not end it. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal);
  }

  metrics(): Promise<MetricsPage> {
    return readMetrics(`http://127.0.0.1:${this.adminPort}/metrics`);
  }

  /** The end of what it printed. */
  tail(lines?: number): string {
    return this.#process?.tail(lines) ?? "";
  }

  async #until(what: string, ask: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + OPEN_WITHIN_MS;
    while (!(await ask())) {
      if (!this.running) throw new Error(`the pool ended before it could ${what}\n${this.tail()}`);
      if (performance.now() > deadline) throw new Error(`the pool did not ${what} in time\n${this.tail()}`);
      await pause(POLL_MS);
    }
  }
}

/** True when the process with this admin port on loopback says that it is ready. */
export async function isReady(adminPort: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/readyz`, {
    signal: AbortSignal.timeout(READY_ANSWER_MS),
  }).catch(() => null);
  await response?.arrayBuffer();
  return response?.ok === true;
}

/** True when something on loopback accepts connections at this port. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
