import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import type { Static, TSchema } from "typebox";
import Value from "typebox/value";
import { ConfigError } from "./config-error.ts";
import { layText, layTree, type Problems, readSecretFile } from "./layers.ts";
import { asNode, type ConfigTree, defaultsOf, toSnake } from "./schema-tree.ts";

export interface LoadConfigOptions<S extends TSchema> {
  readonly schema: S;
  /** TOML file; none is read when absent. */
  readonly file?: string;
  /** `process.env`; variables named `LODE_SECTION__KEY` count. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `section.key=value`, from the command line. */
  readonly set?: readonly string[];
  readonly readFile?: (path: string) => string;
}

const ENV_PREFIX = "LODE_";

/**
 * Configuration from, each over the one before: defaults, file, environment, command line. Secrets may be given by
 * `<key>_file`, the path of a file that holds them.
 *
 * @throws ConfigError naming everything that is wrong
 */
export function loadConfig<S extends TSchema>(options: LoadConfigOptions<S>): Static<S> {
  const node = asNode(options.schema);
  const tree = defaultsOf(node) as ConfigTree;
  const problems: Problems = { list: [], readFile: options.readFile ?? readSecretFile };
  if (options.file !== undefined) layTree(node, readToml(options.file), tree, "", problems);
  for (const [name, text] of Object.entries(options.env ?? {})) {
    // Names without "__" are switches of other kinds, such as LODE_NATIVE.
    if (text === undefined || !name.startsWith(ENV_PREFIX) || !name.includes("__")) continue;
    const steps = name.slice(ENV_PREFIX.length).toLowerCase().split("__");
    layText(node, steps, text, tree, name, problems);
  }
  for (const setting of options.set ?? []) {
    const [path = "", ...value] = setting.split("=");
    if (value.length === 0) problems.list.push(`--set ${setting}: write it as section.key=value`);
    else layText(node, path.split("."), value.join("="), tree, `--set ${path}`, problems);
  }
  if (problems.list.length === 0) {
    for (const { instancePath, message } of Value.Errors(options.schema, tree)) {
      problems.list.push(`${keyPath(instancePath)}: ${message}`);
    }
  }
  if (problems.list.length > 0) throw new ConfigError(problems.list);
  return tree as Static<S>;
}

/** `/pool/listenAddress` → `pool.listen_address`. */
function keyPath(instancePath: string): string {
  return instancePath.split("/").filter(Boolean).map(toSnake).join(".");
}

function readToml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new ConfigError([`${file} cannot be read (${reason})`]);
  }
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError)
      throw new ConfigError([`${file}:${error.line}:${error.column}: not valid TOML`]);
    throw error;
  }
}
