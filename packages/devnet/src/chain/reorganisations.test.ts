import { VirtualClock } from "@lode/testing/clock";
import { Block } from "bitcoinjs-lib";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Mempool } from "../mempool/mempool.ts";
import { minedBlock, spendAnyones } from "./block-fixtures.ts";
import type { BlockEntry } from "./block-index.ts";
import { Chain } from "./chain.ts";
import { outpointKey } from "./coins.ts";

/** A block on one of the known ones, with up to two transactions, or a wish to follow a known block. */
const step = fc.record({
  parent: fc.nat(),
  spends: fc.array(fc.nat(7), { maxLength: 2 }),
  chained: fc.boolean(),
  prefer: fc.option(fc.nat(), { freq: 5 }),
});

it("after any branches and changes of mind, coins and mempool are those of the best chain alone", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const clock = new VirtualClock();
      const parameters = { faucetCoins: 8 };
      const chain = new Chain({ clock, parameters });
      const faucet = [...chain.coins].map(([outpoint]) => outpoint);
      const mempool = new Mempool(chain, clock);
      const known: BlockEntry[] = [chain.tip];
      for (const [number, { parent, spends, chained, prefer }] of steps.entries()) {
        if (prefer !== null) chain.prefer((known[prefer % known.length] as BlockEntry).hash);
        const transactions = [...new Set(spends)].map((coin) => {
          const fee = BigInt(1000 + number);
          const value = 1_000_000_000n - fee;
          return { ...spendAnyones(chain, [faucet[coin] as string], value), fee };
        });
        const [first] = transactions;
        if (chained && first !== undefined) {
          const child = spendAnyones(chain, [outpointKey(first.txid, 0)], 900_000_000n);
          transactions.push({ ...child, fee: 1_000_000_000n - first.fee - 900_000_000n });
        }
        const extranonce = Uint8Array.of(number);
        const parentEntry = known[parent % known.length] as BlockEntry;
        const block = minedBlock(chain, { parent: parentEntry, transactions, extranonce });
        chain.submit(block);
        const entry = chain.entry(Block.fromBuffer(block).getId());
        if (entry !== undefined && !entry.invalid) known.push(entry);
      }
      const alone = new Chain({ clock, parameters });
      for (let height = 1; height <= chain.tip.height; height++) {
        const entry = chain.entryAt(height) as BlockEntry;
        expect(alone.submit(chain.blockBytes(entry) as Uint8Array)).toBeNull();
      }
      expect(alone.tip.hash).toBe(chain.tip.hash);
      expect(new Map(chain.coins)).toEqual(new Map(alone.coins));
      const waiting = [...mempool.entries()];
      expect(chain.submit(minedBlock(chain, { transactions: waiting }))).toBeNull();
      for (const { invalid, chainWork } of known) {
        if (!invalid) expect(chainWork <= chain.tip.chainWork).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});
