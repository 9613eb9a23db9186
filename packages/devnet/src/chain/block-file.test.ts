import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@lode/testing/clock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BlockFile, BlockFileError } from "./block-file.ts";
import { extendChain, faucetOutpoints, minedBlock, spendAnyones } from "./block-fixtures.ts";
import { Chain } from "./chain.ts";
import { COIN } from "./parameters.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "lode-chain-"));
  path = join(directory, "regtest", "blocks.dat");
});
afterEach(() => rmSync(directory, { recursive: true }));

const clock = new VirtualClock();

describe("a chain in a file", () => {
  it("is the same after a restart: tip, branches, coins and blocks", () => {
    const chain = new Chain({ clock, store: new BlockFile(path) });
    extendChain(chain, 3);
    const sibling = minedBlock(chain, { parent: chain.entryAt(2) as never, extranonce: Uint8Array.of(1) });
    expect(chain.submit(sibling)).toBe("inconclusive");
    const [coin] = faucetOutpoints(chain, 1) as [string];
    const last = minedBlock(chain, { transactions: [spendAnyones(chain, [coin], COIN)] });
    expect(chain.submit(last)).toBeNull();
    const coins = new Map(chain.coins);
    chain.close();

    const again = new Chain({ clock, store: new BlockFile(path) });
    expect(again.tip.hash).toBe(chain.tip.hash);
    expect(again.tip.chainWork).toBe(chain.tip.chainWork);
    expect(new Map(again.coins)).toEqual(coins);
    expect(again.blockBytes(again.tip)).toEqual(last);
    expect(again.submit(last)).toBe("duplicate");
    expect(again.submit(sibling)).toBe("duplicate");
    extendChain(again, 1);
    expect(again.tip.height).toBe(5);
    again.close();
  });

  it("goes on with another target, for new blocks only", () => {
    const chain = new Chain({ clock, store: new BlockFile(path) });
    extendChain(chain, 1);
    chain.close();
    const harder = new Chain({ clock, store: new BlockFile(path), parameters: { nbits: 0x203fffff } });
    expect(harder.tip.height).toBe(1);
    extendChain(harder, 1);
    expect(harder.tip.header.nbits).toBe(0x203fffff);
    harder.close();
  });

  it("loses only the record that a crash tore, wherever it was torn", () => {
    const chain = new Chain({ clock, store: new BlockFile(path) });
    extendChain(chain, 2);
    chain.close();
    const whole = readFileSync(path);
    const secondRecord = whole.length / 2;
    for (const cut of [1, 11, 12, 13, whole.length - secondRecord - 1]) {
      writeFileSync(path, whole.subarray(0, secondRecord + cut));
      const file = new BlockFile(path);
      expect(file.discardedBytes).toBe(cut);
      const torn = new Chain({ clock, store: file });
      expect(torn.tip.height).toBe(1);
      extendChain(torn, 1);
      torn.close();
      const after = new BlockFile(path);
      expect(after.discardedBytes).toBe(0);
      expect([...after.stored()]).toHaveLength(2);
      after.close();
    }
  });

  it("drops a last record of the right length with wrong bytes", () => {
    const chain = new Chain({ clock, store: new BlockFile(path) });
    extendChain(chain, 2);
    chain.close();
    const { size } = statSync(path);
    truncateSync(path, size - 100);
    appendFileSync(path, new Uint8Array(100));
    const file = new BlockFile(path);
    expect(file.discardedBytes).toBe(size / 2);
    file.close();
  });

  it("leaves a file alone that holds something else", () => {
    writeFileSync(join(directory, "notes.txt"), "not blocks");
    expect(() => new BlockFile(join(directory, "notes.txt"))).toThrow(BlockFileError);
    expect(readFileSync(join(directory, "notes.txt"), "utf8")).toBe("not blocks");
  });

  it("says so when a block in the middle does not fit", () => {
    const chain = new Chain({ clock, store: new BlockFile(path) });
    extendChain(chain, 2);
    chain.close();
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(whole.length / 2));
    const store = new BlockFile(path);
    expect(() => new Chain({ clock, store })).toThrow("damaged-store");
    store.close();
  });
});
