import { exampleConfig, loadConfig } from "@lode/service";
import { describe, expect, it } from "vitest";
import { checkPoolServer } from "./check-pool-server.ts";
import { poolServerSchema } from "./pool-server-config.ts";

const PUBLIC_KEY = "9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72";
const SECRET_KEY = "mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n";
const ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"; // BIP173
const good = [
  `pool.coinbase_reward_script=${ADDRESS}`,
  `pool.authority_secret_key=${SECRET_KEY}`,
  `pool.authority_public_key=${PUBLIC_KEY}`,
];

/** What is wrong with a configuration that is right but for some keys. */
function found(...set: string[]): Record<string, string> {
  const given = new Set(set.map((one) => one.split("=")[0]));
  const config = loadConfig({
    schema: poolServerSchema,
    set: [...good.filter((one) => !given.has(one.split("=")[0])), ...set],
  });
  return Object.fromEntries(checkPoolServer(config).map(({ key, message }) => [key, message]));
}

describe("the check of a pool server's configuration", () => {
  it("finds nothing wrong with a right one", () => {
    expect(found()).toEqual({});
  });

  it("says all that the untouched example lacks", () => {
    expect(exampleConfig(poolServerSchema)).toContain("#authority_secret_key_file");
    const config = loadConfig({ schema: poolServerSchema });
    expect(checkPoolServer(config)).toEqual([
      { key: "pool.coinbase_reward_script", message: expect.stringContaining("name the address") },
      { key: "pool.authority_secret_key", message: expect.stringContaining("lode keys generate --out") },
    ]);
  });

  it.each([
    ["pool.coinbase_reward_script", ["pool.coinbase_reward_script=foo"], "its checksum is wrong"],
    ["pool.coinbase_reward_script", ["pool.coinbase_reward_script=raw(6a)"], "nobody could spend"],
    ["pool.coinbase_reward_script", ["pool.network=signet"], "this pool mines on signet"],
    ["pool.authority_secret_key", ["pool.authority_secret_key=hush"], "checksum"],
    [
      "pool.authority_secret_key",
      [`pool.authority_secret_key=${PUBLIC_KEY}`],
      "public key, not a secret one",
    ],
    ["pool.authority_public_key", ["pool.authority_public_key=0"], "base58"],
    [
      "pool.authority_public_key",
      ["pool.authority_public_key=9bXiEd8boQVhq7WddEcERUL5tyyJVFYdU8th3HfbNXK3Yw6GRXh"],
      `the secret key belongs to ${PUBLIC_KEY}`,
    ],
    ["admin.listen_address", ["admin.listen_address=127.0.0.1:3333"], "pool.listen_address"],
    [
      "pool.listeners.0.authority_secret_key",
      ["pool.listeners.0.listen_address=0.0.0.0:3334"],
      "lode keys generate --out",
    ],
    [
      "pool.listeners.0.listen_address",
      ["pool.listeners.0.listen_address=[::]:3333", `pool.listeners.0.authority_secret_key=${SECRET_KEY}`],
      "port 3333 is that of pool.listen_address",
    ],
    ["accounts", ["accounts.mode=accounts"], "no account is named"],
    [
      "accounts.named.1",
      [
        "accounts.mode=both",
        `accounts.named=[{"name":"a","address":"${ADDRESS}"},{"name":"b","address":"x"}]`,
      ],
      "its checksum is wrong",
    ],
    [
      "accounts",
      [
        "accounts.mode=both",
        `accounts.named=[{"name":"a","address":"${ADDRESS}"},{"name":"A","address":"${ADDRESS}"}]`,
      ],
      "named twice",
    ],
    ["templates.sources.0.public_key", ["templates.sources.0.public_key=x"], "the key"],
    ["templates.sources.0.public_key", ["templates.sources.0.address=10.0.0.2:8442"], "accept_any_key"],
    ["templates.sources.0.public_key", ["templates.sources.0.address=tp.internal:8442"], "accept_any_key"],
    ["templates.sources.1.name", ["templates.sources.1.name=local"], "also the name of templates.sources.0"],
    ["nodes.0", ["nodes.0.url=127.0.0.1:8332", "nodes.0.user=u"], "http://"],
    ["nodes.0", ["nodes.0.url=http://u:50%off@n"], "percent-encode"],
    ["nodes.0", ["nodes.0.url=http://n"], "credentials"],
    ["nodes.0", ["nodes.0.url=http://u:p@n", "nodes.0.cookie_file=/c"], "more than once"],
    ["pool.data_dir", [`pool.data_dir=${import.meta.filename}/x`], "is not a directory"],
    ["database.url", ["database.url=mysql://x"], "postgres://"],
    ["database.url", ["database.url=nonsense"], "postgres://"],
  ])("finds what is wrong with %s: %j", (key, set, message) => {
    expect(found(...set)).toEqual({ [key]: expect.stringContaining(message) });
  });

  it.each([
    ["templates.sources.0.address=[::1]:8442"],
    ["templates.sources.0.address=localhost:8442"],
    ["templates.sources.0.address=10.0.0.2:8442", "templates.sources.0.accept_any_key=true"],
    ["templates.sources.0.address=10.0.0.2:8442", `templates.sources.0.public_key=${PUBLIC_KEY}`],
    ["nodes.0.url=http://u:p@n"],
    ["nodes.0.cookie_file=/c"],
    ["pool.coinbase_reward_script=raw(51)", "pool.network=regtest"],
  ])("finds nothing wrong with %j", (...set) => {
    expect(found(...set)).toEqual({});
  });

  it("never repeats a secret", () => {
    const text = JSON.stringify(
      found(
        "pool.authority_secret_key=hush",
        "database.url=mysql://u:hush@h",
        "nodes.0.url=http://u:hu%sh@n",
      ),
    );
    expect(text).not.toMatch(/hush|hu%sh/);
  });
});
