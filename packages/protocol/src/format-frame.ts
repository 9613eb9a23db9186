import type { DescribedField, FrameDescription, JsonValue } from "./describe-frame.ts";

/** Characters of a value in the table; the JSON form has all of it. */
const VALUE_WIDTH = 100;
const MAX_ELEMENTS = 300;

type Row = readonly [offset: string, length: string, type: string, name: string, value: string];

/**
 * The description as a table for people: one row per field, elements of sequences below each other. U256 is written as the
 * integer it is (`0x…`, most significant byte first, as block explorers do), other bytes in wire order. Text from the
 * network is quoted and escaped. Ends with a line feed.
 */
export function formatFrame(description: FrameDescription): string {
  const { header, fields, tlvs, undecoded, missing, surplus, notes, error } = description;
  const lines = [title(description)];
  if (header) {
    lines.push(
      `extension_type ${hexNumber(header.extensionType, 4)}  channel_msg ${Number(header.channelMsg)}` +
        `  msg_type ${hexNumber(header.msgType, 2)}  msg_length ${header.length}`,
    );
  }
  const rows: Row[] = fields.flatMap(fieldRows);
  for (const tlv of tlvs) {
    const type = `${hexNumber(tlv.extensionType, 4)}|${hexNumber(tlv.fieldType, 2)}`;
    rows.push([String(tlv.offset), String(tlv.length), "TLV", type, tlvValue(tlv.value)]);
  }
  if (rows.length > 0) lines.push("", ...table([["offset", "length", "type", "field", "value"], ...rows]));
  lines.push("");
  if (error) lines.push(`error at offset ${error.offset}: ${error.message} (${error.code})`);
  if (undecoded !== "") lines.push(`not decoded: ${cut(undecoded)} (${undecoded.length / 2} bytes)`);
  if (missing > 0) lines.push(`${missing} bytes of the payload are missing`);
  if (surplus > 0) lines.push(`${surplus} bytes follow the frame`);
  for (const note of notes) lines.push(`note: ${note}`);
  return `${lines.join("\n").trimEnd()}\n`;
}

function title({ message, protocol, section, header }: FrameDescription): string {
  if (header === null) return "No whole frame header";
  return message === null ? "Unknown message" : `${message} (${protocol}, SV2 ${section})`;
}

function fieldRows({ name, type, offset, length, value }: DescribedField): Row[] {
  const at = String(offset);
  const size = String(length);
  if (!Array.isArray(value)) return [[at, size, type, name, valueText(type, value)]];
  const element = type.slice(type.indexOf("[") + 1, -1);
  const shown = value.slice(0, MAX_ELEMENTS);
  const rest = value.length - shown.length;
  return [
    [at, size, type, name, `${value.length} ${value.length === 1 ? "element" : "elements"}`],
    ...shown.map((item, index): Row => ["", "", "", `  [${index}]`, valueText(element, item)]),
    ...(rest > 0 ? [["", "", "", "  …", `${rest} more`] as Row] : []),
  ];
}

function valueText(type: string, value: JsonValue): string {
  if (value === null) return "none";
  if (typeof value === "number" && type !== "F32" && value > 0xffff)
    return `${value} (${hexNumber(value, 8)})`;
  if (typeof value !== "string") return String(value);
  if (type === "U256") return `0x${value.match(/../g)?.toReversed().join("") ?? ""}`;
  if (type.startsWith("STR")) return quote(value);
  if (type.startsWith("B0")) return value === "" ? "empty" : `${cut(value)} (${value.length / 2} bytes)`;
  return value;
}

function tlvValue(hex: string): string {
  const bytes = Buffer.from(hex, "hex");
  const printable = bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
  const text = hex === "" ? "empty" : `${cut(hex)} (${bytes.length} bytes)`;
  return printable ? `${text} ${cut(quote(bytes.toString("latin1")))}` : text;
}

/** JSON's quoting, and \u escapes for everything that could move the cursor or turn the writing direction. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

function cut(text: string): string {
  return text.length <= VALUE_WIDTH ? text : `${text.slice(0, VALUE_WIDTH)}…`;
}

function hexNumber(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

function table(rows: readonly Row[]): string[] {
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map(([offset, length, type, name, value]) =>
    [
      offset.padStart(widths[0]!),
      length.padStart(widths[1]!),
      type.padEnd(widths[2]!),
      name.padEnd(widths[3]!),
      value,
    ].join("  "),
  );
}
