import { refined, section } from "@lode/service";
import Type from "typebox";

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
