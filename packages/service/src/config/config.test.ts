import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Type from "typebox";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError } from "./config-error.ts";
import { configMarkdown, exampleConfig, formatConfig } from "./describe-config.ts";
import { loadConfig } from "./load-config.ts";

const schema = Type.Object(
  {
    pool: Type.Object(
      {
        listenAddress: Type.String({ description: "Where to listen.", default: "0.0.0.0:3333" }),
        serverId: Type.Integer({ description: "First byte.", default: 1, minimum: 0, maximum: 255 }),
        secretKey: Type.String({ description: "The key.", default: "", secret: true }),
        verbose: Type.Boolean({ description: "More.", default: false }),
      },
      { additionalProperties: false },
    ),
    nodes: Type.Array(
      Type.Object(
        {
          url: Type.String({ description: "Where.", default: "http://127.0.0.1" }),
          user: Type.String({ description: "Who.", default: "" }),
        },
        { additionalProperties: false },
      ),
      { description: "Nodes.", default: [] },
    ),
  },
  { additionalProperties: false },
);

const directory = mkdtempSync(join(tmpdir(), "lode-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

function file(text: string): string {
  const path = join(mkdtempSync(join(directory, "case-")), "lode.toml");
  writeFileSync(path, text);
  return path;
}

function problemsOf(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error("nothing was wrong");
}

describe("loadConfig", () => {
  it("gives the defaults when nothing is set", () => {
    expect(loadConfig({ schema })).toEqual({
      pool: { listenAddress: "0.0.0.0:3333", serverId: 1, secretKey: "", verbose: false },
      nodes: [],
    });
  });

  it("lays environment over file over defaults, and the command line over all", () => {
    const config = loadConfig({
      schema,
      file: file(
        '[pool]\nlisten_address = "a:1"\nserver_id = 2\nsecret_key = "file"\n[[nodes]]\nurl = "http://n"\n',
      ),
      env: {
        LODE_POOL__SERVER_ID: "3",
        LODE_POOL__SECRET_KEY: "env",
        LODE_POOL__VERBOSE: "true",
        LODE_NATIVE: "js",
        LODE_NODES__0__USER: "u",
        LODE_NODES__1__URL: "http://m",
      },
      set: ["pool.secret_key=a=b"],
    });
    expect(config).toEqual({
      pool: { listenAddress: "a:1", serverId: 3, secretKey: "a=b", verbose: true },
      nodes: [
        { url: "http://n", user: "u" },
        { url: "http://m", user: "" },
      ],
    });
  });

  it("reads a secret from the file that <key>_file names, without its line end", () => {
    const secret = file("hush\n");
    expect(loadConfig({ schema, file: file(`[pool]\nsecret_key_file = "${secret}"\n`) }).pool.secretKey).toBe(
      "hush",
    );
    expect(loadConfig({ schema, env: { LODE_POOL__SECRET_KEY_FILE: secret } }).pool.secretKey).toBe("hush");
  });

  it("names every problem at once, and what was probably meant", () => {
    const path = file("[pool]\nserver_idd = 2\nlisten_address = 5\n[poool]\n");
    expect(problemsOf(() => loadConfig({ schema, file: path, env: { LODE_POOL__VERBOS: "true" } }))).toEqual([
      'unknown key pool.server_idd (did you mean "server_id"?)',
      'unknown key poool (did you mean "pool"?)',
      'LODE_POOL__VERBOS: unknown key verbos (did you mean "verbose"?)',
    ]);
  });

  it.each([
    ["server_id = 256", /^pool\.server_id: must be <= 255/],
    ["server_id = 1.5", /^pool\.server_id: must be integer/],
    ["verbose = 1", /^pool\.verbose: must be boolean/],
    ["secret_key_file = '/does/not/exist'", /^pool\.secret_key_file: the file .* cannot be read \(ENOENT\)/],
    ["listen_address = [", /lode\.toml:\d+:\d+: not valid TOML/],
  ])("refuses %s and says where", (line, problem) => {
    expect(problemsOf(() => loadConfig({ schema, file: file(`[pool]\n${line}\n`) })).join("\n")).toMatch(
      problem,
    );
  });

  it.each(["LODE_POOL__SERVER_ID", "LODE_NODES__0__URL__X", "LODE_NODES"])(
    "takes %s for what it is",
    (name) => {
      const load = () => loadConfig({ schema, env: { [name]: "x" } });
      if (name === "LODE_NODES") expect(load().nodes).toEqual([]);
      else expect(load).toThrow(ConfigError);
    },
  );

  it("says when the file is missing", () => {
    expect(problemsOf(() => loadConfig({ schema, file: "/nowhere/lode.toml" }))).toEqual([
      "/nowhere/lode.toml cannot be read (ENOENT)",
    ]);
  });
});

describe("describing a configuration", () => {
  it("writes an example that loads to the defaults", () => {
    expect(loadConfig({ schema, file: file(exampleConfig(schema)) })).toEqual(loadConfig({ schema }));
  });

  it("writes what it was given, but never a secret", () => {
    const config = loadConfig({
      schema,
      env: { LODE_POOL__SECRET_KEY: "hush-hush", LODE_NODES__0__USER: "u", LODE_POOL__SERVER_ID: "9" },
    });
    const text = formatConfig(schema, config);
    expect(text).not.toContain("hush-hush");
    const again = loadConfig({ schema, file: file(text) });
    expect(again).toEqual({ ...config, pool: { ...config.pool, secretKey: "(redacted)" } });
  });

  it("hides a password inside a URL", () => {
    const config = loadConfig({ schema, env: { LODE_NODES__0__URL: "http://rpc:hush-hush@127.0.0.1:8332" } });
    const text = formatConfig(schema, config);
    expect(text).not.toContain("hush-hush");
    expect(text).toContain("http://rpc:(redacted)@127.0.0.1:8332");
  });

  it("documents every key with its environment variable", () => {
    const markdown = configMarkdown(schema);
    for (const name of ["LODE_POOL__LISTEN_ADDRESS", "LODE_POOL__SERVER_ID", "LODE_NODES__0__URL"]) {
      expect(markdown).toContain(name);
    }
    expect(markdown).toContain("`secret_key_file`");
  });
});
