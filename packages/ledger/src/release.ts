import { readFileSync } from "node:fs";

/** The release that this code is of; all packages share one version. */
export const release: string = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;

/** True when `a` comes before `b`; both are of the form 1.2.3, and what follows does not count. */
export function isOlderRelease(a: string, b: string): boolean {
  const [first, second] = [a, b].map((text) => (text.match(/\d+/g) ?? []).slice(0, 3).map(Number));
  for (let index = 0; index < 3; index++) {
    const difference = (first?.[index] ?? 0) - (second?.[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
