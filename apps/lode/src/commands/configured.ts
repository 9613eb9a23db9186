import { authorityPublicKeys, checkPoolServer, poolServerSchema } from "@lode/pool-server";
import { checkProxy, proxySchema } from "@lode/proxy";
import { exampleConfig, formatConfig, type KeyProblem, loadConfig } from "@lode/service";
import { checkTemplateProvider, providerPublicKey, templateProviderSchema } from "@lode/template-provider";
import type { Static, TSchema } from "typebox";
import { type Arguments, flag, type Option, text } from "../command.ts";

/** A command that has a configuration. */
export interface Role<S extends TSchema> {
  readonly schema: S;
  /** What the command cannot start with, beyond what the schema says. */
  readonly check: (config: Static<S>) => readonly KeyProblem[];
  /** What follows from the values of keys, for `--print-config`. */
  readonly notes: (config: Static<S>) => Readonly<Record<string, string>>;
}

/** Written below a secret key. */
function publicKeyNotes(publicKeys: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(publicKeys).map(([key, publicKey]) => [key, `Its public key: ${publicKey}`]),
  );
}

export const poolRole: Role<typeof poolServerSchema> = {
  schema: poolServerSchema,
  check: checkPoolServer,
  notes: (config) => publicKeyNotes(authorityPublicKeys(config)),
};

export const templateProviderRole: Role<typeof templateProviderSchema> = {
  schema: templateProviderSchema,
  check: checkTemplateProvider,
  notes(config) {
    const publicKey = providerPublicKey(config);
    return publicKey === undefined
      ? {}
      : publicKeyNotes({ "template_provider.authority_secret_key": publicKey });
  },
};

export const proxyRole: Role<typeof proxySchema> = {
  schema: proxySchema,
  check: checkProxy,
  notes: () => ({}),
};

/** Of every command: keys of one in the environment are not in the way of another. */
const schemas: readonly TSchema[] = [poolServerSchema, templateProviderSchema, proxySchema];

/** Options that say where a configuration comes from. */
export const sourceOptions: Readonly<Record<string, Option>> = {
  config: { type: "string", short: "c", value: "FILE", help: "TOML configuration file." },
  set: {
    type: "string",
    multiple: true,
    value: "SECTION.KEY=VALUE",
    help: "Set one key; may be repeated. Goes over file and environment.",
  },
};

/** Options of every command that has a configuration. */
export const configOptions: Readonly<Record<string, Option>> = {
  ...sourceOptions,
  "check-config": { type: "boolean", help: "Check all that the start would check, and leave." },
  "print-config": { type: "boolean", help: "Print the configuration in force, without secrets, and leave." },
  "example-config": {
    type: "boolean",
    help: "Print a commented file with every key at its default, and leave.",
  },
};

/**
 * Loads a command's configuration: defaults, file, environment, command line. Null when the user only wanted to look at
 * it, which is done then. @throws ConfigError
 */
export function configured<S extends TSchema>(role: Role<S>, args: Arguments): Static<S> | null {
  if (flag(args, "example-config")) {
    process.stdout.write(exampleConfig(role.schema));
    return null;
  }
  const print = flag(args, "print-config");
  if (print) {
    const config = loadFrom(role.schema, args);
    process.stdout.write(formatConfig(role.schema, config, role.notes(config)));
    if (!flag(args, "check-config")) return null;
  }
  const config = loadFrom(role.schema, args, role.check);
  if (!flag(args, "check-config")) return config;
  if (!print) process.stdout.write("the configuration is valid\n");
  return null;
}

/** The configuration that the sources name. @throws ConfigError */
export function loadFrom<S extends TSchema>(
  schema: S,
  args: Arguments,
  check: Role<S>["check"] = () => [],
): Static<S> {
  const file = text(args, "config") ?? process.env["LODE_CONFIG"];
  const set = args.values["set"];
  return loadConfig({
    schema,
    others: schemas.filter((other) => other !== schema),
    ...(file === undefined ? {} : { file }),
    env: process.env,
    set: Array.isArray(set) ? set.map(String) : [],
    check,
    onWarning: (sentence) => process.stderr.write(`lode: ${sentence}\n`),
  });
}
