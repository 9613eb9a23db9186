/** Numbers for people: what accounts are owed, and how the window stands. */
export {
  type AccountBalance,
  type AccountNumbers,
  accountBalances,
  accountNumbers,
  type ImmatureCredit,
  type WindowNumbers,
  windowNumbers,
} from "./account-numbers.ts";
