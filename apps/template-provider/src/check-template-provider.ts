import { describeNode, NodeRpc } from "@lode/bitcoin/node";
import { systemClock } from "@lode/ports";
import { ConfigError, type ConnectionCheck, type KeyProblem, problemOf } from "@lode/service";
import {
  decodeAuthoritySecretKey,
  encodeAuthorityPublicKey,
  keypairFromSecret,
  splitHostPort,
} from "@lode/transport";
import type { TemplateProviderConfig } from "./config.ts";

/** What a template provider cannot start with, beyond what the schema says: everything at once, by the start's own parsers. */
export function checkTemplateProvider(config: TemplateProviderConfig): KeyProblem[] {
  const { templateProvider, admin } = config;
  const problems: KeyProblem[] = [];
  const key = "template_provider.authority_secret_key";
  if (templateProvider.authoritySecretKey === "") {
    const message =
      "is not set: make a key with `lode keys generate --out FILE`, name FILE in authority_secret_key_file";
    problems.push({ key, message });
  } else
    problems.push(...problemOf(key, () => decodeAuthoritySecretKey(templateProvider.authoritySecretKey)));
  problems.push(...problemOf("node", () => nodeRpc(config).close()));
  const { port } = splitHostPort(templateProvider.listenAddress);
  if (port !== 0 && templateProvider.listenAddress === admin.listenAddress) {
    const message = `port ${port} is that of template_provider.listen_address: choose another`;
    problems.push({ key: "admin.listen_address", message });
  }
  return problems;
}

/** What a template provider connects to, to be tried. */
export function providerConnections(config: TemplateProviderConfig): ConnectionCheck[] {
  return [{ key: "node.url", attempt: () => describeNode(nodeRpc(config), config.node.network, "node.url") }];
}

/** @throws ConfigError with everything that {@link checkTemplateProvider} finds */
export function assertTemplateProvider(config: TemplateProviderConfig): void {
  const problems = checkTemplateProvider(config).map(({ key, message }) => `${key}: ${message}`);
  if (problems.length > 0) throw new ConfigError(problems);
}

/** What pools configure as `public_key`; undefined when the secret key cannot be read. */
export function providerPublicKey({ templateProvider }: TemplateProviderConfig): string | undefined {
  try {
    const { publicKey } = keypairFromSecret(decodeAuthoritySecretKey(templateProvider.authoritySecretKey));
    return encodeAuthorityPublicKey(publicKey);
  } catch {
    return undefined;
  }
}

/** The RPC client of the node. @throws NodeOptionsError */
export function nodeRpc({ node }: TemplateProviderConfig): NodeRpc {
  return new NodeRpc({
    url: node.url,
    ...(node.cookieFile === "" ? {} : { cookieFile: node.cookieFile }),
    ...(node.user === "" ? {} : { user: node.user, password: node.password }),
    ports: { clock: systemClock },
  });
}
