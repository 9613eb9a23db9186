import { DEFAULT_BATCH_DAYS } from "@lode/ledger";
import { MAX_TAG_LENGTH } from "@lode/mining";
import {
  adminSection,
  authorityKeys,
  hostPort,
  logSection,
  networkKey,
  nodeKeys,
  oneOf,
  refined,
  section,
} from "@lode/service";
import Type, { type Static } from "typebox";
import { accountsSection } from "./accounts-config.ts";
import { extensionKeys, unsupportedRequirement } from "./extension-keys.ts";
import { limitsSection } from "./limits-section.ts";
import { payoutSection } from "./payout-section.ts";

const name = (description: string, fallback: string) =>
  Type.String({
    description,
    default: fallback,
    pattern: "^[a-z0-9-]{1,32}$",
    form: "1 to 32 lower-case letters, digits and hyphens",
  });

function tooLongTag(tag: string): string | null {
  const bytes = Buffer.byteLength(tag);
  return bytes > MAX_TAG_LENGTH ? `is ${bytes} bytes long in UTF-8, at most ${MAX_TAG_LENGTH} fit` : null;
}

const templateSource = section({
  name: name("Name in logs and metrics.", "local"),
  address: hostPort("Template Distribution server: lode template-provider or sv2-tp.", "127.0.0.1:8442"),
  publicKey: Type.String({
    description:
      "Authority key of the server, base58check. It may be empty where the server is on this machine.",
    default: "",
  }),
  acceptAnyKey: Type.Boolean({
    description:
      "Allow an empty public_key for a server on another machine: who can answer at its address can make the pool mine anything.",
    default: false,
  }),
});

/** A further port with a key of its own. */
const listener = section({
  listenAddress: hostPort("Where miners connect.", "0.0.0.0:3334"),
  authoritySecretKey: authorityKeys.authoritySecretKey,
});

const poolSection = refined(
  section({
    network: networkKey("Bitcoin network."),
    listenAddress: hostPort("Where miners connect (SV2 over Noise).", "0.0.0.0:3333"),
    authorityPublicKey: Type.String({
      description: "Authority key that miners configure, base58check. Checked against the secret key if set.",
      default: "",
    }),
    ...authorityKeys,
    coinbaseRewardScript: Type.String({
      description: "Who receives the block reward: an address, addr(ADDRESS) or raw(SCRIPT HEX).",
      default: "",
    }),
    poolSignature: refined(
      Type.String({
        description: "Tag in the coinbase, at most 60 bytes.",
        default: "Lode",
        maxLength: MAX_TAG_LENGTH,
      }),
      tooLongTag,
    ),
    serverId: Type.Integer({
      description: "First extranonce byte; must differ between pool servers that mine on the same templates.",
      default: 1,
      minimum: 0,
      maximum: 255,
    }),
    sharesPerMinute: Type.Number({
      description: "Shares a minute that each channel's target aims at.",
      default: 6,
      minimum: 0.1,
      maximum: 600,
    }),
    minDifficulty: Type.Number({
      description:
        "Easiest share difficulty the pool gives, whatever a miner's hash rate; bounds how fast shares come.",
      default: 0.000244140625,
      minimum: 1e-9,
      maximum: 1e15,
    }),
    ...extensionKeys,
    drainSec: Type.Integer({
      description: "Time over which connections are closed on SIGTERM, seconds.",
      default: 20,
      minimum: 0,
      maximum: 600,
    }),
    confirmNodes: Type.Integer({
      description:
        "Nodes that must agree on what became of a found block; with fewer [[nodes]], all of them must. A node that is away or catching up has no say.",
      default: 2,
      minimum: 1,
      maximum: 100,
    }),
    listeners: Type.Array(listener, {
      description:
        "Further ports, each with an authority key of its own: while a key is changed, miners that know the old one and miners that know the new one are both served.",
      default: [],
      maxItems: 8,
    }),
    dataDir: Type.String({ description: "Where found blocks are kept as files.", default: "./lode-data" }),
  }),
  unsupportedRequirement,
);

/** Everything an operator can set on a pool server. */
export const poolServerSchema = section({
  pool: poolSection,
  accounts: accountsSection,
  payout: payoutSection,
  limits: limitsSection,
  templates: section({
    sources: Type.Array(templateSource, {
      description: "Template servers in order of preference; all stay connected, one is active.",
      default: [{ name: "local", address: "127.0.0.1:8442", publicKey: "", acceptAnyKey: false }],
      minItems: 1,
      maxItems: 16,
    }),
    firstTemplateSec: Type.Integer({
      description: "A server that sends no template within this time is connected to anew, seconds.",
      default: 30,
      minimum: 1,
      maximum: 3600,
    }),
    outageRefuseSec: Type.Integer({
      description: "Without templates for this long, no new channels are opened, seconds.",
      default: 30,
      minimum: 0,
      maximum: 3600,
    }),
    outageCloseSec: Type.Integer({
      description: "Without templates for this long, miners are sent to their backups, seconds.",
      default: 120,
      minimum: 0,
      maximum: 86_400,
    }),
  }),
  nodes: Type.Array(section({ name: name("Name in logs.", "node"), ...nodeKeys }), {
    description:
      "Nodes that get every found block by submitblock, besides its template source. Configure at least one: SubmitSolution has no answer, and a template server that does not fit its node loses blocks silently.",
    default: [],
    maxItems: 16,
  }),
  database: section({
    url: Type.String({
      description:
        "Postgres that records the shares: postgres://user:password@host:port/database. The server itself or a pooler in session mode, no other pooler.",
      default: "postgres://lode@127.0.0.1:5432/lode",
      secret: true,
      url: true,
    }),
    commitTimeoutMs: Type.Integer({
      description:
        "A commit without an answer for this long is sent again on a new connection, milliseconds.",
      default: 2000,
      minimum: 100,
      maximum: 60_000,
    }),
    migrate: oneOf(
      "auto: the start applies the migrations that are missing. verify: it waits until somebody has, with `lode db migrate`.",
      ["auto", "verify"],
      "auto",
    ),
    waitSec: Type.Integer({
      description:
        "The start waits this long for a database that is not there yet, seconds. 0: for as long as it takes.",
      default: 0,
      minimum: 0,
      maximum: 86_400,
    }),
    sharedOutageNotReadySec: Type.Integer({
      description:
        "A database that is away for this long makes the pool not ready, seconds. 0: never, as it is away for every pool server at once, and load balancers may cut the connections of servers that are not ready.",
      default: 0,
      minimum: 0,
      maximum: 86_400,
    }),
  }),
  retention: section({
    batchDays: Type.Integer({
      description:
        "Whole UTC days before today for which share batches are kept. Those in no books yet are kept in any case.",
      default: DEFAULT_BATCH_DAYS,
      minimum: 1,
      maximum: 36_500,
    }),
  }),
  admin: adminSection("127.0.0.1:9333"),
  log: logSection,
});

export type PoolServerConfig = Static<typeof poolServerSchema>;
