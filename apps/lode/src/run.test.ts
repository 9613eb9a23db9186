import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { run } from "./run.ts";

afterEach(() => vi.restoreAllMocks());

/** Runs `lode …` in this process. */
async function lode(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = (stream: NodeJS.WriteStream) => {
    const { mock } = vi.spyOn(stream, "write").mockReturnValue(true);
    return () => mock.calls.map(([text]) => String(text)).join("");
  };
  const stdout = written(process.stdout);
  const stderr = written(process.stderr);
  const code = await run(argv);
  const output = { code, stdout: stdout(), stderr: stderr() };
  vi.restoreAllMocks();
  return output;
}

describe("the command line", () => {
  it("lists its commands, and each has a help", async () => {
    const { code, stdout } = await lode("--help");
    expect(code).toBe(0);
    const names = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map((match) => match[1] ?? "");
    expect(names).toContain("pool");
    for (const name of names) {
      const help = await lode(name, "--help");
      expect(help.code).toBe(0);
      expect(help.stdout).toContain(`Usage: lode ${name}`);
    }
  });

  it.each([
    [["poool"], /no command "poool" \(did you mean "pool"\?\)/],
    [["dev", "--lisen", "x"], /--lisen.*did you mean "listen"/s],
    [["dev", "--exit-after-blocks", "0"], /--exit-after-blocks takes a whole number/],
    [["keys"], /lode keys generate/],
    [["dev", "--listen", "3333"], /--listen: "3333" is not HOST:PORT/],
    [["dev", "--admin", "::1:9333"], /--admin: .* an IPv6 address stands in brackets/],
    [["dev", "--database-url", "mysql://x"], /--database-url: .*postgres:\/\//],
    [["dev", "--cookie-file", "x"], /name the node with --bitcoind/],
    [
      ["dev", "--payout-address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"], // BIP173
      /--payout-address "bc1q.*": an address of mainnet; this pool mines on regtest \(the built-in chain: /,
    ],
    [["dev", "--payout-address", "raw(51)"], /--payout-address takes an address/],
    [["simulate", "--user", "x".repeat(254), "--connect", "x"], /--user takes at most 255 bytes/],
    [["decode", "--hex", "abc"], /pairs of hexadecimal digits/],
  ])("says what is wrong with %j", async (args, message) => {
    const { code, stderr } = await lode(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("    at ");
  });

  it("shows a frame field by field, also one that breaks off", async () => {
    const frame = "00000104000000000000"; // SetupConnection.Success, cut short
    const whole = "000001060000020000000000";
    const shown = JSON.parse((await lode("decode", "--json", "--hex", whole)).stdout);
    expect(shown.message).toBe("SetupConnection.Success");
    expect(shown.error).toBeNull();
    const broken = await lode("decode", "--hex", frame);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toContain("SetupConnection.Success");
  });

  it.each([[["--check-config"]], [[]]])(
    "says all that a pool lacks before it starts: lode pool %j",
    async (args: string[]) => {
      const { code, stderr } = await lode("pool", ...args);
      expect(code).toBe(78);
      for (const key of ["pool.coinbase_reward_script", "pool.authority_secret_key"])
        expect(stderr).toContain(`${key}: is not set`);
      expect(stderr).not.toContain("    at ");
    },
  );

  it("finds a right configuration valid", async () => {
    const { authority_secret_key } = JSON.parse((await lode("keys", "generate", "--json")).stdout);
    const set = [
      `pool.authority_secret_key=${authority_secret_key}`,
      "pool.coinbase_reward_script=bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", // BIP173
    ];
    const args = ["pool", "--check-config", ...set.flatMap((one) => ["--set", one])];
    expect(await lode(...args)).toEqual({ code: 0, stdout: "the configuration is valid\n", stderr: "" });
  });

  it("writes a secret key into a new file that only its owner can read, ready for the configuration", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lode-keys-"));
    const file = join(folder, "pool.key");
    const { stdout } = await lode("keys", "generate", "--out", file);
    const shown = /^authority_public_key = "(\w+)"\nauthority_secret_key_file = "(.*)"\n$/.exec(stdout);
    expect(shown?.[2]).toBe(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const set = ["--set", `pool.authority_secret_key_file=${file}`];
    expect((await lode("pool", "--print-config", ...set)).stdout).toContain(`Its public key: ${shown?.[1]}`);
    const again = await lode("keys", "generate", "--out", file);
    expect(again).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("exists already") });
    chmodSync(file, 0o644);
    const open = await lode("pool", "--check-config", ...set);
    expect(open).toMatchObject({ code: 78, stderr: expect.stringContaining(`chmod 600 ${file}`) });
    rmSync(folder, { recursive: true });
  });

  it("prints a configuration without its secrets, and refuses unknown keys with 78", async () => {
    const set = ["--set", "pool.authority_secret_key=hush", "--set", "database.url=postgres://u:hush@h/d"];
    const { stdout } = await lode("pool", "--print-config", ...set);
    expect(stdout).toContain('"postgres://u:(redacted)@h/d"');
    expect(stdout).not.toContain("hush");
    const wrong = await lode("pool", "--set", "pool.server_idd=1");
    expect(wrong.code).toBe(78);
    expect(wrong.stderr).toContain('did you mean "server_id"');
  });
});
