import { ChainError } from "../chain/chain.ts";
import { hexArgument } from "./arguments.ts";
import { targetJson } from "./block-json.ts";
import { blockTemplate, RESERVED_WEIGHT } from "./block-template.ts";
import { waitForNews } from "./long-poll.ts";
import type { MethodTable, NodeState } from "./node-state.ts";
import { RpcCode, RpcFailure } from "./rpc-failure.ts";

/** Templates in, blocks out. */
export const miningMethods: MethodTable = {
  getblocktemplate: {
    parameters: ["template_request?"],
    async run(node, [given], signal) {
      const request = (given ?? {}) as Record<string, unknown> & TemplateRequest;
      const mode = request.mode ?? "template";
      if (mode === "proposal") return propose(node, request.data);
      if (mode !== "template") throw new RpcFailure(RpcCode.invalidParameter, "Invalid mode");
      if (typeof request.longpollid === "string") await waitForNews(node, request.longpollid, signal);
      if (!Array.isArray(request.rules) || !request.rules.includes("segwit")) {
        throw new RpcFailure(
          RpcCode.invalidParameter,
          'getblocktemplate must be called with the segwit rule set (call with {"rules": ["segwit"]})',
        );
      }
      return blockTemplate(node);
    },
  },
  submitblock: {
    parameters: ["hexdata", "dummy?"],
    run: ({ chain }, [data]) => judge(() => chain.submit(hexArgument(data, "hexdata", UNDECODABLE))),
  },
  getmininginfo: {
    parameters: [],
    run(node) {
      const { chain, mempool, lastTemplate } = node;
      const { tip, parameters } = chain;
      return {
        blocks: tip.height,
        ...(lastTemplate && {
          currentblockweight: lastTemplate.reduce((sum, { weight }) => sum + weight, RESERVED_WEIGHT),
          currentblocktx: lastTemplate.length,
        }),
        ...targetJson(tip.header.nbits),
        networkhashps: networkHashrate(node),
        pooledtx: mempool.size,
        chain: "regtest",
        next: { height: tip.height + 1, ...targetJson(parameters.nbits) },
        warnings: [],
      };
    },
  },
  getnetworkhashps: { parameters: [], run: networkHashrate },
};

interface TemplateRequest {
  mode?: unknown;
  data?: unknown;
  longpollid?: unknown;
  rules?: unknown;
}

const UNDECODABLE = "Block decode failed";

function propose({ chain }: NodeState, data: unknown): string | null {
  if (typeof data !== "string")
    throw new RpcFailure(RpcCode.typeError, "Missing data String key for proposal");
  return judge(() => chain.propose(hexArgument(data, "data", UNDECODABLE)));
}

function judge(verdict: () => string | null): string | null {
  try {
    return verdict();
  } catch (error) {
    if (error instanceof ChainError && error.code === "undecodable-block") {
      throw new RpcFailure(RpcCode.deserializationError, UNDECODABLE);
    }
    throw error;
  }
}

/** Hashes per second that made the last 120 blocks; 0 while there is nothing to measure. */
function networkHashrate({ chain }: NodeState): number {
  const { tip } = chain;
  const first = chain.entryAt(Math.max(1, tip.height - 120));
  if (first === undefined || first === tip) return 0;
  const seconds = Math.max(1, tip.header.ntime - first.header.ntime);
  return Number(tip.chainWork - first.chainWork) / seconds;
}
