import { concatBytes, DIFF1_TARGET, merkleRoot, sha256d, targetToBytes } from "@lode/bitcoin";
import type { Clock, Timer } from "@lode/ports";
import { isAtMost } from "../hashing.ts";
import type { Sv1Wire } from "./sv1-wire.ts";

/** What every scripted Stratum V1 device needs. */
export interface Sv1DeviceOptions {
  readonly wire: Sv1Wire;
  readonly clock: Clock;
  readonly user: string;
  readonly password?: string;
  readonly hashesPerSecond?: number;
}

/** A line of the server. */
export interface Sv1ServerLine {
  readonly id: unknown;
  readonly method?: string;
  readonly params?: readonly unknown[];
  readonly result?: unknown;
  readonly error?: readonly unknown[] | null;
}

/** A job as the device has it. */
export interface Sv1DeviceJob {
  readonly jobId: string;
  readonly prevHash: Uint8Array;
  readonly coinbase1: Uint8Array;
  readonly coinbase2: Uint8Array;
  readonly merklePath: readonly Uint8Array[];
  readonly version: number;
  readonly nbits: number;
  readonly ntime: number;
  /** Difficulty in force when the device took the job up. */
  readonly difficulty: number;
}

/**
 * A Stratum V1 device that mines for real on easy targets. The subclasses follow one firmware each in what they say, in which order,
 * and when a difficulty begins to count; what would harm the original is a violation.
 */
export abstract class Sv1Device {
  /** Rules of the original that the server broke. */
  readonly violations: string[] = [];
  accepted = 0;
  /** Refused shares by code and text. */
  readonly refused = new Map<string, number>();
  /** Shares without an answer, by id. */
  readonly unanswered = new Set<number>();
  jobs = 0;
  cleanJobs = 0;
  /** Every difficulty that came, in order. */
  readonly difficulties: number[] = [];
  protected readonly wire: Sv1Wire;
  protected readonly clock: Clock;
  protected readonly user: string;
  protected readonly password: string;
  protected difficulty = 1;
  protected mask = 0;
  protected job: Sv1DeviceJob | undefined;
  protected extranonce1: Uint8Array = new Uint8Array(0);
  protected extranonce2Size = 0;
  readonly #hashesPerSecond: number;
  readonly #mining: Timer;
  #owed = 0;
  #header: Uint8Array = new Uint8Array(80);
  #extranonce2 = new Uint8Array(0);
  #rolled = 0;
  #nonce = 0;
  #counter = 0;
  #nextId = 1;
  #rest = "";

  constructor({ wire, clock, user, password = "x", hashesPerSecond = 40 }: Sv1DeviceOptions) {
    this.wire = wire;
    this.clock = clock;
    this.user = user;
    this.password = password;
    this.#hashesPerSecond = hashesPerSecond;
    wire.onText = (text) => this.#onText(text);
    wire.onEnd = () => this.#mining.cancel();
    this.#mining = clock.every(SLICE_MS, () => this.#mine());
    clock.soon(() => this.begin());
  }

  /** Longest line the original has room for. */
  protected abstract readonly lineLimit: number;
  /** The first words. */
  protected abstract begin(): void;
  /** The answer to a request that is no share. */
  protected abstract onAnswer(id: number, line: Sv1ServerLine): void;
  /** A share as the original writes it. `bits` are the rolled version bits. */
  protected abstract submitLine(
    id: number,
    job: Sv1DeviceJob,
    extranonce2: string,
    nonce: number,
    bits: number,
  ): string;

  /** A set_difficulty came; by default it counts from the next job on. */
  protected onDifficulty(difficulty: number): void {
    this.difficulty = difficulty;
  }

  /** True: the original takes this job up. */
  protected takes(_jobId: string, _clean: boolean): boolean {
    return true;
  }

  protected nextId(): number {
    return this.#nextId++;
  }

  protected say(line: string): void {
    this.wire.write(line);
  }

  protected onSubscribed(result: unknown): void {
    const [pairs, extranonce1, size] = result as [unknown[][], string, number];
    if (!pairs.some(([name]) => name === "mining.notify")) this.violations.push("no mining.notify pair");
    this.extranonce1 = bytesOf(extranonce1);
    this.extranonce2Size = size;
  }

  protected onConfigured(result: unknown): void {
    const mask = (result as Record<string, unknown>)["version-rolling.mask"];
    if (typeof mask === "string") this.mask = Number.parseInt(mask, 16);
  }

  #onText(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.length > this.lineLimit) this.violations.push(`a line of ${line.length} characters`);
      this.#onLine(JSON.parse(line) as Sv1ServerLine);
    }
  }

  #onLine(line: Sv1ServerLine): void {
    if (line.method === "mining.set_difficulty") {
      this.difficulties.push(Number(line.params?.[0]));
      this.onDifficulty(Number(line.params?.[0]));
    } else if (line.method === "mining.notify") this.#onNotify(line.params ?? []);
    else if (line.method === "mining.set_version_mask")
      this.mask = Number.parseInt(String(line.params?.[0]), 16);
    else if (line.method === undefined) {
      const id = Number(line.id);
      if (this.unanswered.delete(id)) this.#onVerdict(line);
      else this.onAnswer(id, line);
    }
  }

  #onVerdict({ result, error }: Sv1ServerLine): void {
    if (result === true) this.accepted += 1;
    else {
      const reason = `${String(error?.[0])} ${String(error?.[1])}`;
      this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    }
  }

  #onNotify(params: readonly unknown[]): void {
    if (this.difficulties.length === 0) this.violations.push("a job before any difficulty");
    const [jobId, prevHash, coinbase1, coinbase2] = params.slice(0, 4).map(String);
    const [version, nbits, ntime] = params.slice(5, 8).map((text) => {
      if (!/^[0-9a-f]{8}$/.test(String(text))) this.violations.push(`not 8 hex digits: ${String(text)}`);
      return Number.parseInt(String(text), 16);
    });
    const clean = params[8] === true;
    this.jobs += 1;
    if (clean) this.cleanJobs += 1;
    if (!this.takes(jobId!, clean)) return;
    this.job = {
      jobId: jobId!,
      prevHash: new Uint8Array(Buffer.from(prevHash!, "hex").swap32()),
      coinbase1: bytesOf(coinbase1!),
      coinbase2: bytesOf(coinbase2!),
      merklePath: (params[4] as string[]).map(bytesOf),
      version: version!,
      nbits: nbits!,
      ntime: ntime!,
      difficulty: this.difficulty,
    };
    this.#nextExtranonce2();
  }

  /** Another header to search. */
  #nextExtranonce2(): void {
    const { prevHash, coinbase1, coinbase2, merklePath, version, nbits, ntime } = this.job!;
    this.#extranonce2 = new Uint8Array(this.extranonce2Size);
    new DataView(this.#extranonce2.buffer).setUint16(this.extranonce2Size - 2, this.#counter++ & 0xffff);
    this.#rolled = this.mask === 0 ? 0 : ((this.#counter << 13) & this.mask) >>> 0;
    this.#nonce = 0;
    const coinbase = concatBytes(coinbase1, this.extranonce1, this.#extranonce2, coinbase2);
    const view = new DataView(this.#header.buffer);
    view.setUint32(0, (version ^ this.#rolled) >>> 0, true);
    this.#header.set(prevHash, 4);
    this.#header.set(merkleRoot(sha256d(coinbase), merklePath), 36);
    view.setUint32(68, ntime, true);
    view.setUint32(72, nbits, true);
  }

  #mine(): void {
    if (this.job === undefined || this.wire.ended !== null) return;
    const target = targetToBytes(targetOf(this.job.difficulty));
    const view = new DataView(this.#header.buffer);
    for (this.#owed += (this.#hashesPerSecond * SLICE_MS) / 1000; this.#owed >= 1; this.#owed--) {
      const nonce = this.#nonce++;
      if (nonce > NONCES_PER_EXTRANONCE) this.#nextExtranonce2();
      view.setUint32(76, nonce, true);
      if (isAtMost(sha256d(this.#header), target)) this.#submit(nonce);
    }
  }

  #submit(nonce: number): void {
    const id = this.nextId();
    this.unanswered.add(id);
    const extranonce2 = Buffer.from(this.#extranonce2).toString("hex");
    this.say(this.submitLine(id, this.job!, extranonce2, nonce, this.#rolled));
  }
}

/** Easiest target of a difficulty, as a double's exact value. */
function targetOf(difficulty: number): bigint {
  const scale = 2n ** 80n;
  const scaled = BigInt(Math.round(difficulty * 2 ** 40)) * 2n ** 40n;
  const exact = difficulty < 2 ** -10 ? BigInt(Math.round(difficulty * 2 ** 80)) : scaled;
  const target = (DIFF1_TARGET * scale) / (exact === 0n ? 1n : exact);
  return target >= 1n << 256n ? (1n << 256n) - 1n : target;
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

const SLICE_MS = 250;
const NONCES_PER_EXTRANONCE = 5_000;
