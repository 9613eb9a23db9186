import { ConfigError, type KeyProblem, problemOf } from "@lode/service";
import {
  AddressRanges,
  decodeAuthorityPublicKey,
  decodeAuthoritySecretKey,
  isLoopback,
  splitHostPort,
} from "@lode/transport";
import type { ProxyConfig } from "./config.ts";

/** What a proxy cannot start with, beyond what the schema says: everything at once, by the start's own parsers. */
export function checkProxy(config: ProxyConfig): KeyProblem[] {
  const { proxy, upstreams, limits, admin, sv2Downstream } = config;
  const problems: KeyProblem[] = [];
  if (proxy.userIdentity === "") {
    const message = "is not set: name what the pool pays you at, ADDRESS or ADDRESS.WORKER";
    problems.push({ key: "proxy.user_identity", message });
  }
  const names = new Set<string>();
  for (const [index, { name, address, authorityPubkey, acceptAnyKey }] of upstreams.entries()) {
    if (names.has(name)) {
      const message = `${name} is the name of another upstream too: give each its own`;
      problems.push({ key: `upstreams.${index}.name`, message });
    }
    names.add(name);
    const key = `upstreams.${index}.authority_pubkey`;
    if (authorityPubkey !== "")
      problems.push(...problemOf(key, () => decodeAuthorityPublicKey(authorityPubkey)));
    else if (!acceptAnyKey && !isLoopback(address)) {
      const message = `is empty, and ${address} is not this machine: anyone who can answer there would get the hash rate. Set the key that the pool publishes, or accept_any_key = true`;
      problems.push({ key, message, restsOn: [`upstreams.${index}.address`] });
    }
  }
  if (sv2Downstream.listenAddress !== "") {
    const key = "sv2_downstream.authority_secret_key";
    if (sv2Downstream.authoritySecretKey === "") {
      const message =
        "is not set: make a key with `lode keys generate --out FILE`, name FILE in authority_secret_key_file";
      problems.push({ key, message });
    } else problems.push(...problemOf(key, () => decodeAuthoritySecretKey(sv2Downstream.authoritySecretKey)));
  }
  problems.push(
    ...problemOf("limits.proxy_protocol_from", () => new AddressRanges(limits.proxyProtocolFrom)),
    ...problemOf("limits.exempt_from", () => new AddressRanges(limits.exemptFrom)),
  );
  if (proxy.downstreamPort !== 0 && splitHostPort(admin.listenAddress).port === proxy.downstreamPort) {
    const message = `port ${proxy.downstreamPort} is that of proxy.downstream_port: choose another`;
    problems.push({ key: "admin.listen_address", message });
  }
  return problems;
}

/** @throws ConfigError with everything that {@link checkProxy} finds */
export function assertProxy(config: ProxyConfig): void {
  const problems = checkProxy(config).map(({ key, message }) => `${key}: ${message}`);
  if (problems.length > 0) throw new ConfigError(problems);
}
