import { CodedError } from "@lode/ports";
import { toSnake } from "./schema-tree.ts";

/** Something wrong with the value of a key, found by the code that uses it. */
export interface KeyProblem {
  /** The key as files and `--set` write it: `pool.network`, `nodes.0.url`. */
  readonly key: string;
  /** What is wrong and what is right; follows "KEY: ". Never the text of a secret. */
  readonly message: string;
  /** Other keys the finding rests on. It is dropped when one of them is wrong itself. */
  readonly restsOn?: readonly string[];
}

/** What the parser of a key's value says, as a problem. Its messages must not repeat a secret. Bugs are thrown on. */
export function problemOf(key: string, parse: () => unknown, restsOn: readonly string[] = []): KeyProblem[] {
  try {
    parse();
    return [];
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return [{ key, message: error.message, restsOn }];
  }
}

/** Everything that is wrong with a configuration, so that a person sees it at once. */
export class Problems {
  /** A line for each problem, in the order they were found. */
  readonly lines: string[] = [];
  readonly #wrong = new Set<string>();
  readonly #origins = new Map<string, string>();

  /** Says where a key's value comes from: a variable, a file. The configuration file itself is not worth a word. */
  from(key: string, origin: string | null): void {
    if (origin === null) this.#origins.delete(key);
    else this.#origins.set(key, origin);
  }

  /** A problem that belongs to no known key. */
  add(line: string): void {
    if (!this.lines.includes(line)) this.lines.push(line);
  }

  /** A problem with a key. Only the first finding about a key counts: others follow from it. */
  addKey({ key, message, restsOn = [] }: KeyProblem): void {
    if ([key, ...restsOn].some((one) => this.#isWrong(one))) return;
    this.#wrong.add(key);
    const origin = this.#origins.get(key);
    this.add(`${key}${origin === undefined ? "" : ` (${origin})`}: ${message}`);
  }

  #isWrong(key: string): boolean {
    return this.#wrong.has(key) || [...this.#wrong].some((wrong) => key.startsWith(`${wrong}.`));
  }
}

/** `["pool", "listenAddress"]` → `pool.listen_address`. */
export function keyOf(path: readonly (string | number)[]): string {
  return path.map((step) => toSnake(String(step))).join(".");
}
