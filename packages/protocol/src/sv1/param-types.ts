/** A value that a parameter cannot have; the message says what was expected. */
export class ParamFault extends Error {}

/** How a parameter is read from JSON. `undefined` stands for a parameter that is missing. */
export interface ParamType<T> {
  /** What it is, for the documentation. */
  readonly says: string;
  /** @throws ParamFault */
  read(value: unknown): T;
}

/** How a parameter is written as JSON. */
export interface ParamWriter<T> {
  readonly says: string;
  write(value: T): unknown;
}

/** Text that is cut where it is too long; numbers are taken as text, everything else as nothing. */
export function cutText(maxLength: number): ParamType<string> {
  return {
    says: `text, cut at ${maxLength} characters; may be missing`,
    read: (value) => asText(value)?.slice(0, maxLength) ?? "",
  };
}

/** Text that has a bound, since what is cut would be somebody else's. */
export function boundText(maxLength: number): ParamType<string> {
  return {
    says: `text of at most ${maxLength} characters; may be missing`,
    read(value) {
      const text = asText(value) ?? "";
      if (text.length > maxLength) throw new ParamFault(`text of at most ${maxLength} characters`);
      return text;
    },
  };
}

/**
 * A u32 as hex digits, most significant first, in either case. Leading zeros may be missing (NerdMiner writes nonces so); of more
 * than eight digits the first eight count, as ckpool reads them.
 */
export const hexU32: ParamType<number> = {
  says: "1 to 8 hex digits, either case; more than 8 are cut",
  read(value) {
    if (typeof value !== "string" || !HEX.test(value)) throw new ParamFault("1 to 8 hex digits");
    return Number.parseInt(value.slice(0, 8), 16);
  },
};

/** A u32 as hex digits, or null where it is missing, null or empty. */
export const optionalHexU32: ParamType<number | null> = {
  says: "1 to 8 hex digits, either case; may be missing",
  read: (value) => (value === undefined || value === null || value === "" ? null : hexU32.read(value)),
};

/** Bytes as an even number of hex digits in either case. */
export function hexBytes(maxBytes: number): ParamType<Uint8Array> {
  const expected = `hex of at most ${maxBytes} bytes`;
  return {
    says: `${expected}, either case`,
    read(value) {
      const valid =
        typeof value === "string" &&
        value.length <= 2 * maxBytes &&
        value.length % 2 === 0 &&
        (value === "" || HEX.test(value));
      if (!valid) throw new ParamFault(expected);
      return new Uint8Array(Buffer.from(value, "hex"));
    },
  };
}

/** A positive difficulty as a number or as text; null for everything else, which firmware sends for "none". */
export const difficulty: ParamType<number | null> = {
  says: "number above 0, or the same as text; anything else is no wish",
  read(value) {
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    return typeof number === "number" && Number.isFinite(number) && number > 0 ? number : null;
  },
};

/** A 256-bit target as 64 hex digits, most significant first. */
export const target: ParamType<bigint> = {
  says: "64 hex digits, most significant first, either case",
  read(value) {
    if (typeof value !== "string" || value.length !== 64 || !HEX.test(value))
      throw new ParamFault("64 hex digits");
    return BigInt(`0x${value}`);
  },
};

/** Names; what is no text is left out, and so is what comes behind the sixteenth. */
export const names: ParamType<readonly string[]> = {
  says: "list of texts; may be missing",
  read: (value) =>
    Array.isArray(value) ? value.filter((one) => typeof one === "string").slice(0, MAX_NAMES) : [],
};

/** Values by name. */
export const record: ParamType<ReadonlyMap<string, unknown>> = {
  says: "object; may be missing",
  read: (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? new Map(Object.entries(value).slice(0, MAX_ENTRIES))
      : new Map(),
};

/** A JSON number. */
export const writeNumber: ParamWriter<number> = { says: "number", write: (value) => value };
/** A JSON boolean. */
export const writeBoolean: ParamWriter<boolean> = { says: "true or false", write: (value) => value };
/** Text as it is. */
export const writeText: ParamWriter<string> = { says: "text", write: (value) => value };
/** A u32 as exactly eight lower-case hex digits. */
export const writeHexU32: ParamWriter<number> = { says: "8 hex digits", write: hex32 };
/** Bytes as lower-case hex. */
export const writeHex: ParamWriter<Uint8Array> = { says: "hex", write: hexOf };
/** Hashes in header order as lower-case hex. */
export const writeHashes: ParamWriter<readonly Uint8Array[]> = {
  says: "list of 64 hex digits each, header order",
  write: (hashes) => hashes.map(hexOf),
};
/** A hash in header order; Stratum V1 swaps the bytes of each of its eight words. */
export const writeSwappedHash: ParamWriter<Uint8Array> = {
  says: "64 hex digits: header order with the bytes of each 4-byte word swapped",
  write: (hash) => Buffer.from(hash).swap32().toString("hex"),
};

/** A u32 as eight hex digits. */
export function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined;
}

const HEX = /^[0-9a-fA-F]+$/;
const MAX_NAMES = 16;
const MAX_ENTRIES = 32;
