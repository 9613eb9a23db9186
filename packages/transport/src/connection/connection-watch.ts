import type { Socket } from "node:net";
import type { Clock, Timer } from "@lode/ports";
import type { Ticket } from "./admission.ts";
import type { SocketConnection } from "./socket-connection.ts";

/** Told how the connections of a listener behave: what bans are made of. */
export interface ConnectionWatch {
  /** A connection has proven itself: it has been open for a minute and has sent as much as a miner at work. */
  proven(remoteAddress: string): void;
  /** A connection ended after its handshake. `proven` tells whether the other call was made for it. */
  ended(remoteAddress: string, reason: string, proven: boolean): void;
}

/** Between two looks at a connection that has not proven itself yet, milliseconds. */
export const PROVEN_AFTER_MS = 60_000;

/** SetupConnection, a channel, a share. */
export const PROVEN_FRAMES = 3;

/** Follows one connection, handshake done, to its end: tells `watch`, and the ticket when it has proven itself. */
export function watchConnection(
  connection: SocketConnection,
  socket: Socket,
  { ticket, clock, watch }: { ticket: Pick<Ticket, "proven">; clock: Clock; watch: ConnectionWatch | null },
): void {
  const { remoteAddress } = connection;
  let proven = false;
  let timer: Timer | null = null;
  const lookLater = (): void => {
    timer = clock.after(PROVEN_AFTER_MS, () => {
      timer = null;
      if (connection.receivedFrames < PROVEN_FRAMES) {
        lookLater();
        return;
      }
      proven = true;
      ticket.proven();
      watch?.proven(remoteAddress);
    });
  };
  lookLater();
  // Behind the connection's own listener, so the reason is known.
  socket.once("close", () => {
    timer?.cancel();
    watch?.ended(remoteAddress, connection.closeReason ?? "peer-closed", proven);
  });
}
