import type { Socket } from "node:net";
import { foreignPeer } from "./foreign-peer.ts";
import { TransportError } from "./transport-error.ts";

/** Text shorter than this may be a key's first bytes by chance. */
const MIN_TEXT = 16;

/**
 * The next `size` bytes of a socket; anything behind them is put back, and the socket is left paused.
 *
 * @param options `text`: these bytes may be text
 * @throws TransportError `closed-in-handshake`, or `sv1-peer`, `http-peer` or `plaintext-peer` when all that came is printable
 *   text (a key looks random, so that is no key); whatever the socket was destroyed with comes first
 */
export function readExactly(socket: Socket, size: number, options?: { text: boolean }): Promise<Uint8Array> {
  const mayBeText = options?.text ?? false;
  return new Promise((resolve, reject) => {
    const bytes = new Uint8Array(size);
    let have = 0;
    const finish = (error: Error | null): void => {
      socket.pause().off("data", onData).off("end", onGone).off("error", finish).off("close", onGone);
      if (error === null) resolve(bytes);
      else reject(error);
    };
    const onGone = (): void => finish(socket.errored ?? new TransportError({ code: "closed-in-handshake" }));
    const onData = (chunk: Buffer): void => {
      const taken = Math.min(size - have, chunk.length);
      bytes.set(chunk.subarray(0, taken), have);
      have += taken;
      if (!mayBeText && have >= MIN_TEXT && isText(bytes.subarray(0, have))) {
        finish(foreignPeer(bytes.subarray(0, have)));
      } else if (have === size) {
        finish(null);
        if (taken < chunk.length) socket.unshift(chunk.subarray(taken));
      }
    };
    if (socket.destroyed) {
      onGone();
      return;
    }
    socket.on("data", onData).on("end", onGone).on("error", finish).on("close", onGone).resume();
  });
}

function isText(bytes: Uint8Array): boolean {
  return bytes.every(
    (byte) => (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09,
  );
}
