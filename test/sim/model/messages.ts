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

const fromPool = {
  SetupConnectionSuccess: common.SetupConnectionSuccess,
  SetupConnectionError: common.SetupConnectionError,
  Reconnect: common.Reconnect,
  RequestExtensionsSuccess: extensionsNegotiation.RequestExtensionsSuccess,
  RequestExtensionsError: extensionsNegotiation.RequestExtensionsError,
  OpenStandardMiningChannelSuccess: mining.OpenStandardMiningChannelSuccess,
  OpenExtendedMiningChannelSuccess: mining.OpenExtendedMiningChannelSuccess,
  OpenMiningChannelError: mining.OpenMiningChannelError,
  UpdateChannelError: mining.UpdateChannelError,
  CloseChannel: mining.CloseChannel,
  SetExtranoncePrefix: mining.SetExtranoncePrefix,
  SubmitSharesSuccess: mining.SubmitSharesSuccess,
  SubmitSharesError: mining.SubmitSharesError,
  NewMiningJob: mining.NewMiningJob,
  NewExtendedMiningJob: mining.NewExtendedMiningJob,
  SetNewPrevHash: mining.SetNewPrevHash,
  SetTarget: mining.SetTarget,
  SetCustomMiningJobSuccess: mining.SetCustomMiningJobSuccess,
  SetCustomMiningJobError: mining.SetCustomMiningJobError,
  SetGroupChannel: mining.SetGroupChannel,
} as const;

/** A message of a miner, as the naive model reads it. */
export type MinerMessage = Decoded<(typeof fromMiner)[keyof typeof fromMiner]>;
/** A message of the pool. */
export type PoolMessage = Decoded<(typeof fromPool)[keyof typeof fromPool]>;

/** Reads what miners say; undefined for what a pool discards. Throws DecodeError. */
export const minerTable: MessageTable<(typeof fromMiner)[keyof typeof fromMiner]> = messageTable(fromMiner);
/** Reads what the pool says. Throws DecodeError. */
export const poolTable: MessageTable<(typeof fromPool)[keyof typeof fromPool]> = messageTable(fromPool);
