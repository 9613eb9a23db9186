import type { FrameHeader } from "@lode/protocol";
import type { FrameConnection, FrameHandler } from "@lode/transport";

/**
 * A connection some of whose frames are taken out before its handler sees them.
 *
 * @param take called with every frame; true keeps it from the handler. `payload` is valid only during the call
 * @param onClose called before the handler's
 */
export function intercept(
  connection: FrameConnection,
  take: (header: FrameHeader, payload: Uint8Array) => boolean,
  onClose: (reason: string) => void,
): FrameConnection {
  return {
    id: connection.id,
    remoteAddress: connection.remoteAddress,
    get queuedBytes() {
      return connection.queuedBytes;
    },
    start: (handler: FrameHandler) =>
      connection.start({
        onFrame(header, payload) {
          if (!take(header, payload)) handler.onFrame(header, payload);
        },
        onClose(reason) {
          onClose(reason);
          handler.onClose(reason);
        },
      }),
    send: (frame) => connection.send(frame),
    flush: () => connection.flush(),
    readReceived: () => connection.readReceived(),
    close: (reason) => connection.close(reason),
    destroy: (reason) => connection.destroy(reason),
  };
}
