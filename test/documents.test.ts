import { readFileSync } from "node:fs";
import { NodeMonitor } from "@lode/bitcoin/node";
import { ExtranonceAllocator, shareErrors } from "@lode/mining";
import { native } from "@lode/native";
import { bookMetrics, LeadingLoop, payoutsSchema } from "@lode/payouts";
import {
  BlockSubmitter,
  listenerLimits,
  poolServerSchema,
  ShareRecorder,
  TemplateSources,
} from "@lode/pool-server";
import { type Metrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import { MiningProxy, proxySchema } from "@lode/proxy";
import {
  customJobErrorCodes,
  MiningServer,
  miningEnds,
  miningServerEnds,
  openErrorCodes,
  sessionEnds,
  sv1ServerDefaults,
  unknownChannel,
  updateErrorCodes,
} from "@lode/roles";
import { configMarkdown, createMetrics, loadConfig, type MetricDescription } from "@lode/service";
import { TemplateProvider, templateProviderSchema } from "@lode/template-provider";
import { type EndFacts, type Handshaker, listen, listenLines } from "@lode/transport";
import { expect, it } from "vitest";

/** Declares every metric of a pool server by building its parts. */
async function poolMetrics(): Promise<MetricDescription[]> {
  const metrics = createMetrics({ defaults: false });
  const deps = { clock: systemClock, logger: silentLogger, metrics };
  nodeMonitor(metrics);
  new ShareRecorder({
    ...deps,
    store: { commit: async () => {}, renew: async () => {} },
    run: "",
    onDurable: () => {},
    onState: () => {},
  });
  const feed = new TemplateSources(
    [
      {
        name: "local",
        address: "127.0.0.1:8442",
        setting: "templates.sources.0",
        network: null,
        coinbaseOutputMaxAdditionalSize: 0,
        coinbaseOutputMaxAdditionalSigops: 0,
        firstTemplateWithinMs: 1,
      },
    ],
    { ...deps, dial: () => Promise.reject(new Error("not dialled")) },
  );
  new BlockSubmitter({
    ...deps,
    feed,
    nodes: [],
    candidates: {
      save: async () => {},
      settle: async () => {},
      settled: async () => [],
      unsettled: async () => [],
    },
  });
  const server = new MiningServer({
    ...deps,
    jobFactory: {
      build: () => {
        throw new Error("there is no template");
      },
    },
    extranonces: new ExtranonceAllocator({ serverId: 0 }),
    identify: () => {
      throw new Error("nobody is identified");
    },
    sink: { record: () => {} },
    onBlock: () => {},
    admission: () => null,
  });
  await server.drain({ windowMs: 0 });
  const handshaker: Handshaker = {
    backend: "noble",
    pending: 0,
    respond: () => Promise.reject(new Error("no handshakes")),
    close: async () => {},
  };
  const listener = await listen({
    ...deps,
    ...listenerLimits(loadConfig({ schema: poolServerSchema }).limits, deps),
    host: "127.0.0.1",
    port: 0,
    handshaker,
    native,
    maxLength: () => undefined,
    onConnection: () => {},
  });
  await listener.close();
  return metrics.describe();
}

const NO_NODE = { endpoint: "", call: async () => null };

function nodeMonitor(metrics: Metrics): NodeMonitor {
  const options = { name: "node", network: "regtest", setting: "", clock: systemClock } as const;
  return new NodeMonitor({ ...options, rpc: NO_NODE, logger: silentLogger, metrics });
}

function providerMetrics(): MetricDescription[] {
  const metrics = createMetrics({ defaults: false });
  const monitor = nodeMonitor(metrics);
  const deps = { rpc: NO_NODE, setting: "", clock: systemClock, logger: silentLogger, metrics };
  new TemplateProvider({ ...deps, check: () => monitor.check() });
  return metrics.describe();
}

function payoutsMetrics(): MetricDescription[] {
  const metrics = createMetrics({ defaults: false });
  bookMetrics(metrics);
  const leadership = { fence: null, claim: async () => false, resign: async () => {} };
  const parts = { role: "settler", leadership, step: async () => {}, everyMs: 1 } as const;
  new LeadingLoop({ ...parts, clock: systemClock, logger: silentLogger, metrics });
  return metrics.describe();
}

async function proxyMetrics(): Promise<MetricDescription[]> {
  const metrics = createMetrics({ defaults: false });
  const deps = { clock: systemClock, logger: silentLogger, metrics };
  const proxy = new MiningProxy(
    {
      upstreams: [
        {
          name: "pool",
          lobbyIdentity: "",
          lobbyHashrate: 1,
          extranonce2Size: 8,
          vendor: "",
          readyMs: 1,
        },
      ],
      failover: { probeMs: 1, returnMs: 1, graceMs: 1 },
      sv1: sv1ServerDefaults,
      fixedIdentity: null,
      assumedHashrate: 1,
      sharesPerMinute: 6,
      answerMs: 1,
      outageCloseMs: 1,
    },
    { ...deps, random: systemRandom, dial: () => Promise.reject(new Error("not dialled")) },
  );
  proxy.stop();
  const listener = await listenLines({ ...deps, host: "127.0.0.1", port: 0, onConnection: () => {} });
  await listener.close();
  return metrics.describe();
}

function metricTable(metrics: readonly MetricDescription[]): string {
  return [
    "| metric | type | labels | meaning |",
    "|---|---|---|---|",
    ...metrics.map(
      ({ name, type, labels, help }) =>
        `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`,
    ),
  ].join("\n");
}

it("docs/config.md is what the schemas say", async () => {
  const text = [
    "# Configuration",
    "",
    "Each key comes from, later over earlier: its default, the TOML file (`--config`), the environment, `--set section.key=value`.",
    "`--example-config` prints a commented file, `--print-config` what is in force, `--check-config` says all that the start would refuse;",
    "with `--connect` it also tries what the command connects to.",
    "",
    "A key is given once in each of these; `KEY` and `KEY_file` count as the same key. The files of secrets may be read by their owner and",
    "group only (`chmod 600`, or `defaultMode: 0440` in Kubernetes); a byte order mark and white space at the end are dropped.",
    "One environment serves all commands: each takes its own keys and leaves those of others and Kubernetes' `LODE_…_SERVICE_HOST` and",
    "`LODE_…_PORT` alone. A `LODE_` variable that is nearly a key, or has `__` and is none, is refused.",
    "To change a pool's authority key, give the new one a port of its own in `[[pool.listeners]]`, move the miners, then make it the pool's key.",
    "In a URL, percent-encode the characters `/ ? # @ : %` of a user name or password.",
    "",
    "## `lode pool`",
    "",
    configMarkdown(poolServerSchema),
    "## `lode template-provider`",
    "",
    configMarkdown(templateProviderSchema),
    "## `lode proxy`",
    "",
    configMarkdown(proxySchema),
    "## `lode payouts`",
    "",
    configMarkdown(payoutsSchema),
  ].join("\n");
  await expect(text).toMatchFileSnapshot("../docs/config.md");
});

it("docs/metrics.md is what the code declares", async () => {
  const text = [
    "# Metrics",
    "",
    "Served by `/metrics` on the admin port, beside Node's own `process_*` and `nodejs_*`.",
    "`lode_native_backend{backend}` is 1 for the native backend in use, `lode_build_info{version,node}` for the release.",
    "",
    "## `lode pool`",
    "",
    metricTable(await poolMetrics()),
    "",
    "## `lode template-provider`",
    "",
    metricTable(providerMetrics()),
    "",
    "## `lode proxy`",
    "",
    metricTable(await proxyMetrics()),
    "",
    "## `lode payouts`",
    "",
    metricTable(payoutsMetrics()),
    "",
  ].join("\n");
  await expect(text).toMatchFileSnapshot("../docs/metrics.md");
});

/** A table of how connections end, for people. */
function endTable(ends: Readonly<Record<string, EndFacts>>): string {
  const rows = Object.entries(ends).map(
    ([reason, { by, strike, says }]) =>
      `| \`${reason}\` | ${by === "peer" ? "the peer" : "the pool"} | ${strike ? "a strike" : ""} | ${says} |`,
  );
  return ["| reason | ended by | | what happened |", "|---|---|---|---|", ...rows].join("\n");
}

/** A document with what stands between the marks replaced. */
function withBlock(file: string, block: string): string {
  const text = readFileSync(new URL(`../docs/${file}`, import.meta.url), "utf8");
  const marked = /(<!-- ends: generated -->\n\n).*?(\n\n<!-- ends -->)/s;
  expect(text, file).toMatch(marked);
  return text.replace(marked, (_all, before: string, after: string) => `${before}${block}${after}`);
}

it("docs/limits.md lists how a connection can end, docs/conformance.md what CloseChannel may say", async () => {
  await expect(withBlock("limits.md", endTable(miningServerEnds))).toMatchFileSnapshot("../docs/limits.md");
  const said = Object.entries({ ...sessionEnds, ...miningEnds }).map(
    ([reason, { says }]) => `| \`${reason}\` | ${says} |`,
  );
  const table = ["| code | meaning |", "|---|---|", ...said].join("\n");
  await expect(withBlock("conformance.md", table)).toMatchFileSnapshot("../docs/conformance.md");
});

it("docs/limits.md names every key of [limits], and only metrics that exist", async () => {
  const text = readFileSync(new URL("../docs/limits.md", import.meta.url), "utf8");
  const keys = [
    ...configMarkdown(poolServerSchema)
      .split("### `[limits]`")[1]!
      .split("### `[templates]`")[0]!
      .matchAll(/^\| `(\w+)`/gm),
  ];
  expect(keys.length).toBeGreaterThan(20);
  for (const [, key] of keys) expect(text.includes(key!), key).toBe(true);
  const known = new Set((await poolMetrics()).map(({ name }) => name));
  for (const [name] of text.matchAll(/\b(?:lode|sv2_server)_[a-z_]+\b/g)) expect(known, name).toContain(name);
});

it("docs/mining-endpoint.md names every error code", () => {
  const text = readFileSync(new URL("../docs/mining-endpoint.md", import.meta.url), "utf8");
  const tables = [openErrorCodes, updateErrorCodes, customJobErrorCodes];
  const codes = [unknownChannel, ...Object.values(shareErrors), ...tables.flatMap(Object.keys)];
  expect(codes.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
});
