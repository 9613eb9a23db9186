import type { Clock, Logger } from "@lode/ports";

/** One notice of a kind in this time, milliseconds; what comes meanwhile is counted. */
const PAUSE_MS = 60_000;
/** Kinds that are remembered; beyond that the oldest is forgotten. */
const MOST_KINDS = 100;

type Fields = Readonly<Record<string, unknown>>;

/** Failures of a handshake that say what the client is. */
const FOREIGN: Readonly<Record<string, string>> = {
  "sv1-peer":
    "a Stratum V1 miner knocked at the Stratum V2 port: choose SV2 in its settings, or use the Stratum V1 port",
  "http-peer": "a browser or another HTTP client knocked: this port is for miners alone",
  "tls-peer": "a TLS client knocked: Stratum V2 brings its own encryption, use the URL without TLS",
  "plaintext-peer": "a client knocked that speaks no Stratum V2",
  "early-data": "a client knocked that speaks no Stratum V2",
};

/**
 * Says at once and in plain words, for the person in front of `lode dev`, which clients are turned away and what to do about
 * it. Listens to the log lines that tell it.
 *
 * @param say writes one line
 */
export function clientNotices(
  logger: Logger,
  clock: Pick<Clock, "monotonic">,
  say: (line: string) => void,
): Logger {
  const kinds = new Map<string, { at: number; more: number }>();
  const notice = (text: string): void => {
    const now = clock.monotonic();
    const known = kinds.get(text);
    if (known !== undefined && now - known.at < PAUSE_MS) {
      known.more += 1;
      return;
    }
    kinds.delete(text);
    kinds.set(text, { at: now, more: 0 });
    if (kinds.size > MOST_KINDS) kinds.delete(kinds.keys().next().value!);
    const more = known === undefined || known.more === 0 ? "" : ` (and ${known.more} more since)`;
    say(`${text}${more}`);
  };
  return {
    info(fields: Fields, text: string) {
      const words = textOf(fields, text);
      if (words !== undefined) notice(words);
      logger.info(fields, text);
    },
    debug: logger.debug.bind(logger),
    warn: logger.warn.bind(logger),
    error: logger.error.bind(logger),
  };
}

/** The notice for a log line, undefined for lines that are none of a person's business. */
function textOf(fields: Fields, text: string): string | undefined {
  const from = typeof fields["remote_address"] === "string" ? ` (${fields["remote_address"]})` : "";
  if (text === "handshake failed") {
    const what = FOREIGN[String(fields["reason"])];
    return what === undefined ? undefined : `${what}${from}`;
  }
  if (text === "connection refused") return `a connection was refused: ${String(fields["reason"])}${from}`;
  if (text === "channel refused") {
    return `a miner was refused: user name "${String(fields["user_identity"])}" is ${String(fields["detail"])}`;
  }
  if (text === "client refused") return `a miner was refused: ${String(fields["reason"])}${from}`;
  return undefined;
}
