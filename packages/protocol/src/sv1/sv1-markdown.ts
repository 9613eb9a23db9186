import { clientMethods, type Sv1ClientMethod } from "./client-methods.ts";
import { type Sv1ServerMethod, serverMethods } from "./server-methods.ts";
import { Sv1ErrorCode } from "./sv1-error.ts";

const introduction = `# Stratum V1 messages

<!-- Generated from the tables of @lode/protocol/sv1. Do not edit. -->

The Stratum V1 lines that \`lode proxy\` understands and sends. A line is a JSON object and a line feed; \`\\r\\n\`, blanks around
it, several lines in one packet and one line over many are all fine. Numbers in hex have their most significant digit first.

A request's \`id\` may be a number, a text, null or missing, and comes back as it was. \`params\` may be null or missing; parameters
beyond those below are ignored. A method that is not listed gets error 20 and is no fault.
`;

const errors: Readonly<Record<keyof typeof Sv1ErrorCode, string>> = {
  other: "anything else; the text says what",
  staleJob: "the job is unknown, or a new block has made it stale",
  duplicate: "the share was handed in before",
  lowDifficulty: "the share is easier than the difficulty that its job asks for",
  unauthorized: "nobody is authorized, or the pool cannot pay the name",
  notSubscribed: "`mining.subscribe` has not come yet",
};

/** The text of \`docs/sv1-messages.md\`, made from the tables that read and write the lines. */
export function sv1Markdown(): string {
  return [
    introduction,
    "## From miners\n",
    ...Object.values<Sv1ClientMethod>(clientMethods).map(fromMiners),
    "## To miners\n",
    ...Object.values<Sv1ServerMethod>(serverMethods).map(toMiners),
    "## Error codes\n",
    "An error is `[code, text, null]`.\n",
    table(
      ["code", "meaning"],
      Object.entries(Sv1ErrorCode).map(([name, code]) => [
        String(code),
        errors[name as keyof typeof Sv1ErrorCode],
      ]),
    ),
  ].join("\n");
}

function fromMiners({ method, params, result, source }: Sv1ClientMethod): string {
  const rows = Object.entries(params).map(([name, { type, means }], index) => [
    String(index + 1),
    `\`${name}\``,
    type.says,
    means,
  ]);
  const list = rows.length === 0 ? "No parameters.\n" : table(["#", "property", "taken", "meaning"], rows);
  return `### ${method}\n\n${list}\nResult: ${result}. Source: ${source}.\n`;
}

function toMiners({ method, params, sent }: Sv1ServerMethod): string {
  const rows = Object.entries(params).map(([name, { writer, means }], index) => [
    String(index + 1),
    `\`${name}\``,
    writer.says,
    means,
  ]);
  return `### ${method}\n\nSent ${sent}.\n\n${table(["#", "property", "written as", "meaning"], rows)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return line(head) + line(head.map(() => "---")) + rows.map(line).join("");
}
