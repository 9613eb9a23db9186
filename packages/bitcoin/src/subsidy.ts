import { type NetworkName, networks } from "./networks.ts";

const COIN = 100_000_000n;

/** New coins of the block at `height`, satoshi (GetBlockSubsidy in Bitcoin Core's validation.cpp). */
export function subsidyAt(height: number, network: NetworkName): bigint {
  const halvings = Math.floor(height / networks[network].halvingInterval);
  return halvings >= 64 ? 0n : (50n * COIN) >> BigInt(halvings);
}
