import { type Decoded, messageTable, mining } from "@lode/protocol";
import { type SetupMessage, setupDefinitions } from "../../setup/server-setup.ts";

const fromMiner = {
  OpenStandardMiningChannel: mining.OpenStandardMiningChannel,
  OpenExtendedMiningChannel: mining.OpenExtendedMiningChannel,
  UpdateChannel: mining.UpdateChannel,
  CloseChannel: mining.CloseChannel,
  SubmitSharesStandard: mining.SubmitSharesStandard,
  SubmitSharesExtended: mining.SubmitSharesExtended,
  SetCustomMiningJob: mining.SetCustomMiningJob,
} as const;

/** What a miner may send once it is set up. Messages that only servers send are unknown here, so they are discarded. */
export type MinerMessage = Decoded<(typeof fromMiner)[keyof typeof fromMiner]>;

const table = messageTable({ ...setupDefinitions, ...fromMiner });

/** Reads {@link MinerMessage} and the setup's messages. */
export const minerMessages: {
  decode(...args: Parameters<typeof table.decode>): MinerMessage | SetupMessage | undefined;
} = table;

/** Payload caps of what a miner may send, bytes: hand it to `listen`. */
export const minerMaxLength = table.maxLength;
