import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Type from "typebox";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError } from "./config-error.ts";
import { configMarkdown, exampleConfig, formatConfig } from "./describe-config.ts";
import { loadConfig } from "./load-config.ts";
import { hostPort, oneOf } from "./sections.ts";
import { withoutPassword } from "./url-password.ts";

const schema = Type.Object(
  {
    pool: Type.Object(
      {
        listenAddress: hostPort("Where to listen.", "0.0.0.0:3333"),
        serverId: Type.Integer({ description: "First byte.", default: 1, minimum: 0, maximum: 255 }),
        secretKey: Type.String({ description: "The key.", default: "", secret: true }),
        verbose: Type.Boolean({ description: "More.", default: false }),
        network: oneOf("Which.", ["mainnet", "testnet4", "signet"], "mainnet"),
        numbers: Type.Array(Type.Integer(), { description: "Some.", default: [2], maxItems: 2 }),
      },
      { additionalProperties: false },
    ),
    nodes: Type.Array(
      Type.Object(
        {
          url: Type.String({ description: "Where.", default: "http://127.0.0.1", url: true }),
          user: Type.String({ description: "Who.", default: "" }),
        },
        { additionalProperties: false },
      ),
      { description: "Nodes.", default: [] },
    ),
  },
  { additionalProperties: false },
);

const others = { network: "mainnet", numbers: [2] };
const directory = mkdtempSync(join(tmpdir(), "lode-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

function file(text: string | Uint8Array): string {
  const path = join(mkdtempSync(join(directory, "case-")), "lode.toml");
  writeFileSync(path, text, { mode: 0o600 });
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
      pool: { listenAddress: "0.0.0.0:3333", serverId: 1, secretKey: "", verbose: false, ...others },
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
      pool: { listenAddress: "a:1", serverId: 3, secretKey: "a=b", verbose: true, ...others },
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
      'LODE_POOL__VERBOS is no key (did you mean "LODE_POOL__VERBOSE"?)',
      "pool.listen_address: must be HOST:PORT, not 5",
    ]);
  });

  it.each([
    ["server_id = 256", "pool.server_id: must be a whole number from 0 to 255, not 256"],
    ["server_id = 1.5", "pool.server_id: must be a whole number from 0 to 255, not 1.5"],
    ["verbose = 1", "pool.verbose: must be true or false, not 1"],
    ["secret_key = 5", "pool.secret_key: must be a text, not the value"],
    [
      "secret_key_file = '/does/not/exist'",
      "pool.secret_key (pool.secret_key_file): the file /does/not/exist cannot be read (ENOENT)",
    ],
    ["network = 'bitcoin'", 'pool.network: "bitcoin" is not one of mainnet, testnet4, signet'],
    [
      "network = 'mainet'",
      'pool.network: "mainet" is not one of mainnet, testnet4, signet (did you mean "mainnet"?)',
    ],
    ["numbers = [1, 2, 3]", "pool.numbers: takes at most 2 of them, has 3"],
    ["numbers = ['x']", 'pool.numbers.0: must be a whole number, not "x"'],
    ["listen_address = '3333'", 'pool.listen_address: "3333" is not HOST:PORT, such as 127.0.0.1:3333'],
    ["listen_address = '::1:3333'", /an IPv6 address stands in brackets/],
    ["listen_address = 'a:99999'", /a port is at most 65535/],
    ["listen_address = ':3333'", /0\.0\.0\.0:3333 means every address/],
    ["listen_address = 'http://a:80'", /write HOST:PORT alone/],
    ["listen_address = 'a b:80'", /"a b" is no host name or address/],
    ["listen_address = [", /lode\.toml:\d+:\d+: not valid TOML: /],
    ["server_id = 1\nserver_id = 2", /lode\.toml:\d+:\d+: not valid TOML: /],
  ])("refuses %s and says what is right", (line, problem) => {
    const [first, ...more] = problemsOf(() => loadConfig({ schema, file: file(`[pool]\n${line}\n`) }));
    expect(first).toEqual(typeof problem === "string" ? problem : expect.stringMatching(problem));
    expect(more).toEqual([]);
  });

  it("says how npm's banner got into a file, and how to write it without", () => {
    const path = file("\n> lode@0.1.0 lode\n> node main.js pool --example-config\n\n[pool]\n");
    expect(problemsOf(() => loadConfig({ schema, file: path }))).toEqual([
      expect.stringMatching(/lode\.toml begins with what npm prints .*\.\/lode/),
    ]);
  });

  it("stops at no number of problems", () => {
    const tables = Array.from({ length: 20 }, () => "[[nodes]]\nurl = 1\nuser = 2\n").join("");
    expect(problemsOf(() => loadConfig({ schema, file: file(tables) }))).toHaveLength(40);
    const words = [
      "network = 'x'",
      "listen_address = 'x'",
      "verbose = 1",
      "server_id = -1",
      "secret_key = 1",
    ];
    expect(
      problemsOf(() => loadConfig({ schema, file: file(`[pool]\n${words.join("\n")}\n`) })),
    ).toHaveLength(5);
  });

  it("leaves a table of another command to that one's file", () => {
    const others = [Type.Object({ other: Type.Object({}) })];
    expect(problemsOf(() => loadConfig({ schema, others, file: file("[other]\nx = 1\n") }))).toEqual([
      "[other] belongs in the file of another command",
    ]);
  });

  it("says which layer a wrong value comes from", () => {
    const load = () =>
      loadConfig({
        schema,
        file: file('[pool]\nnetwork = "signet"\nserver_id = 4'),
        env: { LODE_POOL__NETWORK: "x" },
        set: ["pool.server_id=y"],
      });
    expect(problemsOf(load)).toEqual([
      'pool.server_id (--set pool.server_id): must be a whole number from 0 to 255, not "y"',
      'pool.network (LODE_POOL__NETWORK): "x" is not one of mainnet, testnet4, signet',
    ]);
  });

  it("says when the file is missing", () => {
    expect(problemsOf(() => loadConfig({ schema, file: "/nowhere/lode.toml" }))).toEqual([
      "/nowhere/lode.toml cannot be read (ENOENT)",
    ]);
  });
});

describe("a key that is given twice in one layer", () => {
  const secret = file("hush");
  const twice = /^pool\.secret_key( \(.*\))?: is given twice, as .*: keep one$/;

  it.each([
    { file: file(`[pool]\nsecret_key = "x"\nsecret_key_file = "${secret}"\n`) },
    { env: { LODE_POOL__SECRET_KEY: "x", LODE_POOL__SECRET_KEY_FILE: secret } },
    { set: ["pool.secret_key=x", `pool.secret_key_file=${secret}`] },
    { set: ["pool.secret_key=x", "pool.secret_key=y"] },
  ])("is refused: %j", (layers) => {
    expect(problemsOf(() => loadConfig({ schema, ...layers }))).toEqual([expect.stringMatching(twice)]);
  });

  it("may be empty beside its file, as the example has it", () => {
    for (const lines of [
      `secret_key = ""\nsecret_key_file = "${secret}"`,
      `secret_key_file = "${secret}"\nsecret_key = ""`,
    ])
      expect(loadConfig({ schema, file: file(`[pool]\n${lines}\n`) }).pool.secretKey).toBe("hush");
    const env = { LODE_POOL__SECRET_KEY: "", LODE_POOL__SECRET_KEY_FILE: secret };
    expect(loadConfig({ schema, env }).pool.secretKey).toBe("hush");
  });

  it("may be given again in a later layer", () => {
    const config = loadConfig({
      schema,
      file: file('[pool]\nsecret_key = "x"'),
      env: { LODE_POOL__SECRET_KEY_FILE: secret },
    });
    expect(config.pool.secretKey).toBe("hush");
  });
});

describe("a secret's file", () => {
  const read = (path: string) => loadConfig({ schema, set: [`pool.secret_key_file=${path}`] }).pool.secretKey;

  it.each([
    ["a line end", "hush\n"],
    ["line ends and blanks", "hush \t\r\n\n"],
    ["a byte order mark", "\ufeffhush\n"],
    ["UTF-16, as PowerShell writes it", Buffer.from("\ufeffhush\r\n", "utf16le")],
  ])("may have %s around the secret", (_what, content) => {
    expect(read(file(content))).toBe("hush");
  });

  it("keeps blanks in front and inside: they may belong to a password", () => {
    expect(read(file(" a b\n"))).toBe(" a b");
  });

  it.each([0o604, 0o644, 0o777, 0o602])("is refused when others may use it (mode %o)", (mode) => {
    const path = file("hush");
    chmodSync(path, mode);
    expect(problemsOf(() => read(path))).toEqual([
      `pool.secret_key (--set pool.secret_key_file): the file ${path} is open to every user of this machine: chmod 600 ${path} (a Kubernetes secret: defaultMode: 0440)`,
    ]);
  });

  it.each([0o400, 0o600, 0o440, 0o640])("may be readable by its owner and group (mode %o)", (mode) => {
    const path = file("hush");
    chmodSync(path, mode);
    expect(read(path)).toBe("hush");
  });

  it("must be a file", () => {
    expect(problemsOf(() => read(directory))[0]).toContain("is a directory, not a file");
  });

  it("is named in what is found wrong with the secret", () => {
    const path = file("wrong");
    const check = () => [{ key: "pool.secret_key", message: "is no key" }];
    expect(problemsOf(() => loadConfig({ schema, check, set: [`pool.secret_key_file=${path}`] }))).toEqual([
      `pool.secret_key (in the file ${path}): is no key`,
    ]);
  });
});

describe("a configuration file that others may read", () => {
  const warnings = (text: string, mode: number) => {
    const path = file(text);
    chmodSync(path, mode);
    const said: string[] = [];
    loadConfig({ schema, file: path, onWarning: (sentence) => said.push(sentence.replaceAll(path, "FILE")) });
    return said;
  };

  it("is warned of when it holds secrets", () => {
    const text = '[pool]\nsecret_key = "hush"\n[[nodes]]\nurl = "http://u:p@n"\n';
    expect(warnings(text, 0o644)).toEqual([
      "FILE holds pool.secret_key, nodes.0.url and is open to every user of this machine: chmod 600 FILE",
    ]);
    expect(warnings(text, 0o640)).toEqual([]);
    expect(warnings('[pool]\nsecret_key = ""\n[[nodes]]\nurl = "http://u@n"\n', 0o644)).toEqual([]);
  });
});

describe("the environment", () => {
  const other = Type.Object({
    tp: Type.Object({ fee: Type.Integer({ default: 1 }) }, { additionalProperties: false }),
    pool: Type.Object({ extra: Type.Integer({ default: 1 }) }, { additionalProperties: false }),
  });
  const load = (env: Record<string, string>) => loadConfig({ schema, others: [other], env });

  it.each([
    ["LODE_POOL_LISTEN_ADDRESS", "LODE_POOL__LISTEN_ADDRESS"],
    ["LODE_POOL_LISTEN_ADRESS", "LODE_POOL__LISTEN_ADDRESS"],
    ["LODE_POOL__LISTEN_ADRESS", "LODE_POOL__LISTEN_ADDRESS"],
    ["LODE_POOL__LISTEN__ADDRESS", "LODE_POOL__LISTEN_ADDRESS"],
    ["LODE_POOL_SECRET_KEY_FILE", "LODE_POOL__SECRET_KEY_FILE"],
    ["LODE_NODES_3_USER", "LODE_NODES__3__USER"],
    ["LODE_NODES__3__USR", "LODE_NODES__3__USER"],
  ])("with %s is refused: %s was meant", (name, meant) => {
    expect(problemsOf(() => load({ [name]: "x" }))).toEqual([`${name} is no key (did you mean "${meant}"?)`]);
  });

  it("with an unknown key behind two underscores is refused", () => {
    expect(problemsOf(() => load({ LODE_SOMETHING__ELSE: "x" }))).toEqual(["LODE_SOMETHING__ELSE is no key"]);
  });

  it.each([
    "LODE_NATIVE",
    "LODE_CONFIG",
    "LODE_IMAGE_TAG",
    "LODE_NODES",
    "LODE_TP__FEE",
    "LODE_TP__FEEE",
    "LODE_POOL__EXTRA",
    "OTHER_POOL__SERVER_ID",
  ])("may have %s, which is not for this command", (name) => {
    expect(load({ [name]: "x" })).toEqual(load({}));
  });

  it("may have what Kubernetes writes for Services", () => {
    const env = {
      LODE_POOL_SERVICE_HOST: "10.0.0.1",
      LODE_POOL_SERVICE_PORT: "3333",
      LODE_POOL_SERVICE_PORT_STRATUM: "3333",
      LODE_POOL_PORT: "tcp://10.0.0.1:3333",
      LODE_POOL_PORT_3333_TCP: "tcp://10.0.0.1:3333",
      LODE_POOL_PORT_3333_TCP_ADDR: "10.0.0.1",
      LODE_POOL_PORT_3333_TCP_PORT: "3333",
      LODE_POOL_PORT_3333_TCP_PROTO: "tcp",
      LODE_POOL__SERVER_PORT: "tcp://10.0.0.1:3333",
    };
    expect(load(env)).toEqual(load({}));
    expect(problemsOf(() => load({ LODE_POOL__LISTEN_PORT: "3333" }))).toHaveLength(1);
  });
});

describe("the check of what a schema cannot say", () => {
  const check = (config: { pool: { network: string; serverId: number } }) => [
    { key: "pool.secret_key", message: `is not for ${config.pool.network}`, restsOn: ["pool.network"] },
    { key: "pool.server_id", message: `${config.pool.serverId} is odd` },
  ];

  it("adds its findings to the others", () => {
    expect(problemsOf(() => loadConfig({ schema, check, set: ["pool.verbose=x"] }))).toEqual([
      'pool.verbose (--set pool.verbose): must be true or false, not "x"',
      "pool.secret_key: is not for mainnet",
      "pool.server_id: 1 is odd",
    ]);
  });

  it("is not heard about keys that are wrong already, and what rests on them", () => {
    expect(
      problemsOf(() => loadConfig({ schema, check, set: ["pool.network=x", "pool.server_id=x"] })),
    ).toEqual([
      expect.stringContaining("pool.server_id (--set"),
      expect.stringContaining("pool.network (--set"),
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

  it.each([
    ["http://rpc:hush-hush@127.0.0.1:8332", "http://rpc:(redacted)@127.0.0.1:8332"],
    ["http://user:hun@ter2@n:8332", "http://user:(redacted)@n:8332"],
    ["http://user:hun:ter2@n:8332/x", "http://user:(redacted)@n:8332/x"],
    ["http://user:hun%40ter2@n", "http://user:(redacted)@n"],
    ["http://user@n:8332", "http://user@n:8332"],
    ["http://n:8332/wallet", "http://n:8332/wallet"],
    [
      "postgres://lode:a%2Fb@db:5432/lode?sslmode=require",
      "postgres://lode:(redacted)@db:5432/lode?sslmode=require",
    ],
    [
      "postgres://lode:secret@/lode?host=/run/postgresql",
      "postgres://lode:(redacted)@/lode?host=/run/postgresql",
    ],
    ["postgres://lode@127.0.0.1:5432/lode", "postgres://lode@127.0.0.1:5432/lode"],
    // Not percent-encoded: where the password ends is anybody's guess.
    ["http://user:hun/ter2@n:8332", "(redacted)"],
    ["http://user:12/ter2@n:8332", "(redacted)"],
    ["http://user:12?ter2@n:8332", "(redacted)"],
    ["http://user:12#ter2@n:8332", "(redacted)"],
    ["http://user:hunter2", "(redacted)"],
    ["user:hunter2@n:8332", "(redacted)"],
    ["", ""],
  ])("hides the password of %s and nothing else", (url, shown) => {
    expect(withoutPassword(url)).toBe(shown);
    const config = loadConfig({ schema, env: { LODE_NODES__0__URL: url } });
    expect(formatConfig(schema, config)).toContain(`url = ${JSON.stringify(shown)}`);
  });

  it("names the file that may hold a secret, and writes what follows from a value", () => {
    expect(exampleConfig(schema)).toContain('#secret_key_file = ""');
    const text = formatConfig(schema, loadConfig({ schema }), { "pool.secret_key": "its public key is 9x" });
    expect(text).toContain("# its public key is 9x");
    const nodes = loadConfig({ schema, env: { LODE_NODES__0__USER: "u", LODE_NODES__1__USER: "v" } });
    expect(formatConfig(schema, nodes, { "nodes.1.user": "the second" })).toMatch(
      /user = "u"\n[^v]*user = "v"\n# the second\n/,
    );
  });

  it("documents every key with its environment variable", () => {
    const markdown = configMarkdown(schema);
    for (const name of ["LODE_POOL__LISTEN_ADDRESS", "LODE_POOL__SERVER_ID", "LODE_NODES__0__URL"]) {
      expect(markdown).toContain(name);
    }
    expect(markdown).toContain("`secret_key_file`");
  });
});
