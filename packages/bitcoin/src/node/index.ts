export { describeNode } from "./describe-node.ts";
export {
  checkNode,
  type NodeCheckOptions,
  type NodeDoubt,
  type NodeDoubtCode,
  type NodeReport,
  nodeDoubtCodes,
} from "./node-check.ts";
export { explainNodeFailure, type NodePlace } from "./node-failure.ts";
export { NodeMonitor, type NodeMonitorOptions, type NodeState } from "./node-monitor.ts";
export { type NodeCallOptions, NodeRpc, type NodeRpcOptions } from "./node-rpc.ts";
export { NodeOptionsError, type NodeOptionsErrorType, type NodeUrl, parseNodeUrl } from "./node-url.ts";
export { NodeRpcError, type NodeRpcErrorType } from "./rpc-error.ts";
