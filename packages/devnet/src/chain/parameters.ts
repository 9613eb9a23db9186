import { TargetError, targetFromNbits } from "@lode/bitcoin";

/** One coin, in satoshi. */
export const COIN = 100_000_000n;

/** What a devnet chain asks of its blocks. */
export interface ChainParameters {
  /** Compact target every new block must carry; it never adjusts itself. */
  nbits: number;
  /** Block subsidy at height 0, satoshi. */
  subsidy: bigint;
  /** Blocks between two halvings of the subsidy (150 on regtest), or null for none: a chain that is fast halves fast. */
  halvingInterval: number | null;
  /** Depth at which a coinbase may be spent. */
  coinbaseMaturity: number;
  /**
   * Coins that exist from the start, spendable by anyone, {@link ChainParameters.faucetCoinValue} each: what synthetic
   * traffic spends, with no need to mine 100 blocks first.
   */
  faucetCoins: number;
  /** Satoshi. */
  faucetCoinValue: bigint;
}

const defaults: ChainParameters = {
  nbits: 0x207f_ffff,
  subsidy: 50n * COIN,
  halvingInterval: null,
  coinbaseMaturity: 100,
  faucetCoins: 64,
  faucetCoinValue: 10n * COIN,
};

/** The easiest target of the network (regtest's powLimit). */
const POW_LIMIT = targetFromNbits(0x207f_ffff);

/**
 * Fills in defaults: regtest's easiest target, 50 coins without halving, maturity 100.
 *
 * @throws TargetError when `nbits` is no target, or one above the network's limit (`target-out-of-range`)
 */
export function chainParameters(options: Partial<ChainParameters> = {}): ChainParameters {
  const parameters = { ...defaults, ...options };
  if (targetFromNbits(parameters.nbits) > POW_LIMIT) throw new TargetError({ code: "target-out-of-range" });
  return parameters;
}

/** Satoshi a block at `height` may create, fees aside. */
export function subsidyAt(height: number, { subsidy, halvingInterval }: ChainParameters): bigint {
  return halvingInterval === null ? subsidy : subsidy >> BigInt(Math.floor(height / halvingInterval));
}
