import { DependencyError } from "@lode/ports";
import { NodeRpcError } from "./rpc-error.ts";

/** RPC_IN_WARMUP, RPC_CLIENT_NOT_CONNECTED, RPC_CLIENT_IN_INITIAL_DOWNLOAD of Bitcoin Core's rpc/protocol.h. */
const WARMING_UP = -28;
const NOT_CONNECTED = -9;
const INITIAL_DOWNLOAD = -10;
/** Statuses of a proxy or load balancer whose node is away, beside 503. */
const NODE_BEHIND_PROXY_IS_AWAY = new Set([500, 502, 504]);

/** Where a node is, and which setting says so: `node.url`, `--bitcoind`. */
export interface NodePlace {
  readonly endpoint: string;
  readonly setting: string;
}

/** What a failed call means to the operator. Errors of no {@link NodeRpcError} come back as they are. */
export function explainNodeFailure(error: unknown, place: NodePlace): unknown {
  if (!(error instanceof NodeRpcError)) return error;
  const { code, temporary, says } = explanation(error, place.setting);
  return new DependencyError({ code, temporary }, `the node at ${place.endpoint} ${says}`, { cause: error });
}

interface Explanation {
  readonly code: string;
  readonly temporary: boolean;
  readonly says: string;
}

const passing = (code: string, says: string): Explanation => ({ code, temporary: true, says });
const wrong = (code: string, says: string): Explanation => ({ code, temporary: false, says });

function explanation({ type }: NodeRpcError, setting: string): Explanation {
  switch (type.code) {
    case "unreachable":
      return unreachable(type.errno, setting);
    case "timeout":
      return passing(
        "timeout",
        `did not answer within ${Math.round(type.timeoutMs / 1000)} s: is it overloaded, or is ${setting} another program's port?`,
      );
    case "aborted":
      return passing("aborted", "was no longer waited for");
    case "busy":
      return passing(
        "busy",
        "is too busy to answer (HTTP 503): raise rpcworkqueue and rpcthreads if that stays so",
      );
    case "no-cookie":
      return noCookie(type.path, type.errno);
    case "unauthorized":
      return type.status === 403
        ? wrong("forbidden", "refuses this machine (HTTP 403): add its address as rpcallowip to bitcoin.conf")
        : wrong(
            "unauthorized",
            `refuses the credentials (HTTP 401): user and password, or the cookie file, beside ${setting} must be the ones of this node`,
          );
    case "rpc":
      return refused(type.rpcCode, type.rpcMessage, setting);
    case "malformed":
      return malformed(type.status, setting);
    case "too-large":
      return wrong("too-large", `sent an answer above ${type.limit} bytes: is ${setting} a Bitcoin node?`);
  }
}

function unreachable(errno: string, setting: string): Explanation {
  if (/CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(errno)) {
    return wrong(
      "bad-certificate",
      `has a certificate that cannot be trusted (${errno}): correct it, or ${setting}`,
    );
  }
  if (/^(HPE_|EPROTO|ERR_SSL)/.test(errno)) {
    return wrong(
      "not-a-node",
      `does not speak HTTP as asked for (${errno}): correct the scheme or the port in ${setting}`,
    );
  }
  const cause = CAUSES[errno] ?? "no connection";
  return passing(
    "unreachable",
    `cannot be reached (${errno}, ${cause}): is bitcoind running there with server=1, and is ${setting} right?`,
  );
}

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "no name server answers",
  ECONNRESET: "the connection was cut",
  EHOSTUNREACH: "no route",
  ENETUNREACH: "no route",
  ETIMEDOUT: "no answer",
};

function noCookie(path: string, errno: string): Explanation {
  return errno === "ENOENT"
    ? passing(
        "no-cookie",
        `has written no cookie file ${path} yet: is bitcoind running with server=1, and is that path the one of its network?`,
      )
    : wrong(
        "no-cookie",
        `has a cookie file ${path} that cannot be read (${errno}): give this user the right to read it`,
      );
}

function refused(rpcCode: number, message: string, setting: string): Explanation {
  const quoted = `${JSON.stringify(message.slice(0, 200))}`;
  if (rpcCode === WARMING_UP) return passing("warming-up", `is still starting (${quoted})`);
  if (rpcCode === NOT_CONNECTED) {
    return passing(
      "no-peers",
      `has no peers and gives no templates (${quoted}): give it a connection to the network`,
    );
  }
  if (rpcCode === INITIAL_DOWNLOAD) {
    return passing(
      "initial-download",
      `is still catching up with its chain and gives no templates (${quoted})`,
    );
  }
  return wrong(
    "refused",
    `refuses the call with error ${rpcCode} (${quoted}): is ${setting} a Bitcoin Core node?`,
  );
}

function malformed(status: number, setting: string): Explanation {
  return NODE_BEHIND_PROXY_IS_AWAY.has(status)
    ? passing(
        "bad-gateway",
        `cannot be reached through the proxy in front of it (HTTP ${status}): is bitcoind running?`,
      )
    : wrong("not-a-node", `does not answer as a Bitcoin node does (HTTP ${status}): correct ${setting}`);
}
