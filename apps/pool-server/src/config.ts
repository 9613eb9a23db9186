import Type, { type Static } from "typebox";

const address = (description: string, fallback: string) =>
  Type.String({ description, default: fallback, pattern: "^.+:\\d{1,5}$" });

const templateSource = Type.Object(
  {
    name: Type.String({
      description: "Name in logs and metrics.",
      default: "local",
      pattern: "^[a-z0-9-]{1,32}$",
    }),
    address: address("Template Distribution server: lode template-provider or sv2-tp.", "127.0.0.1:8442"),
    publicKey: Type.String({
      description:
        "Authority key of the server, base58check. Empty: its certificate is not checked, for loopback only.",
      default: "",
    }),
  },
  { additionalProperties: false },
);

const node = Type.Object(
  {
    name: Type.String({ description: "Name in logs.", default: "node", pattern: "^[a-z0-9-]{1,32}$" }),
    url: Type.String({
      description: "JSON-RPC address of a Bitcoin node that found blocks are given to.",
      default: "http://127.0.0.1:8332",
    }),
    cookieFile: Type.String({
      description: "Path of the node's .cookie file. Empty: user and password.",
      default: "",
    }),
    user: Type.String({ description: "RPC user.", default: "" }),
    password: Type.String({ description: "RPC password.", default: "", secret: true }),
  },
  { additionalProperties: false },
);

/** Everything an operator can set on a pool server. */
export const poolServerSchema = Type.Object(
  {
    pool: Type.Object(
      {
        network: Type.Union(
          [
            Type.Literal("mainnet"),
            Type.Literal("testnet"),
            Type.Literal("testnet4"),
            Type.Literal("signet"),
            Type.Literal("regtest"),
          ],
          {
            description: "Bitcoin network: mainnet, testnet, testnet4, signet or regtest.",
            default: "mainnet",
          },
        ),
        listenAddress: address("Where miners connect (SV2 over Noise).", "0.0.0.0:3333"),
        authorityPublicKey: Type.String({
          description:
            "Authority key that miners configure, base58check. Checked against the secret key if set.",
          default: "",
        }),
        authoritySecretKey: Type.String({
          description: "Secret part of the authority key, base58check. Make one with: lode keys generate",
          default: "",
          secret: true,
        }),
        certValiditySec: Type.Integer({
          description: "Validity of the server's certificate, seconds; renewed at half of it.",
          default: 86_400,
          minimum: 60,
          maximum: 31_536_000,
        }),
        coinbaseRewardScript: Type.String({
          description: "Who receives the block reward: an address, addr(ADDRESS) or raw(SCRIPT HEX).",
          default: "",
        }),
        poolSignature: Type.String({
          description: "Tag in the coinbase, at most 60 bytes.",
          default: "Lode",
          maxLength: 60,
        }),
        serverId: Type.Integer({
          description:
            "First extranonce byte; must differ between pool servers that mine on the same templates.",
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
        drainSec: Type.Integer({
          description: "Time over which connections are closed on SIGTERM, seconds.",
          default: 20,
          minimum: 0,
          maximum: 600,
        }),
        dataDir: Type.String({
          description: "Where found blocks are kept as files.",
          default: "./lode-data",
        }),
      },
      { additionalProperties: false },
    ),
    templates: Type.Object(
      {
        sources: Type.Array(templateSource, {
          description: "Template servers in order of preference; all stay connected, one is active.",
          default: [{ name: "local", address: "127.0.0.1:8442", publicKey: "" }],
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
      },
      { additionalProperties: false },
    ),
    nodes: Type.Array(node, {
      description: "Nodes that get every found block by submitblock, besides the template's own source.",
      default: [],
      maxItems: 16,
    }),
    database: Type.Object(
      {
        url: Type.String({
          description: "Postgres that records the shares: postgres://user:password@host:port/database",
          default: "postgres://lode@127.0.0.1:5432/lode",
          secret: true,
        }),
        commitTimeoutMs: Type.Integer({
          description:
            "A commit without an answer for this long is sent again on a new connection, milliseconds.",
          default: 2000,
          minimum: 100,
          maximum: 60_000,
        }),
      },
      { additionalProperties: false },
    ),
    admin: Type.Object(
      {
        listenAddress: address(
          "Health and metrics over HTTP: /livez /readyz /startupz /metrics.",
          "127.0.0.1:9333",
        ),
      },
      { additionalProperties: false },
    ),
    log: Type.Object(
      {
        level: Type.Union(
          [Type.Literal("debug"), Type.Literal("info"), Type.Literal("warn"), Type.Literal("error")],
          { description: "Least level that is logged: debug, info, warn or error.", default: "info" },
        ),
      },
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

export type PoolServerConfig = Static<typeof poolServerSchema>;
