import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { parseAddress } from "@lode/bitcoin";
import { startLode, temporaryFolder } from "@lode/testing/process";
import { afterEach, describe, expect, it } from "vitest";

const LOOPBACK = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
const cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

function folder(): string {
  const { path, remove } = temporaryFolder("e2e");
  cleanUp.push(remove);
  return path;
}

function dev(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const run = startLode(["dev", ...LOOPBACK, ...args], { env });
  cleanUp.push(() => run.stop("SIGKILL"));
  return run;
}

interface Summary {
  accepted_shares: number;
  recorded_shares: number;
  blocks_accepted: number;
}

function summaryOf(stdout: string): Summary {
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}

function heightsOf(dataDir: string): number {
  return readFileSync(join(dataDir, "chain", "blocks.dat")).length;
}

describe("lode dev", () => {
  it("mines a block, records every share it answered, and a second start continues from it", {
    timeout: 240_000,
  }, async () => {
    const dataDir = folder();
    const first = dev(["--data-dir", dataDir, "--exit-after-blocks", "1", "--json"]);
    expect(await first.ended, first.stderr()).toBe(0);
    const summary = summaryOf(first.stdout());
    expect(summary.blocks_accepted).toBeGreaterThanOrEqual(1);
    expect(summary.accepted_shares).toBeGreaterThan(0);
    expect(summary.recorded_shares).toBe(summary.accepted_shares);
    expect(first.stderr()).toContain("stratum2+tcp://127.0.0.1:");
    const key = /authority key {2}(\S+)/.exec(first.stderr())?.[1];
    const size = heightsOf(dataDir);

    const second = dev(["--data-dir", dataDir, "--exit-after-blocks", "1", "--json"]);
    expect(await second.ended, second.stderr()).toBe(0);
    expect(second.stderr()).toContain(`authority key  ${key}`);
    expect(heightsOf(dataDir)).toBeGreaterThan(size);
    expect(summaryOf(second.stdout()).recorded_shares).toBe(summaryOf(second.stdout()).accepted_shares);
  });

  it("has each block pay the miner who found it, as the chain tells", { timeout: 120_000 }, async () => {
    const dataDir = folder();
    const run = dev(["--data-dir", dataDir, "--exit-after-blocks", "2", "--json"]);
    expect(await run.ended, run.stderr()).toBe(0);
    const finder = /^ +(bcrt1\S+)\.rig1$/m.exec(run.stderr())?.[1] ?? "";
    const { script } = parseAddress(finder, "regtest");
    const chain = readFileSync(join(dataDir, "chain", "blocks.dat"));
    const output = Buffer.from([script.length, ...script]);
    let paid = 0;
    for (let at = chain.indexOf(output); at >= 0; at = chain.indexOf(output, at + 1)) {
      if (chain.readBigUInt64LE(at - 8) >= 5_000_000_000n) paid++;
    }
    expect(paid).toBeGreaterThanOrEqual(summaryOf(run.stdout()).blocks_accepted);
    expect(run.stderr()).toMatch(/block 2 accepted: found by \S+\.simulated, pays \S+ BTC to the finder\n/);
  });

  it("works the same on the stand-in, and says that it does", { timeout: 120_000 }, async () => {
    const run = dev(["--data-dir", folder(), "--exit-after-blocks", "1", "--json"], { LODE_NATIVE: "js" });
    expect(await run.ended, run.stderr()).toBe(0);
    const summary = summaryOf(run.stdout());
    expect(summary.accepted_shares).toBeGreaterThan(0);
    expect(summary.recorded_shares).toBe(summary.accepted_shares);
    expect(run.stderr()).toContain("JavaScript stand-in");
  });

  it("stops clean when told twice, as a terminal and npm do", { timeout: 60_000 }, async () => {
    const run = dev(["--data-dir", folder()]);
    await run.printed("Lode is running.");
    await run.printed("shares");
    run.signal("SIGINT");
    run.signal("SIGINT");
    expect(await run.ended, run.stderr()).toBe(0);
    expect(run.stdout()).not.toContain("\u001b[");
  });

  it("names the port that is in use and the option that chooses another", { timeout: 60_000 }, async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    cleanUp.push(() => server.close());
    const run = dev(["--data-dir", folder(), "--listen", `127.0.0.1:${port}`]);
    expect(await run.ended).toBe(69);
    expect(run.stderr()).toMatch(/port is in use.*--listen/s);
  });

  it("refuses a data directory that cannot be one, or that another process uses", {
    timeout: 60_000,
  }, async () => {
    const file = join(folder(), "file");
    writeFileSync(file, "");
    const wrong = dev(["--data-dir", file]);
    expect(await wrong.ended).toBe(69);
    expect(wrong.stderr()).toContain("--data-dir");

    const dataDir = folder();
    const first = dev(["--data-dir", dataDir]);
    await first.printed("Lode is running.");
    const second = dev(["--data-dir", dataDir]);
    expect(await second.ended).toBe(69);
    expect(second.stderr()).toContain(`in use by process ${first.pid}`);
    first.signal("SIGTERM");
    expect(await first.ended).toBe(0);
  });
});
