import { parseDatabaseUrl } from "@lode/ledger";
import { ExitCode, ExitError, problemOf } from "@lode/service";
import { splitHostPort } from "@lode/transport";
import { type Arguments, address, type Command, flag, integer, text } from "../command.ts";
import type { DevOptions } from "../dev/dev-options.ts";
import { runDev } from "../dev/run-dev.ts";

const DEFAULT_LISTEN = "127.0.0.1:3333";
const DEFAULT_ADMIN = "127.0.0.1:9333";

export const devCommand: Command = {
  name: "dev",
  summary:
    "Run everything at once: database, chain, template provider, pool, Stratum V1 door and one simulated miner.",
  details: `Nothing has to be installed or configured. All state lies in one directory; a second start continues from it.`,
  options: {
    listen: { type: "string", value: "HOST:PORT", help: `Where miners connect (${DEFAULT_LISTEN}).` },
    "sv1-listen": {
      type: "string",
      value: "HOST:PORT",
      help: "Where Stratum V1 miners connect (the next port on the same host).",
    },
    admin: { type: "string", value: "HOST:PORT", help: `Health and metrics over HTTP (${DEFAULT_ADMIN}).` },
    "data-dir": { type: "string", value: "DIR", help: "Where all state lies (.lode)." },
    bitcoind: {
      type: "string",
      value: "URL",
      help: "Mine on your node, http://user:password@host:port, not on the built-in chain.",
    },
    "cookie-file": { type: "string", value: "FILE", help: "With --bitcoind: the node's .cookie." },
    "payout-address": {
      type: "string",
      value: "ADDRESS",
      help: "The address of the pool and of the simulated miner; needed on every network but regtest.",
    },
    scheme: {
      type: "string",
      value: "SCHEME",
      help: "Whom blocks pay: solo, the miner who found them, or pplns, the pool (solo).",
    },
    "database-url": { type: "string", value: "URL", help: "Use this Postgres, not the embedded one." },
    "no-miner": { type: "boolean", help: "Start no simulated miner." },
    "exit-after-blocks": { type: "string", value: "N", help: "End after N accepted blocks." },
    "log-level": { type: "string", value: "LEVEL", help: "Also log: debug, info, warn or error (warn)." },
    json: { type: "boolean", help: "End with one JSON line that sums the run up." },
  },
  run: (args) => runDev(devOptions(args)),
};

/** The next port of the same host; any port where any will do. */
function nextPort(place: string): string {
  const { host, port } = splitHostPort(place);
  return `${host.includes(":") ? `[${host}]` : host}:${port === 0 ? 0 : port + 1}`;
}

function schemeOf(name: string): DevOptions["scheme"] {
  if (name === "solo" || name === "pplns") return name;
  throw new ExitError(ExitCode.usage, "--scheme takes solo or pplns");
}

function devOptions(args: Arguments): DevOptions {
  const databaseUrl = text(args, "database-url") ?? null;
  const [problem] =
    databaseUrl === null ? [] : problemOf("--database-url", () => parseDatabaseUrl(databaseUrl));
  if (problem !== undefined) throw new ExitError(ExitCode.usage, `${problem.key}: ${problem.message}`);
  if (text(args, "cookie-file") !== undefined && text(args, "bitcoind") === undefined)
    throw new ExitError(
      ExitCode.usage,
      "--cookie-file is that of a node of yours: name the node with --bitcoind",
    );
  const listen = address(args, "listen") ?? DEFAULT_LISTEN;
  return {
    listen,
    sv1Listen: address(args, "sv1-listen") ?? nextPort(listen),
    admin: address(args, "admin") ?? DEFAULT_ADMIN,
    dataDir: text(args, "data-dir") ?? ".lode",
    bitcoind: text(args, "bitcoind") ?? null,
    cookieFile: text(args, "cookie-file") ?? "",
    payoutAddress: text(args, "payout-address") ?? null,
    scheme: schemeOf(text(args, "scheme") ?? "solo"),
    databaseUrl,
    miner: !flag(args, "no-miner"),
    exitAfterBlocks: integer(args, "exit-after-blocks", 1, 1_000_000) ?? null,
    logLevel: text(args, "log-level") ?? "warn",
    json: flag(args, "json"),
  };
}
