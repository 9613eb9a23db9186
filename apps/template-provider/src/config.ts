import Type, { type Static } from "typebox";

/** Everything an operator can set on a template provider. */
export const templateProviderSchema = Type.Object(
  {
    templateProvider: Type.Object(
      {
        listenAddress: Type.String({
          description: "Where pools connect (Template Distribution over Noise).",
          default: "127.0.0.1:8442",
          pattern: "^.+:\\d{1,5}$",
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
        feeDeltaSat: Type.Integer({
          description: "A new template for the same tip is sent when it is worth this much more, satoshi.",
          default: 1_000,
          minimum: 0,
          maximum: 100_000_000,
        }),
        refreshSec: Type.Number({
          description:
            "Pause between looks at the mempool, seconds. Below 5 is useless: the node caches that long.",
          default: 15,
          minimum: 1,
          maximum: 600,
        }),
        tipPollMs: Type.Integer({
          description: "Pause between looks at the best block, the net below the long poll, milliseconds.",
          default: 1_000,
          minimum: 50,
          maximum: 60_000,
        }),
        maxClients: Type.Integer({
          description: "Pools served at once.",
          default: 64,
          minimum: 1,
          maximum: 1_000,
        }),
      },
      { additionalProperties: false },
    ),
    node: Type.Object(
      {
        url: Type.String({
          description: "JSON-RPC address of the Bitcoin node.",
          default: "http://127.0.0.1:8332",
        }),
        cookieFile: Type.String({
          description: "Path of the node's .cookie file. Empty: user and password.",
          default: "",
        }),
        user: Type.String({ description: "RPC user.", default: "" }),
        password: Type.String({ description: "RPC password.", default: "", secret: true }),
        network: Type.Union(
          [
            Type.Literal("mainnet"),
            Type.Literal("testnet"),
            Type.Literal("testnet4"),
            Type.Literal("signet"),
            Type.Literal("regtest"),
          ],
          {
            description: "Network the node must be on: mainnet, testnet, testnet4, signet or regtest.",
            default: "mainnet",
          },
        ),
      },
      { additionalProperties: false },
    ),
    admin: Type.Object(
      {
        listenAddress: Type.String({
          description: "Health and metrics over HTTP: /livez /readyz /startupz /metrics.",
          default: "127.0.0.1:9334",
          pattern: "^.+:\\d{1,5}$",
        }),
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

export type TemplateProviderConfig = Static<typeof templateProviderSchema>;
