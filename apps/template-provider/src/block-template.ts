import { displayToInternal } from "@lode/bitcoin";
import { CodedError } from "@lode/ports";

/** A node's answer to getblocktemplate that cannot be used. */
export class BlockTemplateError extends CodedError<
  { code: "malformed-template"; field: string } | { code: "unknown-rule"; rule: string }
> {}

/** A transaction offered by getblocktemplate (BIP22, BIP145). */
export interface TemplateTransaction {
  /** Serialised with witness. */
  readonly data: Uint8Array;
  /** Internal order. */
  readonly txid: Uint8Array;
  /** Witness txid, internal order. */
  readonly wtxid: Uint8Array;
  /** Satoshi. */
  readonly fee: bigint;
  /** Weight units. */
  readonly weight: number;
  /** Sigop cost (BIP141). */
  readonly sigops: number;
}

/** getblocktemplate's answer, checked and in the units of the rest of the code. */
export interface BlockTemplate {
  readonly version: number;
  readonly height: number;
  /** Internal order. */
  readonly previousBlockHash: Uint8Array;
  readonly transactions: readonly TemplateTransaction[];
  /** Subsidy and fees, satoshi. */
  readonly coinbaseValue: bigint;
  readonly bits: number;
  readonly curtime: number;
  /** Smallest header time consensus allows. */
  readonly mintime: number;
  /** Script of the witness commitment output; null before segwit. */
  readonly witnessCommitment: Uint8Array | null;
  readonly weightLimit: number;
  readonly sigopLimit: number;
  readonly longpollId: string;
}

/** Rules we follow; an unknown rule marked "!" forbids using the template (BIP9). */
const KNOWN_RULES = new Set(["csv", "segwit", "taproot", "signet", "testdummy"]);

/** Checks an answer to `getblocktemplate`. @throws BlockTemplateError */
export function parseBlockTemplate(answer: unknown): BlockTemplate {
  const read = reader(answer, "");
  for (const rule of read.list("rules", [])) {
    if (typeof rule === "string" && rule.startsWith("!") && !KNOWN_RULES.has(rule.slice(1))) {
      throw new BlockTemplateError(
        { code: "unknown-rule", rule },
        `the node demands the consensus rule ${JSON.stringify(rule)}, which this version does not know`,
      );
    }
  }
  const commitment = read.optional("default_witness_commitment");
  return {
    version: read.int("version", -0x8000_0000, 0x7fff_ffff) >>> 0,
    height: read.int("height", 0, 0x7fff_ffff),
    previousBlockHash: read.hash("previousblockhash"),
    transactions: read.list("transactions").map((entry, index) => {
      const transaction = reader(entry, `transactions[${index}].`);
      const txid = transaction.hash("txid");
      return {
        data: transaction.hex("data"),
        txid,
        wtxid: transaction.optional("hash") === undefined ? txid : transaction.hash("hash"),
        fee: BigInt(transaction.int("fee", 0, Number.MAX_SAFE_INTEGER)),
        weight: transaction.int("weight", 0, 4_000_000),
        sigops: transaction.int("sigops", 0, 80_000),
      };
    }),
    coinbaseValue: BigInt(read.int("coinbasevalue", 0, Number.MAX_SAFE_INTEGER)),
    bits: Number.parseInt(read.text("bits", /^[0-9a-f]{8}$/), 16),
    curtime: read.int("curtime", 0, 0xffff_ffff),
    mintime: read.int("mintime", 0, 0xffff_ffff),
    witnessCommitment: commitment === undefined ? null : read.hex("default_witness_commitment"),
    weightLimit:
      read.optional("weightlimit") === undefined ? 4_000_000 : read.int("weightlimit", 0, 4_000_000),
    sigopLimit: read.optional("sigoplimit") === undefined ? 80_000 : read.int("sigoplimit", 0, 80_000),
    longpollId: read.text("longpollid", /^.{1,512}$/s),
  };
}

function reader(value: unknown, path: string) {
  const fail = (field: string): never => {
    throw new BlockTemplateError(
      { code: "malformed-template", field: path + field },
      `getblocktemplate: field ${path}${field} is missing or malformed`,
    );
  };
  if (typeof value !== "object" || value === null) return fail("");
  const fields = value as Record<string, unknown>;
  const hex = (field: string, bytes?: number): Uint8Array => {
    const text = fields[field];
    if (typeof text !== "string" || text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return fail(field);
    if (bytes !== undefined && text.length !== bytes * 2) return fail(field);
    return new Uint8Array(Buffer.from(text, "hex"));
  };
  return {
    optional: (field: string): unknown => fields[field],
    int(field: string, least: number, most: number): number {
      const number = fields[field];
      if (typeof number !== "number" || !Number.isSafeInteger(number) || number < least || number > most)
        return fail(field);
      return number;
    },
    text(field: string, shape: RegExp): string {
      const text = fields[field];
      return typeof text === "string" && shape.test(text) ? text : fail(field);
    },
    list(field: string, missing?: readonly unknown[]): readonly unknown[] {
      const list = fields[field] ?? missing;
      return Array.isArray(list) ? list : fail(field);
    },
    hex: (field: string) => hex(field),
    hash(field: string): Uint8Array {
      hex(field, 32);
      return displayToInternal(fields[field] as string);
    },
  };
}
