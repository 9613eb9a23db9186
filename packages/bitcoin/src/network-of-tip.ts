import { type NetworkName, networks } from "./networks.ts";
import { DIFF1_TARGET, targetFromNbits } from "./targets.ts";

/** mainnet has been harder since 2016, by three orders of magnitude today; the others have never come near. */
const MAINNET_DIFFICULTY = 100_000_000_000n;
/** testnet passed it in 2024; testnet4 and signet are some decades away. */
const TESTNET_HEIGHT = 2_600_000;

/**
 * What a block to be mined tells about its network: null when it may well be of `network`, else why it cannot be. Several
 * networks look alike, so null proves nothing.
 *
 * @param block its height, and the target its tip demands
 */
export function contradictsNetwork(
  network: NetworkName,
  block: { readonly height: number; readonly target: bigint },
): string | null {
  const { height, target } = block;
  const difficulty = DIFF1_TARGET / (target === 0n ? 1n : target);
  if (target > targetFromNbits(networks[network].powLimit)) {
    return `its target is easier than ${network} allows`;
  }
  if (network === "mainnet") {
    return difficulty < MAINNET_DIFFICULTY ? `its difficulty of ${difficulty} is far below mainnet's` : null;
  }
  if (difficulty >= MAINNET_DIFFICULTY) return `its difficulty of ${difficulty} is mainnet's`;
  if (network === "testnet" && height < TESTNET_HEIGHT) {
    return `its height of ${height} is far below testnet's`;
  }
  if ((network === "testnet4" || network === "signet") && height >= TESTNET_HEIGHT) {
    return `its height of ${height} is far above ${network}'s`;
  }
  return null;
}
