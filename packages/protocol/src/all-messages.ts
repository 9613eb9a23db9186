import type { MessageDefinition } from "./message-definition.ts";
import { type MessageTable, messageTable } from "./message-table.ts";
import * as common from "./messages/common.ts";
import * as extensionsNegotiation from "./messages/extensions-negotiation.ts";
import * as mining from "./messages/mining.ts";
import * as templateDistribution from "./messages/template-distribution.ts";

/** Every message there is a definition of, by chapter and message type. */
export const allMessages: readonly MessageDefinition[] = [
  common,
  mining,
  templateDistribution,
  extensionsNegotiation,
].flatMap((messages) => Object.values<MessageDefinition>(messages).sort((a, b) => a.msgType - b.msgType));

/** Looks all of them up, whatever the connection's protocol; for tools. */
export const everyMessage: MessageTable<MessageDefinition> = messageTable(
  Object.fromEntries(
    allMessages.map((definition) => [`${definition.protocol} ${definition.name}`, definition]),
  ),
);
