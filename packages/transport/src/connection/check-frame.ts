import { HEADER_SIZE } from "@lode/protocol";
import { TransportError } from "./transport-error.ts";

/**
 * Refuses a frame whose header does not tell its payload's length: the peer would lose its place in the stream for good.
 *
 * @throws TransportError `bad-frame`
 */
export function checkFrame(frame: Uint8Array): void {
  const actual = frame.length - HEADER_SIZE;
  const declared = actual < 0 ? 0 : frame[3]! | (frame[4]! << 8) | (frame[5]! << 16);
  if (declared !== actual) throw new TransportError({ code: "bad-frame", declared, actual });
}
