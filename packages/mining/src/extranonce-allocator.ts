import { CodedError } from "@lode/ports";

/** Bytes an allocated prefix has: server id 1, index 3. */
export const EXTRANONCE_PREFIX_SIZE = 4;
/** Bytes behind the prefix: an extended channel's to roll, zero in a standard channel. */
export const ROLLABLE_EXTRANONCE_SIZE = 16;
/** Bytes of every full extranonce. All channels of a connection must agree on it (SV2 5.2.3). */
export const FULL_EXTRANONCE_SIZE = EXTRANONCE_PREFIX_SIZE + ROLLABLE_EXTRANONCE_SIZE;

/** A misuse of the allocator. */
export type ExtranonceErrorType = { code: "invalid-server-id" | "invalid-capacity" | "not-allocated" };
/** Thrown by {@link ExtranonceAllocator}. */
export class ExtranonceError extends CodedError<ExtranonceErrorType> {}

/** Gives every channel of this process its own search space. */
export class ExtranonceAllocator {
  constructor(_options: { serverId: number; capacity?: number }) {}
  /** Prefixes in use. */
  get allocated(): number {
    return 0;
  }
  /** 4 bytes, or undefined when all are in use (`channel-capacity-exhausted`). */
  allocate(): Uint8Array | undefined {
    throw new Error("not yet");
  }
  /** Takes a prefix back; its first 4 bytes are looked at, so a channel's whole prefix will do. */
  release(_prefix: Uint8Array): void {
    throw new Error("not yet");
  }
}
