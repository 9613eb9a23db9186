import { addressOfScript } from "@lode/bitcoin";
import { type PayoutModeOptions, payoutModes, type SoloFee } from "@lode/mining";
import { configuredIdentifier } from "./accounts-config.ts";
import type { PoolServerConfig } from "./pool-server-config.ts";
import { parseRewardScript } from "./reward-script.ts";

/** The fee on solo blocks; undefined when there is none. @throws RewardScriptError */
export function soloFee({ pool, payout }: PoolServerConfig): SoloFee | undefined {
  const basisPoints = Math.round(payout.soloFeePercent * 100);
  if (basisPoints === 0) return undefined;
  const to = payout.soloFeeAddress === "" ? pool.coinbaseRewardScript : payout.soloFeeAddress;
  return { script: parseRewardScript(to, pool.network), basisPoints };
}

/** Who a miner's identity names, and how that user is paid. @throws AccountsError, RewardScriptError */
export function identifier(config: PoolServerConfig): ReturnType<typeof payoutModes> {
  const { pool, payout, accounts } = config;
  const payoutScript = parseRewardScript(pool.coinbaseRewardScript, pool.network);
  const options: PayoutModeOptions = {
    solo: payout.scheme === "solo",
    sriIdentities: accounts.sriIdentities,
    donee: { payoutScript, address: addressOfScript(payoutScript, pool.network) ?? "pool" },
    soloFeeBasisPoints: soloFee(config)?.basisPoints ?? 0,
  };
  return payoutModes(configuredIdentifier(pool.network, accounts), options);
}
