import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import type { Static, TSchema } from "typebox";
import { Settings } from "typebox/system";
import Value from "typebox/value";
import { ConfigError } from "./config-error.ts";
import { readEnvironment } from "./environment.ts";
import { Layer } from "./layers.ts";
import { type KeyProblem, keyOf, Problems } from "./problems.ts";
import { asNode, type ConfigTree, defaultsOf, type SchemaNode, toSnake } from "./schema-tree.ts";
import { decodeText, isOpenToOthers, type ReadFile, readSecretFile, shellWord } from "./secret-file.ts";
import { lookUp, type SchemaError, valueProblem } from "./value-problem.ts";

export interface LoadConfigOptions<S extends TSchema> {
  readonly schema: S;
  /** Schemas of other commands. Their keys in the environment are left to them. */
  readonly others?: readonly TSchema[];
  /** TOML file; none is read when absent. */
  readonly file?: string;
  /** `process.env`; variables named `LODE_SECTION__KEY` count. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `section.key=value`, from the command line. */
  readonly set?: readonly string[];
  readonly readFile?: ReadFile;
  /** Gets sentences about what works and should be different. */
  readonly onWarning?: (sentence: string) => void;
  /**
   * What the schema cannot say: keys that cannot be read, contradictions. Gets a configuration that fits the schema, with
   * defaults in the place of values that do not; findings about those are dropped.
   */
  readonly check?: (config: Static<S>) => readonly KeyProblem[];
}

/**
 * Configuration from, each over the one before: defaults, file, environment, command line. Secrets may be given by
 * `<key>_file`, the path of a file that holds them.
 *
 * @throws ConfigError naming everything that is wrong
 */
export function loadConfig<S extends TSchema>(options: LoadConfigOptions<S>): Static<S> {
  const node = asNode(options.schema);
  const others = (options.others ?? []).map(asNode);
  const { readFile = readSecretFile } = options;
  const tree = defaultsOf(node) as ConfigTree;
  const problems = new Problems();
  if (options.file !== undefined) {
    const foreign = others.flatMap((other) => Object.keys(other.properties ?? {}).map(toSnake));
    const layer = new Layer(problems, readFile, foreign);
    layer.tree(node, readToml(options.file), tree);
    if (layer.secrets.length > 0 && isOpenToOthers(options.file)) {
      options.onWarning?.(
        `${options.file} holds ${layer.secrets.join(", ")} and is open to every user of this machine: chmod 600 ${shellWord(options.file)}`,
      );
    }
  }
  const environment = new Layer(problems, readFile);
  for (const { name, text, steps } of readEnvironment(options.env ?? {}, node, others, problems)) {
    environment.text(node, steps, text, tree, name);
  }
  const commandLine = new Layer(problems, readFile);
  for (const setting of options.set ?? []) {
    const [path = "", ...value] = setting.split("=");
    if (value.length === 0) problems.add(`--set ${setting}: write it as section.key=value`);
    else commandLine.text(node, path.split("."), value.join("="), tree, `--set ${path}`);
  }
  checkValues(options.schema, node, tree, problems);
  for (const problem of options.check?.(tree as Static<S>) ?? []) problems.addKey(problem);
  if (problems.lines.length > 0) throw new ConfigError(problems.lines);
  return tree as Static<S>;
}

/** The library stops at eight errors unless told otherwise, and a wrong word counts as many as there are words. */
const MAX_ERRORS = 10_000;

/** Collects what does not fit the schema, and puts defaults in its place. */
function checkValues(schema: TSchema, node: SchemaNode, tree: ConfigTree, problems: Problems): void {
  const wrong: (string | number)[][] = [];
  Settings.Set({ maxErrors: MAX_ERRORS });
  for (const error of Value.Errors(schema, tree) as readonly SchemaError[]) {
    // A choice reports each of its words, then itself.
    if (error.keyword === "const") continue;
    const found = lookUp(node, tree, error.instancePath);
    const message = valueProblem(found.node, found.value, error);
    if (error.keyword === "~refine" && found.node.properties !== undefined) {
      // Keys of a section contradict each other; each of them alone is fine.
      problems.add(`${keyOf(found.path)}: ${message}`);
    } else {
      problems.addKey({ key: keyOf(found.path), message });
      wrong.push(found.path);
    }
  }
  for (const path of wrong) restoreDefault(node, tree, path);
}

/** Sets the key at a path back to its default; a list as a whole, unless it is one of tables. */
function restoreDefault(node: SchemaNode, tree: ConfigTree, path: readonly (string | number)[]): void {
  let at = node;
  let target = tree;
  for (const [index, step] of path.entries()) {
    const child = at.properties?.[step] ?? at.items ?? {};
    const isPlain = child.properties === undefined && child.items?.properties === undefined;
    if (isPlain || index === path.length - 1) {
      target[step] = defaultsOf(child);
      return;
    }
    at = child;
    target = target[step] as ConfigTree;
  }
}

/** `> lode@0.1.0 lode`: npm run writes it to standard output, in front of what the script prints. */
const NPM_BANNER = /^\s*> \S+@\S+ \S+/;

function readToml(file: string): unknown {
  let text: string;
  try {
    text = decodeText(readFileSync(file));
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new ConfigError([`${file} cannot be read (${reason})`]);
  }
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    if (NPM_BANNER.test(text)) {
      throw new ConfigError([
        `${file} begins with what npm prints before it runs a script: write it with ./lode … > ${file}, or npm run --silent`,
      ]);
    }
    // Below its first line the message shows a part of the file, which may hold a secret.
    const reason = error.message.split("\n")[0]?.replace(/^Invalid TOML document: /, "") ?? "";
    throw new ConfigError([`${file}:${error.line}:${error.column}: not valid TOML: ${reason}`]);
  }
}
