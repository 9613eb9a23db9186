import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AccountsError } from "@lode/mining";
import { exampleConfig, loadConfig, section } from "@lode/service";
import { afterAll, describe, expect, it } from "vitest";
import { accountsSection, configuredIdentifier } from "./accounts-config.ts";

const schema = section({ accounts: accountsSection });
const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

const folder = mkdtempSync(join(tmpdir(), "lode-accounts-"));
afterAll(() => rmSync(folder, { recursive: true }));

const load = (toml: string) => {
  const file = join(folder, "pool.toml");
  writeFileSync(file, toml);
  return loadConfig({ schema, file }).accounts;
};

describe("the [accounts] section", () => {
  it("takes addresses alone by default", () => {
    const accounts = load("");
    expect(accounts).toEqual({ mode: "addresses", sriIdentities: true, named: [] });
    const identify = configuredIdentifier("regtest", accounts);
    expect(identify(`${ADDRESS}.rig`)).toMatchObject({ address: ADDRESS, worker: "rig" });
    expect(() => identify("alice")).toThrow("not an address");
    expect(exampleConfig(schema)).toContain("[accounts]");
  });

  it("names accounts", () => {
    const accounts = load(
      `[accounts]\nmode = "both"\n[[accounts.named]]\nname = "alice"\naddress = "${ADDRESS}"\n`,
    );
    const identify = configuredIdentifier("regtest", accounts);
    expect(identify("Alice.rig")).toMatchObject({ account: "alice", address: ADDRESS, worker: "rig" });
    expect(identify(ADDRESS)).toMatchObject({ address: ADDRESS, worker: "" });
  });

  it("refuses at the start what could not be paid, in words", () => {
    const accounts = load(
      `[accounts]\nmode = "accounts"\nnamed = [{ name = "alice", address = "${ADDRESS}" }]`,
    );
    expect(() => configuredIdentifier("mainnet", accounts)).toThrow(AccountsError);
    expect(() => configuredIdentifier("mainnet", accounts)).toThrow(
      'account "alice": an address of regtest; this pool mines on mainnet',
    );
  });

  it("knows three modes and no other keys", () => {
    expect(() => load('[accounts]\nmode = "everybody"')).toThrow("accounts.mode");
    expect(() => load('[accounts]\nnames = ["alice"]')).toThrow("names");
  });
});
