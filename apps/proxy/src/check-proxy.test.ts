import { loadConfig } from "@lode/service";
import { describe, expect, it } from "vitest";
import { checkProxy } from "./check-proxy.ts";
import { proxySchema } from "./config.ts";

const KEY = "9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72";

function found(...set: string[]): Record<string, string> {
  const config = loadConfig({ schema: proxySchema, set: ["proxy.user_identity=a.b", ...set] });
  return Object.fromEntries(checkProxy(config).map(({ key, message }) => [key, message]));
}

describe("the check of a proxy's configuration", () => {
  it.each([
    [],
    ["upstreams.0.address=localhost"],
    ["upstreams.0.address=pool.example", `upstreams.0.authority_pubkey=${KEY}`],
    ["upstreams.0.address=pool.example", "upstreams.0.accept_any_key=true"],
  ])("finds nothing wrong with %j", (...set: string[]) => {
    expect(found(...set)).toEqual({});
  });

  it.each([
    ["upstreams.0.authority_pubkey", ["upstreams.0.address=pool.example"], "accept_any_key"],
    ["upstreams.0.authority_pubkey", ["upstreams.0.authority_pubkey=x"], "the key"],
    ["upstreams.1.name", ["upstreams.1.name=pool"], "the name of another upstream"],
    ["limits.exempt_from", ['limits.exempt_from=["x"]'], "neither an IP address nor a subnet"],
    ["admin.listen_address", ["admin.listen_address=127.0.0.1:3334"], "proxy.downstream_port"],
  ])("finds what is wrong with %s: %j", (key, set, message) => {
    expect(found(...set)).toEqual({ [key]: expect.stringContaining(message) });
  });
});

it("keys that end as Kubernetes' own variables do are read from the environment", () => {
  const env = {
    LODE_PROXY__DOWNSTREAM_PORT: "4444",
    LODE_UPSTREAMS__0__PORT: "5555",
    LODE_PROXY_PORT: "tcp://10.0.0.1:3334",
    LODE_PROXY_PORT_3334_TCP_PORT: "3334",
  };
  const { proxy, upstreams } = loadConfig({ schema: proxySchema, env });
  expect([proxy.downstreamPort, upstreams[0]?.port]).toEqual([4444, 5555]);
});
