import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type DevnetNode, type EmbeddedPostgres, startDevnetNode, startPostgres } from "@lode/devnet";
import { accepts, checkout, isReady, RunningProcess, temporaryFolder } from "@lode/testing/process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** What git does not know of a checkout. */
const MADE = new Set(["node_modules", "dist", "build", ".git", ".lode", "lode-data", "coverage", "reports"]);
const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const PATIENCE_MS = 240_000;
/** Where the commands listen unless told otherwise. */
const ports = [3333, 3334, 8442, 9333, 9334, 9335];

const text = readFileSync(join(checkout, "README.md"), "utf8");
/** The commands of every block of shell, without their comments. */
const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) =>
  block
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, ""))
    .filter((line) => line !== ""),
);

/** Health and metrics of a command that goes on until it is stopped; undefined for one that ends by itself. */
function adminPortOf(command: string): number | undefined {
  if (/(^|&& )npm start/.test(command)) return 9333;
  const role = /^\.\/lode (\S+) --config \S+$/.exec(command)?.[1] ?? "";
  return { pool: 9333, "template-provider": 9334, proxy: 9335 }[role];
}

const { path: folder, remove } = temporaryFolder("readme");
const copy = join(folder, "lode");
const home = join(folder, "home");
const running: RunningProcess[] = [];
let node: DevnetNode;
let database: EmbeddedPostgres;

beforeAll(async () => {
  cpSync(checkout, copy, {
    recursive: true,
    filter: (source) => source === checkout || !MADE.has(basename(source)),
  });
  node = await startDevnetNode({ dataDir: join(folder, "node"), user: "user", password: "password" });
  mkdirSync(join(home, ".bitcoin"), { recursive: true });
  copyFileSync(node.cookieFile ?? "", join(home, ".bitcoin", ".cookie"));
  database = await startPostgres({ dataDir: join(folder, "database"), durable: true });
});

afterAll(async () => {
  for (const one of running.reverse()) await one.stop("SIGINT");
  await database?.stop();
  await node?.close();
  remove();
}, PATIENCE_MS);

/** A command as a user pastes it, but for the addresses of a node and of a wallet. */
function start(command: string): RunningProcess {
  const here = command
    .replace(/127\.0\.0\.1:(18443|8332)/, `127.0.0.1:${node.port}`)
    .replace("YOUR_ADDRESS", ADDRESS);
  const environment = Object.entries(process.env).filter(([key]) => !/^(LODE|npm|NODE|VITEST)_/.test(key));
  const run = new RunningProcess("sh", ["-c", here], {
    name: here,
    cwd: copy,
    group: true,
    env: {
      ...Object.fromEntries(environment),
      HOME: home,
      npm_config_cache: process.env["npm_config_cache"] ?? join(homedir(), ".npm"),
      npm_config_prefer_offline: "true",
    },
  });
  running.push(run);
  return run;
}

async function untilReady(run: RunningProcess, adminPort: number): Promise<void> {
  while (!(await isReady(adminPort))) {
    if (!run.running) throw new Error(run.tail());
    await pause(100);
  }
}

/** Sets keys of a configuration file, `section.key`. Each stands there already, set or commented out. */
function fillIn(file: string, keys: Readonly<Record<string, string>>): void {
  let config = readFileSync(join(copy, file), "utf8");
  for (const [name, value] of Object.entries(keys)) {
    const [section, key] = name.split(".");
    const line = new RegExp(`(^\\[+${section}\\]+\\n(?:(?!\\[).*\\n)*?)#?${key} = .*$`, "m");
    expect(config, `${name} in ${file}`).toMatch(line);
    config = config.replace(line, (_, before: string) => `${before}${key} = ${JSON.stringify(value)}`);
  }
  writeFileSync(join(copy, file), config);
}

describe.sequential("the README's commands", () => {
  it("begin with the ones of a checkout, and CI runs the test command", () => {
    expect(blocks[0]).toEqual(["npm ci && npm start"]);
    expect(blocks.flat()).toContain("npm ci && npm test");
    const ci = readFileSync(join(checkout, "scripts/ci.mjs"), "utf8");
    expect(ci).toContain('name: "test", command: ["npm", "test"');
  });

  it.each(blocks.flat().filter((command) => command.includes("npm start")))(
    "%s",
    async (command) => {
      for (const port of ports) expect(await accepts(port), `port ${port} must be free`).toBe(false);
      const run = start(command);
      await run.printed("Lode is running.");
      await untilReady(run, adminPortOf(command) ?? 0);
      run.signal("SIGINT");
      // Which of the shell, npm and Lode dies of the signal does not matter: Lode has to say that it stopped.
      await run.ended;
      expect(run.output()).toMatch(/^stopped: /m);
      expect(run.output()).not.toContain("EBADENGINE");
    },
    PATIENCE_MS,
  );

  it.each(blocks.flat().filter((command) => command.startsWith("./lode")))(
    "%s",
    async (command) => {
      const run = start(command);
      const adminPort = adminPortOf(command);
      if (adminPort === undefined) expect(await run.ended, run.tail()).toBe(0);
      else await untilReady(run, adminPort);
      if (command.endsWith("> pool.toml")) {
        fillIn("pool.toml", {
          "pool.authority_secret_key_file": "pool.key",
          "pool.network": "regtest",
          "pool.coinbase_reward_script": ADDRESS,
          "database.url": database.url,
        });
      }
      if (command.endsWith("> tp.toml")) {
        fillIn("tp.toml", {
          "template_provider.authority_secret_key_file": "tp.key",
          "node.network": "regtest",
          "node.url": node.url,
          "node.cookie_file": node.cookieFile ?? "",
        });
      }
      if (command.endsWith("> proxy.toml")) {
        const printed = running.find(({ name }) => name.includes("--out pool.key"))?.stdout() ?? "";
        fillIn("proxy.toml", {
          "proxy.user_identity": ADDRESS,
          "upstreams.authority_pubkey": /9\w{50,}/.exec(printed)?.[0] ?? "",
        });
      }
    },
    PATIENCE_MS,
  );
});
