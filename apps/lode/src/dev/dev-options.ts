/** What `lode dev` was asked for. */
export interface DevOptions {
  readonly listen: string;
  readonly sv1Listen: string;
  readonly admin: string;
  readonly dataDir: string;
  readonly bitcoind: string | null;
  readonly cookieFile: string;
  readonly payoutAddress: string | null;
  readonly scheme: "solo" | "pplns";
  readonly databaseUrl: string | null;
  readonly miner: boolean;
  readonly exitAfterBlocks: number | null;
  readonly logLevel: string;
  readonly json: boolean;
}
