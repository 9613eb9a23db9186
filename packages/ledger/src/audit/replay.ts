import { SOLO_CLASS } from "../fold/open-slices.ts";
import { netWorkOf } from "../fold/slice-store.ts";
import { type CreditedSlice, settleSlices, type Window, windowOf } from "../pplns/index.ts";
import { merkleSumRoot, pseudonym, type SliceHeader, type SliceRow, sliceHash } from "../slices/index.ts";
import { type AuditFiles, type BlockFile, rational } from "./audit-files.ts";

/** What a replay found. */
export interface Replay {
  readonly block: BlockFile;
  readonly window: Window;
  /** Slices that were read and checked. */
  readonly slices: number;
  readonly accounts: number;
  /** What does not agree, in sentences; empty when every satoshi does. */
  readonly differences: readonly string[];
}

/**
 * Settles a block again from files alone: checks that the slices form one chain and hold what their headers say, then splits
 * the reward by the definition and compares every account's satoshis.
 *
 * @param hash as displayed
 * @throws Error when a file is missing or cannot be read
 */
export async function replayBlock(files: AuditFiles, hash: string): Promise<Replay> {
  const block = await files.readBlock(hash);
  const differences: string[] = [];
  const say = (sentence: string) => void differences.push(sentence);
  const n = rational(block.n);
  const accounts = new Names(block);
  const slices: CreditedSlice[] = [];
  let expectedHash = block.newestHash;
  for (let seq = block.newestSlice; seq >= 0; seq--) {
    const { header, rows } = await files.readSlice(seq);
    checkSlice(header, rows, expectedHash, say);
    expectedHash = Buffer.from(header.previousHash).toString("hex");
    slices.push({
      seq,
      netWork: netWorkOf(header.nbits),
      windowWork: header.windowWork,
      credits: accounts.credits(seq, rows, say),
    });
    const { filled } = windowOf(slices, n);
    if (filled.num * n.den === n.num * filled.den) break;
  }
  const settlement = settleSlices(slices, {
    reward: BigInt(block.reward),
    blockHash: Buffer.from(hash, "hex"),
    n,
    classes: (feeClass) => {
      const terms = block.classes[feeClass];
      if (terms === undefined) throw new Error(`the block's file names no fee class ${feeClass}`);
      return { feePpm: BigInt(terms.feePpm), donationPpm: BigInt(terms.donationPpm) };
    },
  });
  const net = new Map<string, bigint>();
  for (const credit of settlement.credits)
    net.set(credit.account, (net.get(credit.account) ?? 0n) + credit.net);
  for (const { script, net: credited } of block.accounts) {
    const owed = net.get(script) ?? 0n;
    if (owed !== BigInt(credited)) say(`${script}: credited ${credited} sat, owed ${owed}`);
  }
  for (const what of ["fee", "donation"] as const) {
    if (BigInt(block[what]) !== settlement[what])
      say(`${what}: booked ${block[what]} sat, is ${settlement[what]}`);
  }
  return {
    block,
    window: settlement.window,
    slices: slices.length,
    accounts: block.accounts.length,
    differences,
  };
}

function checkSlice(
  header: SliceHeader,
  rows: readonly SliceRow[],
  expectedHash: string,
  say: (sentence: string) => void,
): void {
  const root = merkleSumRoot(rows);
  const isRoot =
    Buffer.compare(root.hash, header.merkleRoot) === 0 &&
    root.count === BigInt(header.count) &&
    root.trueWork === header.trueWork &&
    root.creditedWork === header.creditedWork;
  if (!isRoot) say(`slice ${header.seq}: its rows do not add up to its root`);
  if (Buffer.from(sliceHash(header)).toString("hex") !== expectedHash) {
    say(`slice ${header.seq}: its hash is not the one that what follows it names`);
  }
}

/** Whose a row is: the account whose salt gives its pseudonym in some class. */
class Names {
  readonly #accounts: readonly { script: string; salt: Uint8Array }[];
  readonly #classes: readonly number[];

  constructor({ accounts, classes }: BlockFile) {
    this.#accounts = accounts.map(({ script, salt }) => ({ script, salt: Buffer.from(salt, "hex") }));
    this.#classes = Object.keys(classes).map(Number);
  }

  credits(seq: number, rows: readonly SliceRow[], say: (sentence: string) => void): CreditedSlice["credits"] {
    const byName = new Map<string, { account: string; feeClass: number }>();
    for (const { script, salt } of this.#accounts) {
      for (const feeClass of [...this.#classes, SOLO_CLASS]) {
        byName.set(nameOf(pseudonym(salt, seq, feeClass)), { account: script, feeClass });
      }
    }
    return rows.flatMap(({ pseudonym: name, creditedWork }) => {
      if (creditedWork === 0n) return [];
      const whose = byName.get(nameOf(name));
      if (whose === undefined) {
        say(`slice ${seq}: a row with credit belongs to no account of the block's file`);
        return [];
      }
      return [{ ...whose, credited: creditedWork }];
    });
  }
}

function nameOf(pseudonymBytes: Uint8Array): string {
  return Buffer.from(pseudonymBytes).toString("latin1");
}
