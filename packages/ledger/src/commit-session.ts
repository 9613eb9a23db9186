import { connect, Socket } from "node:net";
import postgres from "postgres";
import type { ResolvedOptions } from "./connection-options.ts";
import { driverOptions } from "./database.ts";

/**
 * One connection of its own that can really be destroyed: the driver is handed our socket, so ending it takes back what the
 * kernel has not sent yet. A destroyed session never connects again.
 */
export class CommitSession {
  readonly sql: postgres.Sql;
  readonly #options: ResolvedOptions;
  #socket: Socket | undefined;
  #destroyed = false;

  constructor(options: ResolvedOptions, onNotice: (notice: postgres.Notice) => void) {
    this.#options = options;
    const settings = {
      ...driverOptions(options),
      max: 1,
      idle_timeout: undefined,
      max_lifetime: null,
      connect_timeout: 10,
      onnotice: onNotice,
      // An undocumented option of the driver. It must return at once and never throw: the driver would wait for ever.
      socket: () => this.#open(),
    };
    this.sql = postgres(settings);
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  #open(): Socket {
    if (this.#destroyed) {
      // The driver was about to connect again. It listens to the socket only when this turn's promises have settled.
      const closed = new Socket();
      queueMicrotask(() => closed.destroy(sessionDestroyed()));
      return closed;
    }
    const { host, port } = this.#options;
    const socket = host.startsWith("/")
      ? connect({ path: `${host}/.s.PGSQL.${port}` })
      : connect({ host, port, noDelay: true });
    // The driver reads the name for its certificate check from the socket it was given.
    Object.assign(socket, { host, port });
    this.#socket = socket;
    return socket;
  }

  /** Cuts the connection at once. A TCP connection is reset, so that bytes on their way are dropped where possible. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    const socket = this.#socket;
    if (socket !== undefined && !socket.destroyed) {
      if (socket.connecting || socket.remoteFamily === undefined) {
        socket.destroy(sessionDestroyed());
      } else {
        // A reset carries no error, and without one the driver would connect again for a query that waits.
        if (socket.listenerCount("error") > 0) socket.emit("error", sessionDestroyed());
        socket.resetAndDestroy();
      }
    }
    // Rejects what is queued in the driver and keeps it from connecting again.
    this.sql.end({ timeout: 0 }).catch(() => {});
  }

  /** Ends the connection politely; resolves when it is gone. */
  async end(): Promise<void> {
    await this.sql.end({ timeout: 1 });
    this.destroy();
  }
}

function sessionDestroyed(): Error {
  return new Error("session destroyed");
}
