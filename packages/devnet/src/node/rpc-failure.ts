import { CodedError } from "@lode/ports";

/** Error numbers of Bitcoin Core's `rpc/protocol.h` that this node uses. */
export const RpcCode = {
  invalidRequest: -32600,
  methodNotFound: -32601,
  internalError: -32603,
  parseError: -32700,
  miscError: -1,
  typeError: -3,
  invalidAddressOrKey: -5,
  invalidParameter: -8,
  clientNotConnected: -9,
  deserializationError: -22,
  verifyError: -25,
  verifyRejected: -26,
  verifyAlreadyInUtxoSet: -27,
  inWarmup: -28,
} as const;

/** An error that goes to the caller as it is. */
export class RpcFailure extends CodedError<{ code: "rpc"; rpcCode: number }> {
  constructor(rpcCode: number, message: string) {
    super({ code: "rpc", rpcCode }, message);
  }
}
