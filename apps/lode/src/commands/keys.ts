import { fstatSync, writeFileSync } from "node:fs";
import { systemRandom } from "@lode/ports";
import { decodeText, ExitCode, ExitError, explainSystemError } from "@lode/service";
import {
  decodeAuthoritySecretKey,
  encodeAuthorityPublicKey,
  encodeAuthoritySecretKey,
  generateKeypair,
  KeyError,
  type Keypair,
  keypairFromSecret,
} from "@lode/transport";
import { type Arguments, type Command, flag, text } from "../command.ts";

export const keysCommand: Command = {
  name: "keys",
  operands: "generate|show",
  summary: "Make an authority key pair, or show the public part of a secret key.",
  details: `generate  draws a new pair and prints both parts. With --out the secret part goes into a new file that only you can
          read, for authority_secret_key_file; only the public part is printed
show      reads a secret key from standard input and prints its public part: lode keys show < FILE`,
  options: {
    out: { type: "string", value: "FILE", help: "With generate: write the secret key into this new file." },
    json: { type: "boolean", help: "Print one JSON object." },
    secret: { type: "boolean", help: "With generate: print the secret key alone." },
  },
  async run(args) {
    const [action, ...rest] = args.positionals;
    if (rest.length > 0)
      throw new ExitError(ExitCode.usage, `unexpected argument ${JSON.stringify(rest[0])}`);
    if (action === "generate") generate(args);
    else if (action === "show") await show(args);
    else throw new ExitError(ExitCode.usage, "say what to do: lode keys generate, or lode keys show");
    return ExitCode.ok;
  },
};

function generate(args: Arguments): void {
  const out = text(args, "out");
  if (out !== undefined && flag(args, "secret"))
    throw new ExitError(ExitCode.usage, "--out and --secret both say where the secret key goes: keep one");
  const pair = generateKeypair(systemRandom);
  const secretKey = encodeAuthoritySecretKey(pair.secretKey);
  const publicPart = { authority_public_key: publicText(pair) };
  if (out !== undefined) {
    writeSecret(out, secretKey);
    print(args, pair, { ...publicPart, authority_secret_key_file: out });
    return;
  }
  warnOfOpenOutput();
  if (flag(args, "secret")) process.stdout.write(`${secretKey}\n`);
  else print(args, pair, { ...publicPart, authority_secret_key: secretKey });
}

/** A new file of mode 0600: never over an existing one, which may be a key in use. @throws ExitError */
function writeSecret(file: string, secretKey: string): void {
  try {
    writeFileSync(file, `${secretKey}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw new ExitError(ExitCode.usage, `${file} exists already; no key is written over another file`);
    throw explainSystemError(error, `write the secret key into ${file}`);
  }
}

/** A shell's `>` makes files that everybody may read. */
function warnOfOpenOutput(): void {
  const output = fstatSync(1);
  if (!output.isFile() || (output.mode & 0o007) === 0) return;
  process.stderr.write(
    "lode: every user of this machine can read the file that the secret key goes into: chmod 600 it, or use --out FILE\n",
  );
}

async function show(args: Arguments): Promise<void> {
  if (process.stdin.isTTY === true)
    process.stderr.write("lode: paste the secret key, then Enter and Ctrl-D\n");
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  try {
    const pair = keypairFromSecret(decodeAuthoritySecretKey(decodeText(Buffer.concat(chunks)).trim()));
    print(args, pair, { authority_public_key: publicText(pair) });
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    throw new ExitError(ExitCode.usage, `standard input holds no authority secret key: ${error.message}`);
  }
}

function publicText(pair: Keypair): string {
  return encodeAuthorityPublicKey(pair.publicKey);
}

function print(args: Arguments, pair: Keypair, keys: Readonly<Record<string, string>>): void {
  if (flag(args, "json")) {
    const hex = Buffer.from(pair.publicKey).toString("hex");
    process.stdout.write(`${JSON.stringify({ ...keys, public_key_hex: hex })}\n`);
    return;
  }
  for (const [name, value] of Object.entries(keys))
    process.stdout.write(`${name} = ${JSON.stringify(value)}\n`);
}
