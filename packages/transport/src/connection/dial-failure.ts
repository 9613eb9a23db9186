import { isIPv6 } from "node:net";
import { DependencyError } from "@lode/ports";
import { HandshakeError } from "../noise/handshake-error.ts";
import { TransportError } from "./transport-error.ts";

/** Who was dialled, for the message. */
export interface DialledPeer {
  readonly host: string;
  readonly port: number;
  /** `the pool`, `the template server`. */
  readonly what: string;
  /** Where the authority key is written: `--connect`, `templates.sources.0.public_key`. */
  readonly keySetting: string;
}

/** What `dial` threw, as one sentence for people: what, where, the likely cause and what to do. Other errors come back as they are. */
export function explainDialFailure(error: unknown, peer: DialledPeer): unknown {
  const at = `${isIPv6(peer.host) ? `[${peer.host}]` : peer.host}:${peer.port}`;
  const failure =
    error instanceof TransportError
      ? ofTransport(error, peer, at)
      : error instanceof HandshakeError
        ? ofHandshake(error, peer, at)
        : null;
  if (failure === null) return error;
  const code = (error as TransportError | HandshakeError).code;
  return new DependencyError({ code, temporary: failure.temporary }, failure.sentence, { cause: error });
}

interface DialFailure {
  readonly sentence: string;
  /** True when it may pass by itself. */
  readonly temporary: boolean;
}

const passing = (sentence: string): DialFailure => ({ sentence, temporary: true });
const lasting = (sentence: string): DialFailure => ({ sentence, temporary: false });

function ofTransport({ type }: TransportError, { what, host }: DialledPeer, at: string): DialFailure | null {
  switch (type.code) {
    case "unreachable":
      if (type.cause === "ECONNREFUSED")
        return passing(
          `nothing listens at ${at} (ECONNREFUSED): is ${what} running, and are host and port right?`,
        );
      if (type.cause === "ENOTFOUND" || type.cause === "EAI_AGAIN")
        return passing(`there is no host ${host} (${type.cause}): is the name right?`);
      if (type.cause === "ECONNRESET" || type.cause === "EPIPE") return closed(what, at);
      return passing(
        `${at} cannot be reached (${type.cause}): is ${what} on this network, and does a firewall let it through?`,
      );
    case "connect-timeout":
      return passing(
        `${at} does not answer: is ${what} on this network, and does a firewall let it through?`,
      );
    case "handshake-timeout":
      return passing(`${at} does not answer the handshake: is that the Stratum V2 port of ${what}?`);
    case "closed-in-handshake":
      return closed(what, at);
    default:
      return null;
  }
}

function closed(what: string, at: string): DialFailure {
  return passing(
    `${at} closed the connection in the handshake: is that the Stratum V2 port of ${what}, and has it banned this address?`,
  );
}

function ofHandshake(
  { type }: HandshakeError,
  { what, keySetting }: DialledPeer,
  at: string,
): DialFailure | null {
  switch (type.code) {
    case "wrong-authority":
      return lasting(
        `${at} has another authority key than ${keySetting} says: take the key that ${what} prints at its start; unless it was changed, somebody else answers there`,
      );
    case "expired":
    case "not-yet-valid":
      return passing(`the certificate of ${at} is not valid at this machine's time: are both clocks right?`);
    case "bad-length":
    case "forged":
    case "unsupported-certificate":
      return lasting(`what answers at ${at} does not speak Stratum V2: is that the port of ${what}?`);
    default:
      return null;
  }
}
