import type { Native } from "@lode/native";
import { type Clock, DependencyError, noMetrics, type Random, silentLogger } from "@lode/ports";
import { MiningClient, miningServerMaxLength } from "@lode/roles";
import { dial, explainDialFailure } from "@lode/transport";

/** A pool to be tried. */
export interface UpstreamPlace {
  readonly host: string;
  readonly port: number;
  /** x-only, 32 bytes; null leaves the pool's certificate unchecked. */
  readonly authorityKey: Uint8Array | null;
  /** The table that configures it, for messages: `upstreams.0`. */
  readonly setting: string;
}

/**
 * Connects to a pool and sets the mining protocol up, then leaves; no channel is opened.
 *
 * @returns what was found, in words
 * @throws DependencyError with a sentence for the operator
 */
export async function checkUpstream(
  { host, port, authorityKey, setting }: UpstreamPlace,
  ports: { readonly native: Native; readonly clock: Clock; readonly random: Random },
): Promise<string> {
  const deps = { ...ports, logger: silentLogger };
  const connection = await dial({
    host,
    port,
    authorityKey,
    ...deps,
    maxLength: miningServerMaxLength,
  }).catch((error: unknown) => {
    throw explainDialFailure(error, {
      host,
      port,
      what: "the pool",
      keySetting: `${setting}.authority_pubkey`,
    });
  });
  return new Promise((resolve, reject) => {
    const client = new MiningClient(
      connection,
      { flags: 0, vendor: "Lode" },
      {
        onSetup() {
          resolve(`the pool at ${host}:${port} takes connections for the mining protocol`);
          client.close("done");
        },
        onRefused(reason, errorCode) {
          const says = `the pool at ${host}:${port} refuses the connection (${errorCode ?? reason})`;
          reject(new DependencyError({ code: "setup-refused", temporary: errorCode === undefined }, says));
        },
      },
      { ...deps, metrics: noMetrics },
    );
  });
}
