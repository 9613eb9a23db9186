/** What the pool's process is told to run, before anything else. */
export interface PoolRequest {
  readonly kind: "open";
  /** Where shares become durable: memory, or this Postgres. */
  readonly store: { readonly kind: "memory" } | { readonly kind: "postgres"; readonly url: string };
  /** Where templates come from: a script in the process itself, or this Template Distribution server. */
  readonly templates:
    | { readonly kind: "script" }
    | {
        readonly kind: "server";
        /** `host:port` and the authority key, base58check. */
        readonly address: string;
        readonly publicKey: string;
      };
  /** Whom blocks pay: the pool (default), or each worker another script, as with solo. Not with Postgres and a server. */
  readonly scripts?: "one" | "own";
}

/** What it is asked while it runs. */
export type PoolCommand =
  /** Reading of its meters. */
  | { readonly kind: "read" }
  /** The same after two full garbage collections. */
  | { readonly kind: "collect" }
  /** Begins to watch the delay of the event loop, anew if it did already, and reads the meters. */
  | { readonly kind: "observe" }
  /** A new tip with its first template; only with templates from a script. */
  | { readonly kind: "tip" }
  /** Another template on the same tip; only with templates from a script. */
  | { readonly kind: "refresh" }
  /** How many sockets and handshakes it has turned away, by reason. */
  | { readonly kind: "refusals" };

/** What the pool's process has used and done since its start. */
export interface PoolReading {
  /** When the question came and when the meters were read: the system's monotonic clock, ms, the same for all processes. */
  readonly askedAt: number;
  readonly at: number;
  /** User and system time of all its threads, seconds. */
  readonly cpuSeconds: number;
  /** System time alone, which is in it. */
  readonly systemSeconds: number;
  /** Part of its life in which the event loop was busy, as time: milliseconds. */
  readonly busyMs: number;
  /** By how much timers were late since `observe`, milliseconds: the most, and of 99 in 100; 0 before the first `observe`. */
  readonly loopDelayMaxMs: number;
  readonly loopDelayP99Ms: number;
  /** Stamps that the next templates of the script will have, the first one's first. */
  readonly nextStamps: readonly number[];
  readonly connections: number;
  readonly channels: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Durable in the store. */
  readonly recorded: number;
  /** Commits of the store, and the shares in them as the store counted them; 0 where nobody counts. */
  readonly commits: number;
  readonly stored: number;
  /** Bytes. */
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

/** What it answers. */
export type PoolReply =
  | {
      readonly kind: "open";
      readonly pid: number;
      readonly port: number;
      readonly authorityKey: string;
      readonly nativeBackend: string;
      readonly handshakeBackend: string;
    }
  | { readonly kind: "reading"; readonly reading: PoolReading }
  | { readonly kind: "refusals"; readonly refusals: Readonly<Record<string, number>> };
