/** Stratum V1 as lines: what miners send, read leniently, and what a server answers. No I/O and no state but a cut line. */
export {
  clientMethods,
  type Sv1ClientMethod,
  type Sv1MethodName,
  type Sv1Param,
  type Sv1Params,
} from "./client-methods.ts";
export { type ConfigureParams, configureResult, readConfigure, type Sv1Wishes } from "./configure.ts";
export { encodeError, encodeNotification, encodeResult, subscribeResult } from "./encode-line.ts";
export { type FirstBytes, recogniseFirstBytes } from "./first-bytes.ts";
export { LineSplitter, LineTooLong } from "./line-splitter.ts";
export type { ParamType, ParamWriter } from "./param-types.ts";
export { parseSv1Line, type Sv1ClientMessage, type Sv1Request } from "./parse-line.ts";
export { type PasswordOptions, readPassword } from "./password.ts";
export {
  type Sv1ServerMethod,
  type Sv1ServerParam,
  type Sv1ServerValues,
  serverMethods,
} from "./server-methods.ts";
export { Sv1Error, Sv1ErrorCode, type Sv1ErrorNumber, type Sv1ErrorType } from "./sv1-error.ts";
export { sv1Markdown } from "./sv1-markdown.ts";
