/**
 * The hot paths: double SHA-256, the share check, encrypted frames and bytes to a socket. One contract, two backends: the
 * C++ addon and a JavaScript stand-in for machines without a compiler.
 */
export * from "./contract.ts";
export type { NativeChoice } from "./load-native.ts";
export { loadNative, native } from "./load-native.ts";
export { NativeError } from "./native-error.ts";
