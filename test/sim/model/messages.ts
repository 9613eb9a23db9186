import {
  common,
  type Decoded,
  extensionsNegotiation,
  type MessageTable,
  messageTable,
  mining,
} from "@lode/protocol";

const fromMiner = {
  SetupConnection: common.SetupConnection,
  RequestExtensions: extensionsNegotiation.RequestExtensions,
  OpenStandardMiningChannel: mining.OpenStandardMiningChannel,
  OpenExtendedMiningChannel: mining.OpenExtendedMiningChannel,
  UpdateChannel: mining.UpdateChannel,
  CloseChannel: mining.CloseChannel,
  SubmitSharesStandard: mining.SubmitSharesStandard,
  SubmitSharesExtended: mining.SubmitSharesExtended,
  SetCustomMiningJob: mining.SetCustomMiningJob,
} as const;

/** A message of a miner, as the naive model reads it. */
export type MinerMessage = Decoded<(typeof fromMiner)[keyof typeof fromMiner]>;
/** Reads what miners say; undefined for what a pool discards. Throws DecodeError. */
export const minerTable: MessageTable<(typeof fromMiner)[keyof typeof fromMiner]> = messageTable(fromMiner);
