/**
 * The hot paths: double SHA-256, the share check, encrypted frames, bytes to a socket and ElligatorSwift. One contract, two
 * backends: the C++ addon and a JavaScript stand-in for machines without a compiler.
 */
export * from "./contract.ts";
export type { NativeChoice } from "./load-native.ts";
export { loadNative, native, nativeEnvironment } from "./load-native.ts";
export { NativeError } from "./native-error.ts";
