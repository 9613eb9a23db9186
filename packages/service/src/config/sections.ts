import Type, { type TLiteral, type TUnion } from "typebox";
import { hostPortProblem } from "./host-port.ts";
import { refined } from "./refined.ts";

/** A key that names where to listen or connect: `host:port`. */
export const hostPort = (description: string, fallback: string) =>
  refined(Type.String({ description, default: fallback, form: "HOST:PORT" }), hostPortProblem);

/** A key that takes one of a few words. */
export function oneOf<const W extends readonly string[]>(
  description: string,
  words: W,
  fallback: W[number],
): TUnion<{ -readonly [K in keyof W]: TLiteral<W[K]> }> {
  return Type.Union(words.map((word) => Type.Literal(word)) as never, {
    description,
    default: fallback,
  }) as never;
}

/** A table of keys; others are errors. */
export const section = <P extends Parameters<typeof Type.Object>[0]>(keys: P) =>
  Type.Object(keys, { additionalProperties: false });

/** The `[admin]` section of every process. */
export const adminSection = (listenAddress: string) =>
  section({
    listenAddress: hostPort(
      "Health and metrics over HTTP: /livez /readyz /startupz /metrics.",
      listenAddress,
    ),
  });

/** The `[log]` section of every process. */
export const logSection = section({
  level: oneOf("Least level that is logged.", ["debug", "info", "warn", "error"], "info"),
});

/** Keys that say how to reach a Bitcoin node. */
export const nodeKeys = {
  url: Type.String({
    description: "JSON-RPC address of the Bitcoin node.",
    default: "http://127.0.0.1:8332",
    url: true,
  }),
  cookieFile: Type.String({
    description: "Path of the node's .cookie file. Empty: user and password.",
    default: "",
  }),
  user: Type.String({ description: "RPC user.", default: "" }),
  password: Type.String({ description: "RPC password.", default: "", secret: true }),
};

/** Keys of whoever proves to be somebody by an authority key. */
export const authorityKeys = {
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
};

/** Bitcoin's networks, by the names of `@lode/bitcoin`. */
export const networkKey = (description: string) =>
  oneOf(description, ["mainnet", "testnet", "testnet4", "signet", "regtest"], "mainnet");
