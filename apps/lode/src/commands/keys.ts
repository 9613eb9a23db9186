import { systemRandom } from "@lode/ports";
import { ExitCode, ExitError } from "@lode/service";
import {
  decodeAuthoritySecretKey,
  encodeAuthorityPublicKey,
  encodeAuthoritySecretKey,
  generateKeypair,
  KeyError,
  type Keypair,
  keypairFromSecret,
} from "@lode/transport";
import { type Arguments, type Command, flag } from "../command.ts";

export const keysCommand: Command = {
  name: "keys",
  operands: "generate|show",
  summary: "Make an authority key pair, or show the public part of a secret key.",
  details: `generate  draws a new pair and prints both parts; the secret one belongs in a file only the pool can read
show      reads a secret key from standard input and prints its public part`,
  options: {
    json: { type: "boolean", help: "Print one JSON object." },
    secret: { type: "boolean", help: "With generate: print the secret key alone, for a file." },
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
  const pair = generateKeypair(systemRandom);
  const secretKey = encodeAuthoritySecretKey(pair.secretKey);
  if (flag(args, "secret")) process.stdout.write(`${secretKey}\n`);
  else print(args, pair, { authority_public_key: publicText(pair), authority_secret_key: secretKey });
}

async function show(args: Arguments): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  try {
    const pair = keypairFromSecret(decodeAuthoritySecretKey(Buffer.concat(chunks).toString("utf8").trim()));
    print(args, pair, { authority_public_key: publicText(pair) });
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    throw new ExitError(ExitCode.usage, `standard input holds no authority secret key (${error.code})`);
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
  for (const [name, value] of Object.entries(keys)) process.stdout.write(`${name} = "${value}"\n`);
}
