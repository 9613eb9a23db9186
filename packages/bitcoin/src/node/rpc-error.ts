import { CodedError } from "@lode/ports";

/** What can go wrong when a node is asked something. */
export type NodeRpcErrorType =
  /** 401 with credentials that are as fresh as can be, or 403 (rpcallowip). */
  | { code: "unauthorized"; status: number }
  /** The cookie file cannot be read: the node is not running, or not where it is looked for. */
  | { code: "no-cookie"; path: string; errno: string }
  /** No connection, or it broke. Whether the node did what was asked is unknown: asking again is the caller's choice. */
  | { code: "unreachable"; errno: string }
  /** No answer in time; as unknown as `unreachable`. */
  | { code: "timeout"; timeoutMs: number }
  /** The caller's signal fired. */
  | { code: "aborted" }
  /** 503: the node's work queue is full. Nothing was done. */
  | { code: "busy" }
  /** The node's own error: `rpcCode` as in Bitcoin Core's rpc/protocol.h (−28 warming up, −8 bad parameter, …). */
  | { code: "rpc"; rpcCode: number; rpcMessage: string }
  /** An answer that is no JSON-RPC answer to this request. */
  | { code: "malformed"; status: number; reason: "json" | "envelope" | "id" }
  /** An answer above the size limit, bytes. */
  | { code: "too-large"; limit: number };

/** Thrown by `NodeRpc`. */
export class NodeRpcError extends CodedError<NodeRpcErrorType> {}
