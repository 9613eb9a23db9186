import { join } from "node:path";
import { type DevnetNode, type EmbeddedPostgres, startDevnetNode, startPostgres } from "@lode/devnet";
import { systemRandom } from "@lode/ports";
import { type BentNode, startBentNode } from "@lode/testing/bent-node";
import { freePort, setArguments, startLode, temporaryFolder } from "@lode/testing/process";
import { encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";

const SECRET_KEY = encodeAuthoritySecretKey(generateKeypair(systemRandom).secretKey);
const PAYOUT = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const SIGNET_GENESIS = "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6";

let node: DevnetNode;
let database: EmbeddedPostgres;
const folder = temporaryFolder("outside");

beforeAll(async () => {
  node = await startDevnetNode({ dataDir: join(folder.path, "chain") });
  database = await startPostgres({ dataDir: folder.path, durable: true });
}, 60_000);
afterAll(async () => {
  await node.close();
  await database.stop();
  folder.remove();
});

async function bent(bending: Parameters<typeof startBentNode>[1]): Promise<BentNode> {
  const proxy = await startBentNode(node, bending);
  onTestFinished(() => proxy.close());
  return proxy;
}

function lode(args: readonly string[]) {
  const run = startLode(args);
  onTestFinished(() => run.stop("SIGKILL"));
  return run;
}

/** `lode template-provider` on a node. */
async function provider(url: string, network: string) {
  const port = await freePort();
  const run = lode([
    ...["template-provider", "--set", `template_provider.authority_secret_key=${SECRET_KEY}`],
    ...[
      "--set",
      `template_provider.listen_address=127.0.0.1:${port}`,
      "--set",
      "admin.listen_address=127.0.0.1:0",
    ],
    ...["--set", `node.url=${url}`, "--set", `node.network=${network}`],
  ]);
  return { run, port };
}

/** `lode pool` on a template source, with a node beside it. */
async function pool(templates: string, url: string, change: Readonly<Record<string, string>> = {}) {
  const admin = await freePort();
  const settings = {
    "pool.authority_secret_key": SECRET_KEY,
    "pool.network": "regtest",
    "pool.coinbase_reward_script": PAYOUT,
    "pool.listen_address": `127.0.0.1:${await freePort()}`,
    "pool.data_dir": join(folder.path, `pool-${admin}`),
    "pool.drain_sec": "0",
    "templates.sources.0.address": templates,
    "nodes.0.url": url,
    "database.url": database.url,
    "admin.listen_address": `127.0.0.1:${admin}`,
    ...change,
  };
  const run = lode([
    "pool",
    ...setArguments(Object.entries(settings).map(([key, value]) => `${key}=${value}`)),
  ]);
  const get = async (path: string) => (await fetch(`http://127.0.0.1:${admin}${path}`)).text();
  return { run, get };
}

const asSignet = (challenge: string) => (method: string, result: unknown) => {
  if (method === "getblockhash") return SIGNET_GENESIS;
  if (method !== "getblockchaininfo") return result;
  return { ...(result as object), chain: "signet", signet_challenge: challenge };
};

describe("lode template-provider", { timeout: 120_000 }, () => {
  it.each<[string, string, Parameters<typeof startBentNode>[1]]>([
    ["is on regtest, but signet is configured", "signet", {}],
    [
      "is on a signet whose blocks need a signature (challenge 5121ad51ae)",
      "signet",
      { result: asSignet("5121ad51ae") },
    ],
    ["refuses the credentials (HTTP 401)", "regtest", { status: 401 }],
    ["refuses this machine (HTTP 403)", "regtest", { status: 403 }],
    ["does not answer as a Bitcoin node does (HTTP 404)", "regtest", { status: 404 }],
  ])("ends at once with a sentence: the node %s", async (says, network, bending) => {
    const { run } = await provider((await bent(bending)).url, network);
    expect(await run.ended).toBe(78);
    expect(run.stderr()).toMatch(/^lode: the node at http:\/\/127\.0\.0\.1:\d+\/ [^\n]+\n$/);
    expect(run.stderr()).toContain(says);
  });

  it("waits for a node that is starting, then serves; a signet that anyone may mine is taken", async () => {
    const proxy = await bent({ status: 502 });
    const { run } = await provider(proxy.url, "signet");
    await run.printed("cannot be reached through the proxy in front of it (HTTP 502)");
    Object.assign(proxy, { status: undefined, result: asSignet("51") });
    await run.printed("template provider is open");
  });
});

describe("lode pool", { timeout: 120_000 }, () => {
  it("says of each of its nodes whether it can take blocks, and does not start on templates of another network", async () => {
    const { run: templates, port } = await provider((await bent({})).url, "regtest");
    await templates.printed("template provider is open");
    const proxy = await bent({ status: 401 });
    const { run, get } = await pool(`127.0.0.1:${port}`, proxy.url);
    await run.printed("refuses the credentials (HTTP 401)");
    await run.printed("pool is open");
    expect(await get("/metrics")).toContain('lode_node_usable{node="node"} 0');
    expect(run.stdout()).not.toContain('"stack"');
    Object.assign(proxy, { status: undefined });
    await run.printed("can be used");
    expect(await get("/metrics")).toContain('lode_node_usable{node="node"} 1');

    const signet = await pool(`127.0.0.1:${port}`, proxy.url, {
      "pool.network": "signet",
      "pool.coinbase_reward_script": "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
    });
    expect(await signet.run.ended).toBe(78);
    expect(signet.run.stderr()).toMatch(
      /^lode: the template source local at 127\.0\.0\.1:\d+ does not work for signet \(.*\): correct pool\.network or templates\.sources\.0\.address\n$/m,
    );
  });

  it("waits for its database with the admin port open, and ends with a sentence when that is wrong", async () => {
    const away = await pool("127.0.0.1:1", node.url.replace("//", "//u:p@"), {
      "database.url": "postgres://lode@127.0.0.1:1/lode",
    });
    await away.run.printed("waiting: Postgres at 127.0.0.1:1 cannot be reached (ECONNREFUSED)");
    expect(await away.get("/startupz")).toContain('"ok":false');
    expect(await away.get("/startupz")).toContain("Postgres at 127.0.0.1:1 cannot be reached");
    expect(await away.get("/livez")).toContain('"ok":true');
    away.run.signal("SIGTERM");
    expect(await away.run.ended).toBe(0);
    const absent = new URL(database.url);
    absent.pathname = "/absent";
    const wrong = await pool("127.0.0.1:1", node.url.replace("//", "//u:p@"), {
      "database.url": absent.href,
    });
    expect(await wrong.run.ended).toBe(78);
    expect(wrong.run.stderr()).toMatch(
      /^lode: Postgres at [^\n]+ has no database absent: create it[^\n]+\n$/m,
    );
  });
});

describe("lode dev on a bent node", { timeout: 180_000 }, () => {
  const template =
    (change: (fields: Record<string, unknown>) => object) => (method: string, result: unknown) =>
      method === "getblocktemplate" ? change(result as Record<string, unknown>) : result;

  async function minesABlock(result: (method: string, result: unknown) => unknown) {
    const proxy = await bent({ result });
    const run = lode([
      ...["dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--bitcoind", proxy.url, "--json"],
      ...["--data-dir", join(folder.path, `dev-${await freePort()}`), "--database-url", database.url],
      ...["--exit-after-blocks", "1"],
    ]);
    expect(await run.ended, run.tail()).toBe(0);
    return JSON.parse(run.stdout().trimEnd().split("\n").at(-1) ?? "");
  }

  it("mines where templates commit to no witnesses: the coinbase leaves stripped", async () => {
    const summary = await minesABlock(template(({ default_witness_commitment: _, ...rest }) => rest));
    expect(summary.blocks_accepted).toBe(1);
  });

  it("takes shares at the node's own time, two hours and five minutes ahead of ours", async () => {
    const ahead = template((fields) => ({ ...fields, curtime: Number(fields["curtime"]) + 7_500 }));
    // The node behind the proxy has our clock and would refuse the block; a node that is ahead takes it.
    const takes = (method: string, result: unknown) =>
      method === "submitblock" ? null : ahead(method, result);
    const summary = await minesABlock(takes);
    expect(summary.accepted_shares).toBeGreaterThan(0);
  });
});
