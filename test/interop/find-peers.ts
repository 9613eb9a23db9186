import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import type { Peers } from "./interop-test.ts";

/** How each program is asked for; shown when it is absent. */
export const WHERE: Readonly<Record<keyof Peers, string>> = {
  bitcoinNode: "LODE_BITCOIN_NODE",
  sv2Tp: "LODE_SV2_TP",
  poolSv2: "LODE_SRI (pool_sv2)",
  translator: "LODE_SRI (translator_sv2)",
  miningDevice: "LODE_SRI (mining_device)",
  minerd: "LODE_MINERD",
};

/** The programs that the environment names and that can be run. */
export function findPeers(env: Readonly<Record<string, string | undefined>>): Peers {
  const sri = env["LODE_SRI"];
  const inSri = (name: string) => (sri === undefined || sri === "" ? undefined : join(sri, name));
  return Object.fromEntries(
    Object.entries({
      bitcoinNode: env["LODE_BITCOIN_NODE"],
      sv2Tp: env["LODE_SV2_TP"],
      poolSv2: inSri("pool_sv2"),
      translator: inSri("translator_sv2"),
      miningDevice: inSri("mining_device"),
      minerd: env["LODE_MINERD"],
    }).filter(([, path]) => path !== undefined && path !== "" && isProgram(path)),
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
