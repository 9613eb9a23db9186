import { connect } from "node:net";
import { createInterface } from "node:readline";
import { sha256d } from "@lode/bitcoin";
import type { Workbench } from "./workbench.ts";

/** A miner on Stratum V1 and what the server told it. */
export interface Sv1Miner {
  /** Rate it keeps to; may be changed at any time, 0 pauses it. */
  hashesPerSecond: number;
  /** Hashes tried. */
  readonly hashes: number;
  /** Shares handed in that no answer has come for. */
  readonly unanswered: number;
  readonly accepted: number;
  /** Errors of mining.submit, as JSON, with how many there were. */
  readonly refused: ReadonlyMap<string, number>;
  /** Jobs received. */
  readonly jobs: number;
  /** mining.set_difficulty received. */
  readonly difficulties: number;
  /** mining.set_extranonce received. */
  readonly moves: number;
  /** True once the server has closed the connection. */
  readonly closed: boolean;
  stop(): void;
}

export interface Sv1MinerOptions {
  readonly port: number;
  readonly user: string;
  readonly hashesPerSecond: number;
  /** BIP310: asks for version rolling and hands in rolled bits. Old hardware does not. */
  readonly rollsVersion?: boolean;
  /** Asks to be told of other extranonces (mining.extranonce.subscribe). */
  readonly movesExtranonce?: boolean;
}

interface Work {
  /** Difficulty in force when the job came: a later one is for later jobs. */
  readonly target: bigint;
  readonly jobId: string;
  readonly extranonce2: string;
  readonly ntime: string;
  readonly versionBits: string | undefined;
  readonly header: Buffer;
}

interface Job {
  readonly params: readonly unknown[];
  readonly extranonce1: string;
  readonly extranonce2: string;
  readonly target: bigint;
  /** Bits to replace in the version, and with what; undefined when they stay. */
  readonly rolled: { readonly mask: number; readonly bits: number } | undefined;
}

const SLICE_MS = 50;
/** After a pause of the process, the time lost beyond this is not made up for. */
const MAX_CATCH_UP_MS = 200;
const DIFF1 = 0xffffn << 208n;
/** BIP320's bits, as firmware asks for them. */
const ROLLED_MASK = 0x1fff_e000;
const FIRST_SUBMIT_ID = 10;

/** Mines over Stratum V1: configure (if it rolls versions), subscribe, authorize, notify, submit. */
export function startSv1Miner(bench: Workbench, options: Sv1MinerOptions): Sv1Miner {
  const { port, user } = options;
  const socket = connect(port, "127.0.0.1");
  const state = {
    hashesPerSecond: options.hashesPerSecond,
    hashes: 0,
    unanswered: 0,
    accepted: 0,
    refused: new Map<string, number>(),
    jobs: 0,
    difficulties: 0,
    moves: 0,
    closed: false,
  };
  let extranonce1 = "";
  let extranonce2Size = 0;
  let announced = 0n;
  let mask = 0;
  let work: Work | undefined;
  let nonce = 0;
  let nextId = FIRST_SUBMIT_ID;
  const send = (id: number, method: string, params: unknown[]) =>
    socket.write(`${JSON.stringify({ id, method, params })}\n`);
  const subscribe = () => send(1, "mining.subscribe", ["interop/1"]);

  const onAnswer = (id: number, result: unknown, error: unknown) => {
    if (id === 0) {
      const { "version-rolling.mask": granted } = result as { "version-rolling.mask"?: string };
      mask = ROLLED_MASK & Number.parseInt(granted ?? "0", 16);
      subscribe();
    } else if (id === 1) {
      const [, prefix, size] = result as [unknown, string, number];
      extranonce1 = prefix;
      extranonce2Size = size;
      send(2, "mining.authorize", [user, "x"]);
      if (options.movesExtranonce) send(3, "mining.extranonce.subscribe", []);
    } else if (id >= FIRST_SUBMIT_ID) {
      state.unanswered--;
      const reason = JSON.stringify(error ?? result);
      if (result === true) state.accepted++;
      else state.refused.set(reason, (state.refused.get(reason) ?? 0) + 1);
    }
  };
  const onLine = (line: string) => {
    const { id, method, params, result, error } = JSON.parse(line) as {
      id?: number | null;
      method?: string;
      params?: unknown[];
      result?: unknown;
      error?: unknown;
    };
    if (method === "mining.set_difficulty") {
      state.difficulties++;
      announced = targetOf(Number(params?.[0]));
    } else if (method === "mining.set_extranonce") {
      state.moves++;
      extranonce1 = String(params?.[0]);
      extranonce2Size = Number(params?.[1]);
    } else if (method === "mining.notify") {
      const count = state.jobs++;
      const extranonce2 = count.toString(16).padStart(2 * extranonce2Size, "0");
      const rolled = mask === 0 ? undefined : { mask, bits: (count << 13) & mask };
      work = workOf({ params: params ?? [], extranonce1, extranonce2, target: announced, rolled });
      nonce = 0;
    } else if (method === undefined && typeof id === "number") onAnswer(id, result, error);
  };
  const submit = (found: Work) => {
    const { jobId, extranonce2, ntime, versionBits } = found;
    const nonceHex = found.header.readUInt32LE(76).toString(16).padStart(8, "0");
    const share = [user, jobId, extranonce2, ntime, nonceHex];
    state.unanswered++;
    send(nextId++, "mining.submit", versionBits === undefined ? share : [...share, versionBits]);
  };
  let owed = 0;
  let lastSlice = performance.now();
  const mine = () => {
    const now = performance.now();
    const elapsed = Math.min(now - lastSlice, MAX_CATCH_UP_MS);
    lastSlice = now;
    if (work === undefined) return;
    for (owed += (elapsed * state.hashesPerSecond) / 1000; owed >= 1; owed--) {
      state.hashes++;
      work.header.writeUInt32LE(nonce++, 76);
      const hash = sha256d(work.header);
      // Cheap look at the highest bytes before the whole number is compared.
      if (hash[31] !== 0 || BigInt(`0x${Buffer.from(hash).reverse().toString("hex")}`) > work.target)
        continue;
      submit(work);
    }
  };
  const slices = setInterval(mine, SLICE_MS);
  const stop = () => {
    clearInterval(slices);
    socket.destroy();
  };
  socket.once("connect", () => {
    if (!options.rollsVersion) return subscribe();
    const wish = { "version-rolling.mask": hex32(ROLLED_MASK), "version-rolling.min-bit-count": 2 };
    return send(0, "mining.configure", [["version-rolling"], wish]);
  });
  socket.on("error", () => {});
  socket.once("close", () => {
    state.closed = true;
    clearInterval(slices);
  });
  const lines = createInterface({ input: socket });
  // It passes the socket's errors on.
  lines.on("error", () => {});
  lines.on("line", onLine);
  bench.onClear(stop);
  return Object.assign(state, { stop });
}

/** Pool difficulty, often a fraction here, as a target. */
function targetOf(difficulty: number): bigint {
  const precision = 10n ** 15n;
  return (DIFF1 * precision) / BigInt(Math.max(1, Math.round(difficulty * Number(precision))));
}

/** mining.notify: job id, prevhash, coinb1, coinb2, branches, version, nbits, ntime, clean. */
function workOf({ params, extranonce1, extranonce2, target, rolled }: Job): Work {
  const [jobId, prevHash, coinbase1, coinbase2] = params.slice(0, 4).map(String);
  const branches = (params[4] ?? []) as string[];
  const [version, nbits, ntime] = params.slice(5, 8).map(String);
  let root = sha256d(Buffer.from(`${coinbase1}${extranonce1}${extranonce2}${coinbase2}`, "hex"));
  for (const branch of branches) root = sha256d(Buffer.concat([root, Buffer.from(branch, "hex")]));
  const header = Buffer.concat([
    reversed(version ?? ""),
    // Stratum V1 sends prevhash as eight words of swapped bytes.
    Buffer.from(prevHash ?? "", "hex").swap32(),
    root,
    reversed(ntime ?? ""),
    reversed(nbits ?? ""),
    Buffer.alloc(4),
  ]);
  let versionBits: string | undefined;
  if (rolled !== undefined) {
    const plain = header.readUInt32LE(0);
    header.writeUInt32LE(((plain & ~rolled.mask) | rolled.bits) >>> 0, 0);
    versionBits = hex32(rolled.bits);
  }
  return { target, jobId: jobId ?? "", extranonce2, ntime: ntime ?? "", versionBits, header };
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

function reversed(hex: string): Buffer {
  return Buffer.from(hex, "hex").reverse();
}
