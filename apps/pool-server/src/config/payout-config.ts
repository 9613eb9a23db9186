import { addressOfScript } from "@lode/bitcoin";
import { type PayoutModeOptions, payoutModes, type SoloFee } from "@lode/mining";
import { refined, section } from "@lode/service";
import Type from "typebox";
import { configuredIdentifier } from "./accounts-config.ts";
import type { PoolServerConfig } from "./pool-server-config.ts";
import { parseRewardScript } from "./reward-script.ts";

/** The reference translator leaves a pool whose blocks pay its address less than 90 %. */
const MOST_FEE_PERCENT = 10;

function fee(percent: number): string | null {
  if (percent < 0) return "is below 0";
  if (percent > MOST_FEE_PERCENT) {
    return `is above ${MOST_FEE_PERCENT} %: clients that check what a block pays them accept no more and leave`;
  }
  const hundredths = percent * 100;
  return Math.abs(hundredths - Math.round(hundredths)) < 1e-9 ? null : "has more than two decimals";
}

/** The `[payout]` section: whom a found block pays. */
export const payoutSection = section({
  scheme: Type.Union([Type.Literal("pplns"), Type.Literal("solo")], {
    description:
      'Whom blocks pay: "pplns" pays coinbase_reward_script and the reward is split among miners later; "solo" pays the finder\'s own address in the block itself.',
    default: "pplns",
  }),
  soloFeePercent: refined(
    Type.Number({
      description: "What a solo block pays solo_fee_address, percent with at most two decimals, up to 10.",
      default: 0,
    }),
    fee,
  ),
  soloFeeAddress: Type.String({
    description: "Who gets it: an address, addr(ADDRESS) or raw(SCRIPT HEX). Empty: coinbase_reward_script.",
    default: "",
  }),
});

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
