import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkPoolServer, poolServerSchema } from "@lode/pool-server";
import { systemRandom } from "@lode/ports";
import { proxySchema } from "@lode/proxy";
import { loadConfig } from "@lode/service";
import { checkTemplateProvider, templateProviderSchema } from "@lode/template-provider";
import { encodeAuthorityPublicKey, encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const root = join(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly stop_grace_period?: string;
}

const compose = parse(read("docker-compose.yml"), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
};
const pair = generateKeypair(systemRandom);
/** What an operator may have written into .env. */
const env: Readonly<Record<string, string>> = {
  NETWORK: "regtest",
  PAYOUT_ADDRESS: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
  POSTGRES_PASSWORD: "0123456789abcdef",
  RPC_PASSWORD: "fedcba9876543210",
  TEMPLATE_PROVIDER_PUBLIC_KEY: encodeAuthorityPublicKey(pair.publicKey),
};
const used = new Set<string>();
/** Compose's interpolation: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`. */
function filled(text: string): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_all, name: string, kind?: string, rest = "") => {
    used.add(name);
    return env[name] ?? (kind === "-" ? rest : `UNSET ${name}`);
  });
}

function environment(service: string): Record<string, string> {
  const image = [...read("Dockerfile").matchAll(/\b(LODE_\w+)=(\S+)/g)].map(([, name, value]) => [
    name,
    value,
  ]);
  const own = Object.entries(compose.services[service]?.environment ?? {});
  return Object.fromEntries([...image, ...own.map(([name, value]) => [name, filled(value)])]);
}

const secrets = { readFile: () => encodeAuthoritySecretKey(pair.secretKey) };

describe("docker-compose.yml", () => {
  it("gives the pool a configuration that it starts with", () => {
    const config = loadConfig({
      schema: poolServerSchema,
      others: [templateProviderSchema, proxySchema],
      env: { ...environment("pool"), LODE_POOL__DATA_DIR: "lode-data" },
      ...secrets,
      check: checkPoolServer,
    });
    expect(config.templates.sources.map(({ address }) => address)).toEqual(["template-provider:8442"]);
    expect(config.nodes.map(({ url }) => url)).toEqual(["http://bitcoind:8332"]);
    expect(config.admin.listenAddress).toBe("0.0.0.0:9333");
    const grace = Number.parseInt(compose.services["pool"]?.stop_grace_period ?? "", 10);
    expect(grace).toBeGreaterThanOrEqual(2 * config.pool.drainSec + 15);
  });

  it("gives the template provider a configuration that it starts with", () => {
    const config = loadConfig({
      schema: templateProviderSchema,
      others: [poolServerSchema, proxySchema],
      env: environment("template-provider"),
      ...secrets,
      check: checkTemplateProvider,
    });
    expect(config.templateProvider.listenAddress).toBe("0.0.0.0:8442");
  });

  it("checks the health of every service that stays, and starts each after what it needs", () => {
    for (const [name, service] of Object.entries(compose.services)) {
      if (name === "keys") continue;
      expect(service.healthcheck?.test.length, name).toBeGreaterThan(1);
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(compose.services, name).toHaveProperty([other]);
        expect(["service_healthy", "service_started"]).toContain(condition);
      }
    }
    expect(compose.services["pool"]?.depends_on?.["postgres"]?.condition).toBe("service_healthy");
  });

  it("names every image exactly and mounts what exists", () => {
    for (const [name, { image, volumes = [] }] of Object.entries(compose.services)) {
      expect(filled(image), name).toMatch(/:[\w.-]+$/);
      expect(filled(image), name).not.toMatch(/:latest$/);
      for (const volume of volumes) {
        const [source = ""] = volume.split(":");
        if (source.startsWith(".")) expect(existsSync(join(root, source)), volume).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
    }
  });

  it("takes from .env what the example has, and images", () => {
    filled(read("docker-compose.yml").replaceAll(/^ *#.*$/gm, ""));
    const example = [...read("deploy/compose.env.example").matchAll(/^(\w+)=/gm)].map(([, name]) => name!);
    const taken = [...used].filter((name) => !name.endsWith("_IMAGE"));
    expect(example.filter((name) => name !== "COMPOSE_PROFILES").sort()).toEqual(taken.sort());
  });
});

describe("deploy/systemd", () => {
  const schemas = [poolServerSchema, templateProviderSchema, proxySchema] as const;
  const units = readdirSync(join(root, "deploy/systemd"));

  it.each(units)("%s sets keys that exist and waits for the drain", (unit) => {
    const text = read(`deploy/systemd/${unit}`);
    const variables = [...text.matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    const [schema, ...others] = unit.includes("template-provider")
      ? [templateProviderSchema, poolServerSchema, proxySchema]
      : schemas;
    loadConfig({ schema: schema as typeof poolServerSchema, others, env: Object.fromEntries(variables) });
    const { drainSec } = loadConfig({ schema: poolServerSchema }).pool;
    const stop = Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1]);
    expect(stop).toBeGreaterThanOrEqual(unit.includes("pool") ? 2 * drainSec + 15 : 15);
    expect(text).toMatch(/^User=lode$/m);
  });
});

describe("Dockerfile", () => {
  const stages = read("Dockerfile")
    .split(/^FROM /m)
    .slice(1);

  it("runs as a user who is not root, and starts lode without a shell form", () => {
    const last = stages.at(-1)!;
    expect(last).toMatch(/^USER 10001:10001$/m);
    expect(last).toMatch(/^ENTRYPOINT \["\/usr\/local\/bin\/lode"\]$/m);
    expect(last).not.toMatch(/^COPY \. /m);
    expect(last).not.toContain("npm ci");
  });

  it("copies from the tree only what .dockerignore lets in", () => {
    const allowed = [...read(".dockerignore").matchAll(/^!(\S+)$/gm)].map(([, path]) => path!);
    const copied = [...stages[0]!.matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, paths]) => paths!.split(" "));
    expect(copied.sort()).toEqual(allowed.sort());
    for (const path of allowed) expect(existsSync(join(root, path)), path).toBe(true);
  });
});
