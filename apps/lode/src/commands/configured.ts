import { checkPayouts, payoutsConnections, payoutsSchema } from "@lode/payouts";
import { authorityPublicKeys, checkPoolServer, poolConnections, poolServerSchema } from "@lode/pool-server";
import { checkProxy, proxyConnections, proxySchema } from "@lode/proxy";
import {
  type ConnectionCheck,
  checkConnections,
  ExitCode,
  ExitError,
  exampleConfig,
  formatConfig,
  type KeyProblem,
  loadConfig,
} from "@lode/service";
import {
  checkTemplateProvider,
  providerConnections,
  providerPublicKey,
  templateProviderSchema,
} from "@lode/template-provider";
import type { Static, TSchema } from "typebox";
import { type Arguments, flag, type Option, text } from "../command.ts";

/** A command that has a configuration. */
export interface Role<S extends TSchema> {
  readonly schema: S;
  /** What the command cannot start with, beyond what the schema says. */
  readonly check: (config: Static<S>) => readonly KeyProblem[];
  /** What follows from the values of keys, for `--print-config`. */
  readonly notes: (config: Static<S>) => Readonly<Record<string, string>>;
  /** What the command connects to, for `--connect`. */
  readonly connections: (config: Static<S>) => readonly ConnectionCheck[];
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
  connections: poolConnections,
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
  connections: providerConnections,
};

export const proxyRole: Role<typeof proxySchema> = {
  schema: proxySchema,
  check: checkProxy,
  notes: () => ({}),
  connections: proxyConnections,
};

export const payoutsRole: Role<typeof payoutsSchema> = {
  schema: payoutsSchema,
  check: checkPayouts,
  notes: () => ({}),
  connections: payoutsConnections,
};

/** Of every command: keys of one in the environment are not in the way of another. */
const schemas: readonly TSchema[] = [poolServerSchema, templateProviderSchema, proxySchema, payoutsSchema];

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
  connect: {
    type: "boolean",
    help: "With --check-config: also try everything that the command connects to.",
  },
  "print-config": { type: "boolean", help: "Print the configuration in force, without secrets, and leave." },
  "example-config": {
    type: "boolean",
    help: "Print a commented file with every key at its default, and leave.",
  },
};

/**
 * Loads a command's configuration: defaults, file, environment, command line. An exit code when the user only wanted to look
 * at it, which is done then. @throws ConfigError
 */
export async function configured<S extends TSchema>(
  role: Role<S>,
  args: Arguments,
): Promise<{ readonly config: Static<S> } | { readonly exitCode: ExitCode }> {
  const done = { exitCode: ExitCode.ok };
  if (flag(args, "example-config")) {
    process.stdout.write(exampleConfig(role.schema));
    return done;
  }
  const [print, check, connect] = ["print-config", "check-config", "connect"].map((name) => flag(args, name));
  if (connect && !check) throw new ExitError(ExitCode.usage, "--connect goes with --check-config");
  if (print) {
    const config = loadFrom(role.schema, args);
    process.stdout.write(formatConfig(role.schema, config, role.notes(config)));
    if (!check) return done;
  }
  const config = loadFrom(role.schema, args, role.check);
  if (!check) return { config };
  if (!print) process.stdout.write("the configuration is valid\n");
  if (!connect) return done;
  return {
    exitCode: await checkConnections(
      role.connections(config),
      (line) => void process.stdout.write(`${line}\n`),
    ),
  };
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
