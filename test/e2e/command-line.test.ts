import { describe, expect, it } from "vitest";
import { lode } from "./lode-process.ts";

describe("the command line", () => {
  it("lists its commands, and each has a help", async () => {
    const { code, stdout } = await lode(["--help"]);
    expect(code).toBe(0);
    const names = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map((match) => match[1] ?? "");
    expect(names).toContain("pool");
    for (const name of names) {
      const help = await lode([name, "--help"]);
      expect(help.code).toBe(0);
      expect(help.stdout).toContain(`Usage: lode ${name}`);
    }
  });

  it("prints its version", async () => {
    expect((await lode(["--version"])).stdout).toMatch(/^lode \d+\.\d+\.\d+ /);
  });

  it.each([
    [["poool"], /no command "poool" \(did you mean "pool"\?\)/],
    [["dev", "--lisen", "x"], /--lisen.*did you mean "listen"/s],
    [["dev", "--exit-after-blocks", "0"], /--exit-after-blocks takes a whole number/],
    [["keys"], /lode keys generate/],
    [["decode", "--hex", "abc"], /pairs of hexadecimal digits/],
  ])("says what is wrong with %j", async (args, message) => {
    const { code, stderr } = await lode(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("    at ");
  });

  it("makes a key pair whose public part it can show from the secret one", async () => {
    const pair = JSON.parse((await lode(["keys", "generate", "--json"])).stdout);
    const shown = JSON.parse((await lode(["keys", "show", "--json"], pair.authority_secret_key)).stdout);
    expect(shown).toEqual({
      authority_public_key: pair.authority_public_key,
      public_key_hex: pair.public_key_hex,
    });
    expect(pair.authority_public_key).toMatch(/^9[1-9A-HJ-NP-Za-km-z]{50}/);
  });

  it("shows a frame field by field, also one that breaks off", async () => {
    const frame = "00000104000000000000"; // SetupConnection.Success, cut short
    const whole = "000001060000020000000000";
    const shown = JSON.parse((await lode(["decode", "--json", "--hex", whole])).stdout);
    expect(shown.message).toBe("SetupConnection.Success");
    expect(shown.error).toBeNull();
    const broken = await lode(["decode", "--hex", frame]);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toContain("SetupConnection.Success");
  });

  it("checks a configuration, prints it without its secrets, and refuses unknown keys with 78", async () => {
    const set = ["--set", "pool.authority_secret_key=hush", "--set", "database.url=postgres://u:hush@h/d"];
    expect((await lode(["pool", "--check-config"])).stdout).toContain("valid");
    expect((await lode(["pool", "--print-config", ...set])).stdout).not.toContain("hush");
    const wrong = await lode(["pool", "--set", "pool.server_idd=1"]);
    expect(wrong.code).toBe(78);
    expect(wrong.stderr).toContain('did you mean "server_id"');
  });

  it("says what a pool lacks before it starts", async () => {
    const { code, stderr } = await lode(["pool"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("pool.coinbase_reward_script is not set");
    expect(stderr).not.toContain("    at ");
  });
});
