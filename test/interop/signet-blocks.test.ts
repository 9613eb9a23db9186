import { bytesToTarget, targetFromNbits } from "@lode/bitcoin";
import { describe, expect, it } from "vitest";
import { SIGNET_NBITS, signetBlocks } from "./signet-blocks.ts";

describe("the prepared signet chain", () => {
  it("has done the work that its headers claim, in every block", () => {
    const blocks = signetBlocks();
    expect(blocks).toHaveLength(110);
    const target = targetFromNbits(SIGNET_NBITS);
    for (const { hash } of blocks) expect(bytesToTarget(hash) <= target).toBe(true);
  });
});
