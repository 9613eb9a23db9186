import { expect, it } from "vitest";
import { contradictsNetwork } from "./network-of-tip.ts";
import { type NetworkName, networkNames } from "./networks.ts";
import { targetFromNbits } from "./targets.ts";

/** Blocks as each network mines them (late 2026). */
const BLOCKS: Readonly<Record<NetworkName, { height: number; target: bigint }>> = {
  mainnet: { height: 975_000, target: targetFromNbits(0x1701_f0cc) },
  testnet: { height: 4_900_000, target: targetFromNbits(0x1d00_ffff) },
  testnet4: { height: 130_000, target: targetFromNbits(0x1a00_ffff) },
  signet: { height: 320_000, target: targetFromNbits(0x1d13_0000) },
  regtest: { height: 101, target: targetFromNbits(0x207f_ffff) },
};

it.each(networkNames)("a block of %s does not contradict it", (network) => {
  expect(contradictsNetwork(network, BLOCKS[network])).toBeNull();
});

it.each<[NetworkName, NetworkName, RegExp]>([
  ["mainnet", "regtest", /target is easier/],
  ["mainnet", "signet", /target is easier/],
  ["mainnet", "testnet", /difficulty of 1 is far below/],
  ["mainnet", "testnet4", /far below mainnet's/],
  ["testnet", "mainnet", /is mainnet's/],
  ["testnet", "testnet4", /height of 130000 is far below/],
  ["testnet4", "testnet", /height of 4900000 is far above/],
  ["testnet4", "regtest", /target is easier/],
  ["signet", "regtest", /target is easier/],
  ["signet", "testnet", /far above signet's/],
  ["regtest", "mainnet", /is mainnet's/],
])("on %s, a block of %s cannot be", (network, actual, why) => {
  expect(contradictsNetwork(network, BLOCKS[actual])).toMatch(why);
});
