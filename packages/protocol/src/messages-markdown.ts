import { allMessages } from "./all-messages.ts";
import type { MessageDefinition, MessageField, ProtocolName } from "./message-definition.ts";
import { TLV_ROOM } from "./message-definition.ts";

const chapters: readonly (readonly [ProtocolName, string])[] = [
  ["common", "Common messages"],
  ["mining", "Mining protocol"],
  ["template-distribution", "Template distribution protocol"],
  ["extensions-negotiation", "Extension 0x0001, Extensions Negotiation"],
];

const introduction = `# Messages

<!-- Generated from the field tables of @lode/protocol. Do not edit. -->

The Stratum V2 messages Lode understands, as they are on the wire. Integers are little-endian. What the fields mean is said in
the [specification](https://github.com/stratum-mining/sv2-spec); the section numbers below are its own.

A frame is a header of six bytes and the payload: \`extension_type\` (U16, bit 15 is \`channel_msg\`), \`msg_type\` (U8),
\`msg_length\` (U24, payload only). A payload longer than the cap is refused before it is read. Every cap has room
for ${number(TLV_ROOM)} bytes of TLV fields, which extensions append to the last field. Lode sets \`channel_msg\` as listed and
ignores it on receipt.
`;

/** The text of \`docs/messages.md\`, made from the same tables as the codec. */
export function messagesMarkdown(): string {
  const parts = [introduction];
  for (const [protocol, heading] of chapters) {
    const messages = allMessages.filter((definition) => definition.protocol === protocol);
    parts.push(`## ${heading}\n`, overview(messages), ...messages.map(details));
  }
  return parts.join("\n");
}

function overview(messages: readonly MessageDefinition[]): string {
  const rows = messages.map((message) => [
    `0x${message.msgType.toString(16).padStart(2, "0")}`,
    String(Number(message.channelMsg)),
    `[${message.specName}](#${anchor(message)})`,
    message.sender,
    message.section,
    number(message.maxLength),
  ]);
  return table(["msg_type", "channel_msg", "message", "sent by", "section", "payload cap, bytes"], rows);
}

function details(message: MessageDefinition): string {
  const rows = message.layout.map((field) => [
    `\`${field.specName}\``,
    field.type.specName,
    size(field),
    `\`${field.name}\``,
  ]);
  return `### ${title(message)}\n\n${table(["field", "type", "bytes", "property"], rows)}`;
}

function title(message: MessageDefinition): string {
  // Two chapters have a SetNewPrevHash; headings must differ to be linked.
  const shared = allMessages.filter((other) => other.specName === message.specName).length > 1;
  return shared ? `${message.specName} (${message.protocol})` : message.specName;
}

/** As GitHub makes anchors of headings. */
function anchor(message: MessageDefinition): string {
  return title(message)
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");
}

function size({ type }: MessageField): string {
  return type.minSize === type.maxSize
    ? number(type.minSize)
    : `${number(type.minSize)} to ${number(type.maxSize)}`;
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}
