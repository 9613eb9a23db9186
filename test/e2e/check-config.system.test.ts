import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DevnetNode, startDevnetNode } from "@lode/devnet";
import { noMetrics, silentLogger, systemRandom } from "@lode/ports";
import { loadConfig } from "@lode/service";
import {
  startTemplateProvider,
  type TemplateProviderServer,
  templateProviderSchema,
} from "@lode/template-provider";
import { startTestDatabase, type TestDatabase } from "@lode/testing/database";
import { runLode, setArguments } from "@lode/testing/process";
import { encodeAuthorityPublicKey, encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "lode-check-"));
const secret = encodeAuthoritySecretKey(generateKeypair(systemRandom).secretKey);
let database: TestDatabase;
let node: DevnetNode;
let provider: TemplateProviderServer;
let nodeKeys: string[];
let poolKeys: string[];

beforeAll(async () => {
  database = await startTestDatabase();
  node = await startDevnetNode({ dataDir: folder });
  nodeKeys = [`url=${node.url}`, `cookie_file=${node.cookieFile}`];
  provider = await startTemplateProvider(
    loadConfig({
      schema: templateProviderSchema,
      set: [
        "template_provider.listen_address=127.0.0.1:0",
        `template_provider.authority_secret_key=${secret}`,
        "node.network=regtest",
        ...nodeKeys.map((one) => `node.${one}`),
      ],
    }),
    { logger: silentLogger, metrics: noMetrics },
  );
  poolKeys = [
    "pool.network=regtest",
    `pool.authority_secret_key=${secret}`,
    "pool.coinbase_reward_script=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", // BIP173's key
    `pool.data_dir=${folder}`,
    `templates.sources.0.address=127.0.0.1:${provider.port}`,
    `templates.sources.0.public_key=${provider.authorityPublicKey}`,
    ...nodeKeys.map((one) => `nodes.0.${one}`),
    `database.url=${database.url}`,
  ];
});
afterAll(async () => {
  await provider.stop();
  await node.close();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

/** `--check-config --connect` with keys over those that work. */
async function check(command: string, keys: readonly string[], ...set: string[]) {
  const given = new Set(set.map((one) => one.split("=")[0]));
  const all = [...keys.filter((one) => !given.has(one.split("=")[0])), ...set];
  const args = [command, "--check-config", "--connect", ...setArguments(all)];
  const { code, stdout, stderr } = await runLode(args);
  expect(stderr).toBe("");
  return { code, lines: stdout.trimEnd().split("\n").slice(1) };
}

describe("lode pool --check-config --connect", () => {
  it("tries everything, and finds that the start would not be durable here", async () => {
    const { code, lines } = await check("pool", poolKeys);
    expect(lines).toEqual([
      // Test databases are fast and forgetful.
      expect.stringMatching(/^FAILED {2}database\.url +Postgres at .* has fsync=off/),
      expect.stringMatching(
        /^ok {6}templates\.sources\.0 +the template source local at .* gives work for height \d+$/,
      ),
      expect.stringMatching(
        /^ok {6}nodes\.0\.url +the node at .* is on regtest at height \d+ and takes blocks$/,
      ),
    ]);
    expect(code).toBe(78);
  });

  it("says of each in a sentence what is wrong with it", async () => {
    const { code, lines } = await check(
      "pool",
      poolKeys,
      "database.url=postgres://lode@127.0.0.1:1/lode",
      "templates.sources.0.address=127.0.0.1:1",
      "nodes.0.url=http://127.0.0.1:1",
    );
    expect(lines).toEqual([
      expect.stringMatching(/^FAILED {2}database\.url +Postgres at 127\.0\.0\.1:1 cannot be reached/),
      expect.stringMatching(
        /^FAILED {2}templates\.sources\.0 +the template source local at 127\.0\.0\.1:1 cannot be reached/,
      ),
      expect.stringMatching(/^FAILED {2}nodes\.0\.url +the node at http:\/\/127\.0\.0\.1:1\/ /),
    ]);
    expect(code).toBe(69);
  });

  it("blames the configuration for another network and another key", async () => {
    const publicKey = encodeAuthorityPublicKey(generateKeypair(systemRandom).publicKey);
    const { code, lines } = await check(
      "pool",
      poolKeys,
      "pool.network=signet",
      "pool.coinbase_reward_script=tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", // BIP173
      `templates.sources.0.public_key=${publicKey}`,
    );
    expect(code).toBe(78);
    expect(lines[1]).toMatch(/^FAILED .* is not the one whose key is templates\.sources\.0\.public_key/);
    expect(lines[2]).toMatch(/^FAILED .* is on regtest, but signet is configured/);
  });
});

describe("lode template-provider --check-config --connect", () => {
  it("tries its node", async () => {
    const keys = [
      `template_provider.authority_secret_key=${secret}`,
      "node.network=regtest",
      ...nodeKeys.map((one) => `node.${one}`),
    ];
    expect(await check("template-provider", keys)).toEqual({
      code: 0,
      lines: [expect.stringMatching(/^ok {6}node\.url {2}the node at .* is on regtest/)],
    });
  });
});
