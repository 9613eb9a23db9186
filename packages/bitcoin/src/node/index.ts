export { ChainError, type ChainErrorType, type ChainStatus, checkChain } from "./chain-check.ts";
export { type NodeCallOptions, NodeRpc, type NodeRpcOptions } from "./node-rpc.ts";
export { NodeOptionsError, type NodeOptionsErrorType, type NodeUrl, parseNodeUrl } from "./node-url.ts";
export { NodeRpcError, type NodeRpcErrorType } from "./rpc-error.ts";
