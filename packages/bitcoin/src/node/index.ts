export { ChainError, type ChainErrorType, type ChainStatus, checkChain } from "./chain-check.ts";
export {
  type NodeCallOptions,
  NodeOptionsError,
  type NodeOptionsErrorType,
  NodeRpc,
  type NodeRpcOptions,
} from "./node-rpc.ts";
export { NodeRpcError, type NodeRpcErrorType } from "./rpc-error.ts";
