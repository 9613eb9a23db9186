import { CodedError } from "@lode/ports";
import { type Endpoint, explainDialFailure } from "@lode/transport";

/** What keeps a miner from mining. */
export interface PoolTrouble {
  /** Short and stable: `unreachable`. */
  readonly code: string;
  /** For people: what happened, and the likely cause. */
  readonly sentence: string;
}

/** The pool could not be reached or is another one. */
export function dialTrouble(error: unknown, { host, port }: Endpoint): PoolTrouble {
  const explained = explainDialFailure(error, { host, port, what: "the pool", keySetting: "--connect" });
  const code = error instanceof CodedError ? String(error.code) : "error";
  return { code, sentence: explained instanceof Error ? explained.message : String(explained) };
}

const REFUSALS: Readonly<Record<string, string>> = {
  "invalid-user-identity": "that is no address it can pay; is it one of the pool's network?",
  "unknown-user": "it takes ADDRESS or ADDRESS.WORKER, with an address of its network, or a name it knows",
  "channel-capacity-exhausted": "it has as many channels as it takes",
  "no-template": "it has no work yet",
};

/** A channel was refused or closed; the code is the pool's. */
export function channelTrouble(what: "refused" | "closed", code: string, user: string): PoolTrouble {
  const reason = REFUSALS[code];
  if (what === "closed") return { code, sentence: `the pool closed the channel (${code})` };
  return {
    code,
    sentence:
      reason === undefined
        ? `the pool refuses a channel for ${user} (${code})`
        : `the pool refuses ${user} (${code}): ${reason}`,
  };
}

/** A connection ended, or its setup was refused. */
export function connectionTrouble(reason: string): PoolTrouble {
  const [code = reason, setupCode] = reason.split(": ");
  if (setupCode !== undefined) return { code, sentence: `the pool refuses the connection (${setupCode})` };
  if (reason === "peer-closed") return { code, sentence: "the pool closed the connection" };
  return { code, sentence: `the connection to the pool ended (${reason})` };
}

/** A share was refused. */
export function shareTrouble(code: string): PoolTrouble {
  return { code, sentence: `the pool refused a share (${code})` };
}
