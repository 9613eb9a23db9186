import { describeFrame, formatFrame } from "@lode/protocol";
import { ExitCode, ExitError } from "@lode/service";
import { type Command, flag, text } from "../command.ts";

/** Longest input, hex digits: a frame is at most 16 MB. */
const MAX_HEX = 2 * (6 + 0xff_ffff);

export const decodeCommand: Command = {
  name: "decode",
  summary: "Show an unencrypted SV2 frame field by field.",
  options: {
    hex: {
      type: "string",
      value: "HEX",
      help: "The frame: header and payload; spaces and colons are skipped.",
    },
    json: { type: "boolean", help: "Print one JSON object." },
  },
  async run(args) {
    const digits = (text(args, "hex") ?? "").replace(/[\s:]|^0x/g, "");
    if (digits === "") throw new ExitError(ExitCode.usage, "give the frame with --hex");
    if (digits.length > MAX_HEX) throw new ExitError(ExitCode.usage, "longer than any frame");
    if (!/^([0-9a-f]{2})*$/i.test(digits)) {
      throw new ExitError(ExitCode.usage, "--hex takes pairs of hexadecimal digits");
    }
    const frame = describeFrame(new Uint8Array(Buffer.from(digits, "hex")));
    process.stdout.write(
      flag(args, "json") ? `${JSON.stringify(frame)}\n` : `${formatFrame(frame).trimEnd()}\n`,
    );
    return frame.error === null ? ExitCode.ok : ExitCode.failure;
  },
};
