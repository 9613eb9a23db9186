import { refined } from "@lode/service";
import Type from "typebox";

/** Extensions that a pool server can grant, beside the negotiation itself (0x0001). */
const EXTENSIONS: ReadonlyMap<number, string> = new Map([[2, "names of workers in each share"]]);

const extensionList = (description: string, fallback: readonly number[]) =>
  Type.Array(refined(Type.Integer(), unknownExtension), {
    description,
    default: [...fallback],
    maxItems: 16,
    uniqueItems: true,
  });

function unknownExtension(extension: number): string | null {
  if (EXTENSIONS.has(extension)) return null;
  const known = [...EXTENSIONS].map(([number, meaning]) => `${number} (${meaning})`).join(", ");
  return `there is no extension ${extension} here; known: ${known}`;
}

/** Keys about protocol extensions, by the reference pool's names. */
export const extensionKeys = {
  supportedExtensions: extensionList(
    "Protocol extensions that clients may use: 2 is the names of workers in each share.",
    [2],
  ),
  requiredExtensions: extensionList(
    "Extensions that clients must ask for; without them they are disconnected.",
    [],
  ),
};

/** Clients could never ask for what is required and not supported. */
export function unsupportedRequirement(config: {
  readonly supportedExtensions: readonly number[];
  readonly requiredExtensions: readonly number[];
}): string | null {
  const missing = config.requiredExtensions.filter((one) => !config.supportedExtensions.includes(one));
  return missing.length === 0
    ? null
    : `{requiredExtensions} has ${missing.join(", ")}, which {supportedExtensions} does not have`;
}
