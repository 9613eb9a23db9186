import { connect } from "node:net";
import { createInterface } from "node:readline";
import { sha256d } from "@lode/bitcoin";
import type { Workbench } from "./workbench.ts";

/** What an SV1 server answered to shares. */
export interface Sv1Miner {
  readonly accepted: number;
  /** Errors of mining.submit, as JSON. */
  readonly refused: readonly string[];
  /** Jobs received. */
  readonly jobs: number;
  /** True once the server has closed the connection. */
  readonly closed: boolean;
  stop(): void;
}

interface Work {
  /** Difficulty in force when the job came: a later one is for later jobs. */
  readonly target: bigint;
  readonly jobId: string;
  readonly extranonce2: string;
  readonly ntime: string;
  readonly header: Buffer;
}

const HASHES_PER_SLICE = 2_000;
const SLICE_MS = 50;
const DIFF1 = 0xffffn << 208n;

/** Mines over Stratum V1 the way old hardware does: subscribe, authorize, notify, submit; no version rolling. */
export function startSv1Miner(bench: Workbench, port: number, user: string): Sv1Miner {
  const socket = connect(port, "127.0.0.1");
  const state = { accepted: 0, refused: [] as string[], jobs: 0, closed: false };
  let extranonce1 = "";
  let extranonce2Size = 0;
  let announced = 0n;
  let work: Work | undefined;
  let nonce = 0;
  let jobs = 0;
  let nextId = 10;
  const send = (id: number, method: string, params: unknown[]) =>
    socket.write(`${JSON.stringify({ id, method, params })}\n`);

  const onLine = (line: string) => {
    const message = JSON.parse(line) as {
      id?: number;
      method?: string;
      params?: unknown[];
      result?: unknown;
      error?: unknown;
    };
    const params = message.params ?? [];
    if (message.method === "mining.set_difficulty") announced = targetOf(Number(params[0]));
    else if (message.method === "mining.notify") {
      state.jobs++;
      const extranonce2 = (jobs++).toString(16).padStart(2 * extranonce2Size, "0");
      work = workOf(params, extranonce1, extranonce2, announced);
      nonce = 0;
    } else if (message.id === 1) {
      const [, prefix, size] = message.result as [unknown, string, number];
      extranonce1 = prefix;
      extranonce2Size = size;
      send(2, "mining.authorize", [user, "x"]);
    } else if (message.id !== undefined && message.id >= 10) {
      if (message.result === true) state.accepted++;
      else state.refused.push(JSON.stringify(message.error ?? message.result));
    }
  };
  const mine = () => {
    if (work === undefined) return;
    for (let i = 0; i < HASHES_PER_SLICE; i++) {
      work.header.writeUInt32LE(nonce++, 76);
      const hash = sha256d(work.header);
      // Cheap look at the highest bytes before the whole number is compared.
      if ((hash[31] ?? 1) !== 0 || BigInt(`0x${Buffer.from(hash).reverse().toString("hex")}`) > work.target)
        continue;
      const found = work.header.readUInt32LE(76).toString(16).padStart(8, "0");
      send(nextId++, "mining.submit", [user, work.jobId, work.extranonce2, work.ntime, found]);
      break;
    }
  };
  const slices = setInterval(mine, SLICE_MS);
  const stop = () => {
    clearInterval(slices);
    socket.destroy();
  };
  socket.once("connect", () => send(1, "mining.subscribe", ["interop/1"]));
  socket.on("error", () => {});
  socket.once("close", () => {
    state.closed = true;
    clearInterval(slices);
  });
  createInterface({ input: socket }).on("line", onLine);
  bench.onClear(stop);
  return Object.assign(state, { stop });
}

/** Pool difficulty, often a fraction here, as a target. */
function targetOf(difficulty: number): bigint {
  const precision = 10n ** 15n;
  return (DIFF1 * precision) / BigInt(Math.max(1, Math.round(difficulty * Number(precision))));
}

/** mining.notify: job id, prevhash, coinb1, coinb2, branches, version, nbits, ntime, clean. */
function workOf(params: readonly unknown[], extranonce1: string, extranonce2: string, target: bigint): Work {
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
  return { target, jobId: jobId ?? "", extranonce2, ntime: ntime ?? "", header };
}

function reversed(hex: string): Buffer {
  return Buffer.from(hex, "hex").reverse();
}
