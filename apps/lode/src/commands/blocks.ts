import { join } from "node:path";
import {
  addressOfScript,
  displayToInternal,
  internalToDisplay,
  type NetworkName,
  networkNames,
} from "@lode/bitcoin";
import { openDatabase } from "@lode/ledger";
import { type BlockAttempt, type BlockRow, BlockStore } from "@lode/ledger/blocks";
import { blockNode, candidateDirectory, nodeRpc } from "@lode/pool-server";
import { ExitCode, ExitError } from "@lode/service";
import { type Arguments, type Command, flag, integer } from "../command.ts";
import { databaseOptions, databaseUrl, poolConfig } from "../database-source.ts";

const HASH = /^[0-9a-f]{64}$/;
const DEFAULT_LIMIT = 20;

export const blocksCommand: Command = {
  name: "blocks",
  operands: "[HASH|resubmit HASH]",
  summary: "List found blocks: who found them, whom they pay, and what became of them.",
  details: `Without an operand, the newest blocks.
HASH             one block, with what every path answered
resubmit HASH    hands the block's file to every node of --config again`,
  options: {
    ...databaseOptions,
    limit: { type: "string", value: "N", help: `Blocks to list (${DEFAULT_LIMIT}).` },
    json: { type: "boolean", help: "Print JSON." },
  },
  async run(args) {
    const [first, second] = args.positionals;
    if (first === "resubmit") return await resubmit(args, hashOf(second));
    const database = openDatabase(databaseUrl(args), { max: 1 });
    const store = new BlockStore(database);
    try {
      if (first !== undefined) return await showOne(store, hashOf(first), flag(args, "json"));
      const rows = await store.list(integer(args, "limit", 1, 100_000) ?? DEFAULT_LIMIT);
      print(
        flag(args, "json")
          ? JSON.stringify(
              rows.map((row) => asJson(row)),
              null,
              2,
            )
          : table(rows),
      );
      return ExitCode.ok;
    } finally {
      await database.end();
    }
  },
};

function hashOf(text: string | undefined): string {
  if (text !== undefined && HASH.test(text.toLowerCase())) return text.toLowerCase();
  throw new ExitError(
    ExitCode.usage,
    "name the block by its hash: 64 hexadecimal digits, as explorers show it",
  );
}

async function showOne(store: BlockStore, hash: string, json: boolean): Promise<ExitCode> {
  const internal = displayToInternal(hash);
  const row = await store.find(internal);
  if (row === undefined) throw new ExitError(ExitCode.failure, `no block ${hash} is recorded`);
  const attempts = await store.attempts(internal);
  print(
    json
      ? JSON.stringify({ ...asJson(row), attempts: attempts.map(attemptJson) }, null, 2)
      : page(row, attempts),
  );
  return ExitCode.ok;
}

/** Hands the bytes in a block's file to every configured node. */
async function resubmit(args: Arguments, hash: string): Promise<ExitCode> {
  const config = poolConfig(args);
  if (config === undefined) {
    throw new ExitError(ExitCode.usage, "name the pool's --config: its data directory and nodes are needed");
  }
  const directory = candidateDirectory(join(config.pool.dataDir, "blocks"));
  const candidates = [...(await directory.unsettled()), ...(await directory.settled(10_000))];
  const candidate = candidates.find((each) => each.hash === hash);
  if (candidate?.block == null) {
    throw new ExitError(ExitCode.failure, `${config.pool.dataDir} has no file with the whole block ${hash}`);
  }
  if (config.nodes.length === 0) throw new ExitError(ExitCode.config, "no [[nodes]] are configured");
  let taken = 0;
  for (const node of config.nodes) {
    const rpc = nodeRpc(node);
    try {
      const answer = (await blockNode(node.name, rpc).submitBlock(candidate.block)) ?? "accepted";
      if (answer === "accepted" || answer === "duplicate") taken++;
      print(`${node.name}: ${answer}`);
    } catch (error) {
      print(`${node.name}: no answer: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      rpc.close();
    }
  }
  return taken > 0 ? ExitCode.ok : ExitCode.failure;
}

function table(rows: readonly BlockRow[]): string {
  if (rows.length === 0) return "no block has been found yet";
  const lines = rows.map((row) => [
    String(row.height),
    stateText(row),
    row.scheme,
    bitcoins(total(row)),
    new Date(row.foundAt).toISOString().slice(0, 19).replace("T", " "),
    finderText(row),
    internalToDisplay(row.hash),
  ]);
  const all = [["height", "state", "scheme", "BTC", "found (UTC)", "finder", "hash"], ...lines];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  return all
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function page(row: BlockRow, attempts: readonly BlockAttempt[]): string {
  const network = networkOf(row);
  const pays = row.outputs
    .filter(({ sats }) => sats > 0n)
    .map(({ sats, script }) => `  ${bitcoins(sats)} BTC to ${scriptText(script, network)}`);
  const answers = attempts.map(
    ({ path, answer, at }) => `  ${new Date(at).toISOString()}  ${path}: ${answer}`,
  );
  return [
    `block    ${internalToDisplay(row.hash)}`,
    `height   ${row.height}`,
    `state    ${stateText(row)}`,
    `scheme   ${row.scheme}`,
    `found    ${new Date(row.foundAt).toISOString()} by ${finderText(row)} (${row.source})`,
    "pays",
    ...pays,
    ...(answers.length === 0 ? [] : ["answers", ...answers]),
  ].join("\n");
}

function stateText({ state, confirmations }: BlockRow): string {
  return state === "active" ? `active (${confirmations})` : state;
}

function finderText({ finder, source }: BlockRow): string {
  if (finder === null) return source;
  const address = finder.address === "" ? scriptText(finder.script, undefined) : finder.address;
  return finder.worker === "" ? address : `${address}.${finder.worker}`;
}

/** The script's address where its network is known, else hexadecimal text. */
function scriptText(script: Uint8Array, network: NetworkName | undefined): string {
  const address = network === undefined ? undefined : addressOfScript(script, network);
  return address ?? Buffer.from(script).toString("hex");
}

/** The network of the finder's address. */
function networkOf({ finder }: BlockRow): NetworkName | undefined {
  if (finder === null || finder.address === "") return undefined;
  return networkNames.find((network) => addressOfScript(finder.script, network) === finder.address);
}

function total({ outputs }: BlockRow): bigint {
  return outputs.reduce((sum, { sats }) => sum + sats, 0n);
}

/** Exact: satoshis are never a float. */
function bitcoins(sats: bigint): string {
  return `${sats / 100_000_000n}.${String(sats % 100_000_000n).padStart(8, "0")}`;
}

function asJson(row: BlockRow) {
  const { finder } = row;
  return {
    hash: internalToDisplay(row.hash),
    height: row.height,
    prev_hash: internalToDisplay(row.prevHash),
    state: row.state,
    confirmations: row.confirmations,
    scheme: row.scheme,
    source: row.source,
    found_at: new Date(row.foundAt).toISOString(),
    finder: finder && {
      script: Buffer.from(finder.script).toString("hex"),
      address: finder.address === "" ? null : finder.address,
      worker: finder.worker,
    },
    outputs: row.outputs.map(({ sats, script }) => ({
      sats: sats.toString(),
      script: Buffer.from(script).toString("hex"),
    })),
  };
}

function attemptJson({ path, answer, at }: BlockAttempt) {
  return { path, answer, at: new Date(at).toISOString() };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
