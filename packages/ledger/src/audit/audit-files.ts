import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Rational } from "../pplns/index.ts";
import type { SliceHeader, SliceRow } from "../slices/index.ts";

/** A published slice: its header, and its rows in the order of their pseudonyms. */
export interface SliceFile {
  readonly header: SliceHeader;
  readonly rows: readonly SliceRow[];
}

/** One account in a block's window. */
export interface BlockFileAccount {
  /** Payout script, hex. */
  readonly script: string;
  /** Finds the account's rows in slices, hex. Whoever has it can follow the account: block files are not for everybody. */
  readonly salt: string;
  /** Satoshis credited to it. */
  readonly net: string;
}

/** Everything that a settlement rests on beside the slices, and its figures. Satoshis and work are decimal text. */
export interface BlockFile {
  /** As displayed. */
  readonly hash: string;
  readonly height: number;
  readonly reward: string;
  readonly winningSlice: number;
  readonly winningReason: string;
  readonly n: { readonly num: string; readonly den: string };
  readonly newestSlice: number;
  /** Header hash of the newest slice, hex: commits to all slices before it. */
  readonly newestHash: string;
  readonly inputsSha256: string;
  /** Terms by fee class. */
  readonly classes: Readonly<Record<string, { readonly feePpm: string; readonly donationPpm: string }>>;
  readonly fee: string;
  readonly donation: string;
  /** All that have weight in the window, also where that is less than a satoshi. */
  readonly accounts: readonly BlockFileAccount[];
}

const deflate = promisify(gzip);
const inflate = promisify(gunzip);
/** Slices in one folder. */
const FOLDER = 1_000;

/** Files that say, without the database, who worked how much and why a block was split as it was. */
export class AuditFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  slicePath(seq: number): string {
    return join(this.#directory, "slices", String(Math.floor(seq / FOLDER)), `${seq}.json.gz`);
  }

  /** @param hash as displayed */
  blockPath(hash: string): string {
    return join(this.#directory, "blocks", `${hash}.json`);
  }

  async hasSlice(seq: number): Promise<boolean> {
    return exists(this.slicePath(seq));
  }

  async hasBlock(hash: string): Promise<boolean> {
    return exists(this.blockPath(hash));
  }

  async writeSlice({ header, rows }: SliceFile): Promise<void> {
    const { previousHash, prevHash, merkleRoot, windowWork, trueWork, creditedWork, n, ...plain } = header;
    const text = JSON.stringify({
      header: {
        ...plain,
        previousHash: hex(previousHash),
        prevHash: hex(prevHash),
        merkleRoot: hex(merkleRoot),
        windowWork: String(windowWork),
        trueWork: String(trueWork),
        creditedWork: String(creditedWork),
        n: { num: String(n.num), den: String(n.den) },
      },
      rows: rows.map((row) => [
        hex(row.pseudonym),
        Number(row.count),
        String(row.trueWork),
        String(row.creditedWork),
      ]),
    });
    await write(this.slicePath(header.seq), await deflate(text));
  }

  /** @throws Error when there is no such file or it cannot be read */
  async readSlice(seq: number): Promise<SliceFile> {
    const { header, rows } = JSON.parse(String(await inflate(await readFile(this.slicePath(seq))))) as {
      header: Record<string, never> & { n: { num: string; den: string } };
      rows: [string, number, string, string][];
    };
    return {
      header: {
        ...(header as unknown as SliceHeader),
        previousHash: bytes(header["previousHash"]!),
        prevHash: bytes(header["prevHash"]!),
        merkleRoot: bytes(header["merkleRoot"]!),
        windowWork: BigInt(header["windowWork"]!),
        trueWork: BigInt(header["trueWork"]!),
        creditedWork: BigInt(header["creditedWork"]!),
        n: rational(header.n),
      },
      rows: rows.map(([name, count, trueWork, creditedWork]) => ({
        pseudonym: bytes(name),
        count: BigInt(count),
        trueWork: BigInt(trueWork),
        creditedWork: BigInt(creditedWork),
      })),
    };
  }

  async writeBlock(file: BlockFile): Promise<void> {
    await write(this.blockPath(file.hash), `${JSON.stringify(file, null, 1)}\n`);
  }

  /** @throws Error when there is no such file or it cannot be read */
  async readBlock(hash: string): Promise<BlockFile> {
    return JSON.parse(await readFile(this.blockPath(hash), "utf8")) as BlockFile;
  }
}

/** A fraction from its text. */
export function rational({ num, den }: { readonly num: string; readonly den: string }): Rational {
  return { num: BigInt(num), den: BigInt(den) };
}

/** A file is there whole or not at all. */
async function write(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(`${path}.new`, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString("hex");
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}
