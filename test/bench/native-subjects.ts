/** What the rows about `@lode/native` time. Each backend gets a copy of this module, see `native-rows.ts`. */
import { type FrameCipher, type Native, sealedFrameSize } from "@lode/native";
import { systemRandom } from "@lode/ports";
import { HEADER_SIZE } from "@lode/protocol";
import type { Subject } from "./interleave.ts";
import { benchJob } from "./scripted-templates.ts";

const MESSAGE_SIZE = 24;
const SEALED_HEADER_SIZE = 22;

/** Double SHA-256 of a header. */
export function sha256d(native: Native): Subject {
  const header = systemRandom(80);
  return {
    run(count) {
      for (let call = 0; call < count; call++) native.sha256d(header);
    },
  };
}

/** The full check of an extended share in one call. */
export function shareCheck(native: Native): Subject {
  const { handle, networkTarget } = benchJob(native);
  const [extranonce, hash] = [systemRandom(20), new Uint8Array(32)];
  const target = new Uint8Array(32).fill(0xff);
  let nonce = 0;
  return {
    run(count) {
      for (let call = 0; call < count; call++) {
        handle.checkShare(extranonce, 0x2000_0000, 1_790_000_000, nonce++, target, networkTarget, hash);
      }
    },
  };
}

/** The check of a standard share from its merkle root. */
export function standardShareCheck(native: Native): Subject {
  const { handle, networkTarget } = benchJob(native);
  const [merkleRoot, hash] = [handle.merkleRoot(systemRandom(20)), new Uint8Array(32)];
  const target = new Uint8Array(32).fill(0xff);
  let nonce = 0;
  return {
    run(count) {
      for (let call = 0; call < count; call++) {
        handle.checkStandardShare(
          merkleRoot,
          0x2000_0000,
          1_790_000_000,
          nonce++,
          target,
          networkTarget,
          hash,
        );
      }
    },
  };
}

/** Sealing frames with a payload of 24 bytes. */
export function sealFrames(native: Native): Subject {
  const frame = new Uint8Array(HEADER_SIZE + MESSAGE_SIZE);
  const size = sealedFrameSize(MESSAGE_SIZE);
  let sealed: Buffer;
  let cipher: FrameCipher;
  return {
    prepare(count) {
      sealed = Buffer.alloc(count * size);
      cipher = native.createCipher(new Uint8Array(32));
    },
    run(count) {
      for (let at = 0; at < count * size; at += size) cipher.sealFrame(frame, sealed, at);
    },
  };
}

/** Opening frames with a payload of 24 bytes, header and payload, in order. */
export function openFrames(native: Native): Subject {
  const size = sealedFrameSize(MESSAGE_SIZE);
  const [header, payload] = [new Uint8Array(HEADER_SIZE), new Uint8Array(MESSAGE_SIZE)];
  let sealed: Buffer;
  let cipher: FrameCipher;
  return {
    prepare(count) {
      sealed = Buffer.alloc(count * size);
      const sealer = native.createCipher(new Uint8Array(32));
      const frame = new Uint8Array(HEADER_SIZE + MESSAGE_SIZE);
      for (let at = 0; at < count * size; at += size) sealer.sealFrame(frame, sealed, at);
      cipher = native.createCipher(new Uint8Array(32));
    },
    run(count) {
      for (let at = 0; at < count * size; at += size) {
        const whole =
          cipher.openHeader(sealed, at, header) &&
          cipher.openPayload(sealed, at + SEALED_HEADER_SIZE, MESSAGE_SIZE, payload);
        if (!whole) throw new Error("a frame did not open");
      }
    },
  };
}
