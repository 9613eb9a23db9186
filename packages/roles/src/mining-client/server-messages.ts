import { type Decoded, messageTable, mining } from "@lode/protocol";
import { type SetupAnswer, setupAnswerDefinitions } from "../setup/client-setup.ts";

const fromServer = {
  OpenStandardMiningChannelSuccess: mining.OpenStandardMiningChannelSuccess,
  OpenExtendedMiningChannelSuccess: mining.OpenExtendedMiningChannelSuccess,
  OpenMiningChannelError: mining.OpenMiningChannelError,
  NewMiningJob: mining.NewMiningJob,
  NewExtendedMiningJob: mining.NewExtendedMiningJob,
  SetNewPrevHash: mining.SetNewPrevHash,
  SetTarget: mining.SetTarget,
  SetExtranoncePrefix: mining.SetExtranoncePrefix,
  SetGroupChannel: mining.SetGroupChannel,
  SubmitSharesSuccess: mining.SubmitSharesSuccess,
  SubmitSharesError: mining.SubmitSharesError,
  UpdateChannelError: mining.UpdateChannelError,
  CloseChannel: mining.CloseChannel,
} as const;

/** What a mining server may send to a client that declares no jobs. Everything else is discarded. */
export type MiningServerMessage = Decoded<(typeof fromServer)[keyof typeof fromServer]>;

const table = messageTable({ ...setupAnswerDefinitions, ...fromServer });

/** Reads {@link MiningServerMessage} and the setup's answers. */
export const miningServerMessages: {
  decode(...args: Parameters<typeof table.decode>): MiningServerMessage | SetupAnswer | undefined;
} = table;

/** Payload caps of what a mining server may send, bytes: hand it to `dial`. */
export const miningServerMaxLength = table.maxLength;
