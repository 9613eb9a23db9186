import { sv1ServerDefaults } from "@lode/roles";
import { adminSection, authorityKeys, logSection, section } from "@lode/service";
import { defaultLineLimits } from "@lode/transport";
import Type, { type Static } from "typebox";

const upstream = section({
  name: Type.String({
    description: "Name in logs and metrics.",
    default: "pool",
    pattern: "^[a-z0-9-]{1,32}$",
    form: "1 to 32 lower-case letters, digits and hyphens",
  }),
  address: Type.String({ description: "Host of the pool (Stratum V2 over Noise).", default: "127.0.0.1" }),
  port: Type.Integer({ description: "Its port.", default: 3333, minimum: 1, maximum: 65_535 }),
  authorityPubkey: Type.String({
    description: "The pool's authority key, base58check. It may be empty where the pool is on this machine.",
    default: "",
  }),
  acceptAnyKey: Type.Boolean({
    description:
      "Allow an empty authority_pubkey for a pool on another machine: who can answer at its address gets the hash rate.",
    default: false,
  }),
});

const seconds = (description: string, fallback: number, minimum: number, maximum: number) =>
  Type.Integer({ description: `${description}, seconds.`, default: fallback, minimum, maximum });

/** Everything an operator can set on a proxy. Names are the reference translator's where they mean the same. */
export const proxySchema = section({
  proxy: section({
    downstreamAddress: Type.String({
      description: "Where Stratum V1 miners connect: host.",
      default: "0.0.0.0",
    }),
    downstreamPort: Type.Integer({ description: "And port.", default: 3334, minimum: 0, maximum: 65_535 }),
    downstreamExtranonce2Size: Type.Integer({
      description:
        "Bytes of extranonce2, which miners roll. Rented hash rate needs 7 or more; above 8 breaks firmware.",
      default: sv1ServerDefaults.extranonce2Size,
      minimum: 2,
      maximum: 12,
    }),
    userIdentity: Type.String({
      description:
        "The operator's own name at the pool: jobs that miners get before they tell their names belong to it.",
      default: "",
      maxLength: 200,
    }),
    identityPassThrough: Type.Boolean({
      description:
        "True: each miner mines for the name it tells. False: all mine for user_identity, with their worker's name behind it.",
      default: true,
    }),
    answerTimeoutSec: seconds(
      "A share that the pool does not answer within this ends its miner's connection; a false answer would be worse",
      5,
      1,
      60,
    ),
    outageCloseSec: seconds("Without a pool for this long, miners are sent to their backups", 60, 0, 86_400),
    upstreamProbeSec: seconds("Between looks whether a preferred pool is back", 60, 1, 86_400),
    upstreamReturnSec: seconds("How long it must have been back before miners move to it", 300, 0, 86_400),
    drainSec: seconds("Time over which connections are closed on SIGTERM", 20, 0, 600),
  }),
  sv2Downstream: section({
    listenAddress: Type.String({
      description:
        "Where Stratum V2 miners and other proxies connect (over Noise): host:port. Empty: nobody can.",
      default: "",
      pattern: "^(.+:\\d{1,5})?$",
    }),
    ...authorityKeys,
  }),
  downstreamDifficultyConfig: section({
    minIndividualMinerHashrate: Type.Number({
      description:
        "Hash rate that a miner is assumed to have at first, hashes per second; the pool corrects it.",
      default: 10_000_000_000_000,
      minimum: 1,
      maximum: 1e18,
    }),
    sharesPerMinute: Type.Number({
      description: "Shares a minute by which a difficulty that a miner suggests is read as a hash rate.",
      default: 6,
      minimum: 0.1,
      maximum: 600,
    }),
    jobKeepaliveIntervalSecs: seconds(
      "A miner that was told nothing for so long gets its job again",
      sv1ServerDefaults.keepAliveMs / 1000,
      5,
      600,
    ),
  }),
  upstreams: Type.Array(upstream, {
    description: "Pools in order of preference.",
    default: [{ name: "pool", address: "127.0.0.1", port: 3333, authorityPubkey: "", acceptAnyKey: false }],
    minItems: 1,
    maxItems: 16,
  }),
  limits: section({
    maxConnections: Type.Integer({
      description: "Connections of miners in all.",
      default: defaultLineLimits.connections,
      minimum: 1,
      maximum: 1_000_000,
    }),
    maxConnectionsPerSubnet: Type.Integer({
      description: "Connections per IPv4 address or IPv6 /64. Farms stand behind one address.",
      default: defaultLineLimits.connectionsPerSubnet,
      minimum: 1,
      maximum: 1_000_000,
    }),
    newConnectionsBurst: Type.Integer({
      description: "New connections that a subnet may open at once.",
      default: 20_000,
      minimum: 1,
      maximum: 1_000_000,
    }),
    newConnectionsPerSec: Type.Number({
      description: "New connections a second that a subnet may open for ever.",
      default: 50,
      minimum: 0.1,
      maximum: 1e6,
    }),
    authorizeTimeoutSec: seconds(
      "A connection on which nobody is authorized ends after this",
      sv1ServerDefaults.authorizeMs / 1000,
      5,
      3_600,
    ),
    proxyProtocolFrom: Type.Array(Type.String(), {
      description:
        "Addresses and CIDR blocks of load balancers; each of their connections must begin with a PROXY protocol v2 header.",
      default: [],
      maxItems: 256,
    }),
    exemptFrom: Type.Array(Type.String(), {
      description: "Addresses and CIDR blocks that the bounds per subnet do not apply to.",
      default: [],
      maxItems: 256,
    }),
  }),
  admin: adminSection("127.0.0.1:9335"),
  log: logSection,
});

export type ProxyConfig = Static<typeof proxySchema>;
