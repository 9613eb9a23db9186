import type { Database } from "../database.ts";
import { queryError } from "../query-error.ts";

/** What is known of a block's fate; `candidate` until a node has answered. */
export type BlockState = "candidate" | "submitted" | "active" | "mature" | "rejected" | "stale" | "orphaned";

/** How the coinbase was made: by PPLNS for the pool's script, for the finder alone, or by a miner who chose its transactions. */
export type BlockScheme = "pplns" | "solo" | "custom";

/** Who found a block. */
export interface BlockFinder {
  readonly script: Uint8Array;
  readonly worker: string;
  /** Of the pool process. */
  readonly run: string;
  readonly connectionId: number;
  readonly channelId: number;
}

/** A block as it is recorded first. Hashes in internal byte order. */
export interface NewBlock {
  readonly hash: Uint8Array;
  readonly height: number;
  readonly prevHash: Uint8Array;
  /** 80 bytes. */
  readonly header: Uint8Array;
  /** With its witness. */
  readonly coinbaseTx: Uint8Array;
  readonly scheme: BlockScheme;
  /** Null for a block that was only seen on the chain. */
  readonly finder: BlockFinder | null;
  /** Name of the template source, or {@link SEEN_ON_CHAIN}. */
  readonly source: string;
  /** Milliseconds since the epoch. */
  readonly foundAt: number;
  /** What the coinbase pays, in its order. */
  readonly outputs: readonly { readonly sats: bigint; readonly script: Uint8Array }[];
}

/** Source of a block that nobody recorded when it was found. */
export const SEEN_ON_CHAIN = "seen on chain";

/** A recorded block, without its bytes. Hashes in internal byte order. */
export interface BlockRow {
  readonly hash: Uint8Array;
  readonly prevHash: Uint8Array;
  readonly height: number;
  readonly state: BlockState;
  /** On the best chain 1 for the tip; off it minus the blocks on top of its height. */
  readonly confirmations: number;
  /** Times it came onto the best chain. */
  readonly activation: number;
  readonly scheme: BlockScheme;
  readonly source: string;
  readonly foundAt: number;
  readonly finder: { readonly script: Uint8Array; readonly address: string; readonly worker: string } | null;
  readonly outputs: readonly { readonly sats: bigint; readonly script: Uint8Array }[];
}

/** What one path answered to a block. */
export interface BlockAttempt {
  readonly path: string;
  readonly answer: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** How far the chain was compared with the pool's scripts. */
export interface ScanPosition {
  readonly height: number;
  /** Internal byte order. */
  readonly hash: Uint8Array;
}

/** Found blocks in Postgres. Every method may be repeated. @throws {LedgerError} as every query */
export class BlockStore {
  readonly #sql: Database;

  constructor(sql: Database) {
    this.#sql = sql;
  }

  /** Records a block once. @returns false when it was known already */
  async record(block: NewBlock): Promise<boolean> {
    const { finder } = block;
    const outputs = block.outputs.map(({ sats, script }) => ({ sats: sats.toString(), script: hex(script) }));
    const [row] = await this.#sql<{ added: boolean }[]>`
      select block_record(
        ${block.hash}, ${block.height}, ${block.prevHash}, ${block.header}, ${block.coinbaseTx}, ${block.scheme},
        ${finder?.script ?? null}, ${finder?.worker ?? null}, ${finder?.run ?? null}::uuid,
        ${finder?.connectionId ?? null}::bigint, ${finder?.channelId ?? null}::bigint,
        ${block.source}, to_timestamp(${block.foundAt}::double precision / 1000), ${this.#sql.json(outputs)}) as added`.catch(
      rethrow,
    );
    return row?.added === true;
  }

  async recordAttempt(hash: Uint8Array, path: string, answer: string): Promise<void> {
    await this.#sql`select block_attempt_record(${hash}, ${path}, ${answer})`.catch(rethrow);
  }

  /**
   * Moves a block from the state it was seen in.
   *
   * @param saidBy who says so, for `block_event`
   * @returns false when it is in another state meanwhile, or nothing changes
   */
  async move(
    hash: Uint8Array,
    from: BlockState,
    to: BlockState,
    confirmations: number,
    saidBy: string,
  ): Promise<boolean> {
    const [row] = await this.#sql<{ moved: boolean }[]>`
      select block_move(${hash}, ${from}, ${to}, ${confirmations}, ${saidBy}) as moved`.catch(rethrow);
    return row?.moved === true;
  }

  /** Notes that a script is the pool's own, before the first job with it. */
  async addPoolScript(script: Uint8Array, purpose: "reward" | "fee"): Promise<void> {
    await this.#sql`select pool_script_add(${script}, ${purpose})`.catch(rethrow);
  }

  /** Every script of the pool, as hexadecimal text. */
  async poolScripts(): Promise<Set<string>> {
    const rows = await this.#sql<{ script: Uint8Array }[]>`select script from pool_script`.catch(rethrow);
    return new Set(rows.map(({ script }) => hex(script)));
  }

  /** Blocks, newest first. */
  async list(limit: number): Promise<BlockRow[]> {
    return this.#read(this.#sql`order by b.height desc, b.found_at desc limit ${limit}`);
  }

  async find(hash: Uint8Array): Promise<BlockRow | undefined> {
    const [row] = await this.#read(this.#sql`where b.hash = ${hash}`);
    return row;
  }

  /**
   * Blocks whose fate may still change: all but mature ones, those that are buried for good, and those of a height below
   * `leastHeight`. Oldest first.
   */
  async open(leastHeight: number, limit: number): Promise<BlockRow[]> {
    return this.#read(this.#sql`
      where b.state <> 'mature' and (b.state in ('candidate', 'submitted', 'active') or b.height >= ${leastHeight})
      order by b.height limit ${limit}`);
  }

  async attempts(hash: Uint8Array): Promise<BlockAttempt[]> {
    const rows = await this.#sql<{ path: string; answer: string; first_ms: string }[]>`
      select path, answer, (extract(epoch from first_at) * 1000)::bigint as first_ms from block_attempt where hash = ${hash} order by first_at`.catch(
      rethrow,
    );
    return rows.map(({ path, answer, first_ms }) => ({ path, answer, at: Number(first_ms) }));
  }

  /** Undefined before the first scan. */
  async scanPosition(): Promise<ScanPosition | undefined> {
    const [row] = await this.#sql<ScanPosition[]>`select height, hash from chain_scan`.catch(rethrow);
    return row;
  }

  /** Moves the scan on. @returns false when another process was faster */
  async moveScan(from: ScanPosition | undefined, to: ScanPosition): Promise<boolean> {
    const [row] = await this.#sql<{ moved: boolean }[]>`
      select chain_scan_move(${from?.height ?? null}, ${to.height}, ${to.hash}) as moved`.catch(rethrow);
    return row?.moved === true;
  }

  async #read(condition: ReturnType<Database>): Promise<BlockRow[]> {
    const rows = await this.#sql<BlockRowText[]>`
      select b.hash, b.prev_hash, b.height, b.state, b.confirmations, b.activation, b.scheme, b.source, (extract(epoch from b.found_at) * 1000)::bigint as found_ms, b.finder_script,
        b.finder_worker, a.address,
        (select coalesce(json_agg(json_build_object('sats', o.sats::text, 'script', encode(o.script, 'hex')) order by o.vout), '[]')
         from block_output o where o.hash = b.hash) as outputs
      from block b left join payout_address a on a.payout_script = b.finder_script ${condition}`.catch(
      rethrow,
    );
    return rows.map((row) => ({
      hash: row.hash,
      prevHash: row.prev_hash,
      height: row.height,
      state: row.state,
      confirmations: row.confirmations,
      activation: row.activation,
      scheme: row.scheme,
      source: row.source,
      foundAt: Number(row.found_ms),
      finder:
        row.finder_script === null
          ? null
          : { script: row.finder_script, address: row.address ?? "", worker: row.finder_worker ?? "" },
      outputs: row.outputs.map(({ sats, script }) => ({
        sats: BigInt(sats),
        script: new Uint8Array(Buffer.from(script, "hex")),
      })),
    }));
  }
}

interface BlockRowText {
  hash: Uint8Array;
  prev_hash: Uint8Array;
  height: number;
  state: BlockState;
  confirmations: number;
  activation: number;
  scheme: BlockScheme;
  source: string;
  found_ms: string;
  finder_script: Uint8Array | null;
  finder_worker: string | null;
  address: string | null;
  outputs: { sats: string; script: string }[];
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function rethrow(error: unknown): never {
  throw queryError(error);
}
