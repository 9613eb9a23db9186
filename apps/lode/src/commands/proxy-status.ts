import { type ProxyStatus, proxySchema } from "@lode/proxy";
import { ExitCode, ExitError } from "@lode/service";
import { splitHostPort } from "@lode/transport";
import { type Arguments, flag } from "../command.ts";
import { hashrate } from "../dev/status-line.ts";
import { loadFrom } from "./configured.ts";

const PATIENCE_MS = 5_000;

/** `lode proxy status`: asks the running proxy of a configuration on its admin port. */
export async function proxyStatus(args: Arguments): Promise<ExitCode> {
  const { host, port } = splitHostPort(loadFrom(proxySchema, args).admin.listenAddress);
  const local = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const url = `http://${local.includes(":") ? `[${local}]` : local}:${port}/status`;
  let status: ProxyStatus;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    status = (await answer.json()) as ProxyStatus;
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    const message = `no proxy answers at ${url} (${why}): is it running, and with this configuration?`;
    throw new ExitError(ExitCode.unavailable, message, { cause: error });
  }
  process.stdout.write(flag(args, "json") ? `${JSON.stringify(status)}\n` : statusText(status));
  return ExitCode.ok;
}

/** The status as tables for a terminal. */
export function statusText(status: ProxyStatus): string {
  const upstreams = status.upstreams.map(({ name, state, channels }) => [name, state, String(channels)]);
  const miners = status.miners.map((miner) => [
    miner.user,
    miner.user_agent,
    miner.remote_address,
    hashrate(miner.hashrate),
    miner.difficulty === null ? "" : String(Number(miner.difficulty.toPrecision(4))),
    String(miner.accepted),
    reasons(miner.rejected_by),
    miner.answer_seconds === null ? "" : `${Math.round(miner.answer_seconds * 1000)} ms`,
  ]);
  const head = ["miner", "firmware", "from", "hash rate", "difficulty", "accepted", "rejected", "answer"];
  return [
    table(["pool", "state", "channels"], upstreams),
    `${status.connections} connections on Stratum V1, ${status.sv2_connections} on Stratum V2; ${status.accepted} shares accepted, ${status.rejected} rejected\n`,
    ...(miners.length === 0 ? [] : [table(head, miners)]),
  ].join("\n");
}

function reasons(rejectedBy: Readonly<Record<string, number>>): string {
  const list = Object.entries(rejectedBy).map(([code, count]) => `${count} ${code}`);
  return list.length === 0 ? "0" : list.join(", ");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `${cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd()}\n`;
  return [head, ...rows].map(line).join("");
}
