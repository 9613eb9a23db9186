import { hex32 } from "./param-types.ts";

/** What {@link readConfigure} takes: the parameters of `mining.configure`. */
export interface ConfigureParams {
  readonly extensions: readonly string[];
  readonly parameters: ReadonlyMap<string, unknown>;
}

/** What a miner wants of version rolling and difficulty (BIP310). */
export interface Sv1Wishes {
  /** Version bits the miner would roll; undefined when it did not ask to. */
  readonly versionMask: number | undefined;
  /** Least difficulty it wants; undefined without one. */
  readonly minimumDifficulty: number | undefined;
}

/**
 * What `mining.configure` asks for. Asked for is what the list names; a mask or value that cannot be read counts as one
 * that was not given. Numbers may be texts.
 */
export function readConfigure({ extensions, parameters }: ConfigureParams): Sv1Wishes {
  return {
    versionMask: extensions.includes("version-rolling")
      ? maskOf(parameters.get("version-rolling.mask"))
      : undefined,
    minimumDifficulty: extensions.includes("minimum-difficulty")
      ? difficultyOf(parameters.get("minimum-difficulty.value"))
      : undefined,
  };
}

/**
 * The `result` of `mining.configure`: every extension that was asked for gets an answer (BIP310).
 *
 * @param granted version bits that may be rolled; 0 refuses the extension
 */
export function configureResult(
  { extensions }: ConfigureParams,
  granted: number,
  minimumDifficulty: boolean,
): Record<string, boolean | string> {
  // Entries, as a name such as __proto__ must become a member like any other.
  const result: [string, boolean | string][] = [];
  for (const extension of extensions) {
    if (extension === "version-rolling") {
      result.push([extension, granted !== 0]);
      if (granted !== 0) result.push(["version-rolling.mask", hex32(granted)]);
    } else if (extension === "minimum-difficulty") result.push([extension, minimumDifficulty]);
    else result.push([extension.slice(0, 64), extension === "subscribe-extranonce"]);
  }
  return Object.fromEntries(result);
}

function maskOf(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= ALL_BITS) return value;
  if (typeof value === "string" && MASK.test(value)) return Number.parseInt(value, 16);
  return ALL_BITS;
}

function difficultyOf(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number > 0 ? number : undefined;
}

const ALL_BITS = 0xffff_ffff;
const MASK = /^(0x)?[0-9a-fA-F]{1,8}$/;
