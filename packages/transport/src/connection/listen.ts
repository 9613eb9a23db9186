import { createServer, type Server, type Socket } from "node:net";
import type { Native } from "@lode/native";
import { type Clock, CodedError, type Logger, type Metrics, noMetrics, type Random } from "@lode/ports";
import type { Handshaker } from "../handshaker/handshaker.ts";
import { ACT1_SIZE } from "../noise/responder.ts";
import { plainAddress } from "./address.ts";
import { Admission, type Ticket } from "./admission.ts";
import type { FrameConnection } from "./frame-connection.ts";
import { defaultListenLimits, type ListenLimits, type MaxLength } from "./limits.ts";
import { ListenMetrics } from "./listen-metrics.ts";
import { readExactly } from "./read-exactly.ts";
import { type ConnectionContext, SocketConnection } from "./socket-connection.ts";
import { TransportError } from "./transport-error.ts";

/** What {@link listen} takes. */
export interface ListenOptions {
  readonly host: string;
  /** TCP port; 0 lets the system choose. */
  readonly port: number;
  /** Shared by listeners and closed by its owner. */
  readonly handshaker: Handshaker;
  readonly native: Native;
  readonly clock: Clock;
  /** Taken like every port, though the handshaker draws what a server needs. */
  readonly random?: Random;
  readonly logger: Logger;
  readonly maxLength: MaxLength;
  readonly limits?: Partial<ListenLimits>;
  readonly metrics?: Metrics;
  /** Fixed labels of this listener's metrics, to tell several apart. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Asked for every arriving socket: null lets it in, a reason code turns it away (bans, drain). */
  readonly admit?: (remoteAddress: string) => string | null;
  /** Gets every connection once its handshake is done; calls `start` on it. An exception cuts that connection. */
  readonly onConnection: (connection: FrameConnection) => void;
}

/** A listening socket. */
export interface Listener {
  readonly port: number;
  /** Open sockets, handshakes included. */
  readonly connections: number;
  /** Stops accepting and drops unfinished handshakes; running connections stay with their roles. */
  close(): Promise<void>;
}

/** Waiting connections the kernel keeps (it takes the smaller of this and its own limit). */
const BACKLOG = 4_096;

/**
 * Accepts encrypted connections (SV2 4.5).
 *
 * @throws TransportError `listen-failed`
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const acceptor = new Acceptor(options);
  await acceptor.open(options.host, options.port);
  return acceptor;
}

class Acceptor implements Listener {
  readonly #options: ListenOptions;
  readonly #context: ConnectionContext;
  readonly #limits: ListenLimits;
  readonly #admission: Admission;
  readonly #metrics: ListenMetrics;
  readonly #server: Server;
  readonly #shaking = new Set<Socket>();
  #port = 0;

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#limits = { ...defaultListenLimits, ...options.limits };
    this.#context = { ...options, limits: this.#limits };
    this.#admission = new Admission(this.#limits);
    this.#metrics = new ListenMetrics(options.metrics ?? noMetrics, options.labels ?? {}, this.#admission);
    this.#server = createServer(
      {
        allowHalfOpen: true,
        pauseOnConnect: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: this.#limits.keepAliveMs,
      },
      (socket) => this.#accept(socket),
    );
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#admission.connections;
  }

  open(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = this.#server;
      server.once("error", (error: NodeJS.ErrnoException) => {
        const cause = error.code ?? "unknown";
        reject(
          new TransportError({ code: "listen-failed", cause }, `${host}:${port}: ${cause}`, { cause: error }),
        );
      });
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.removeAllListeners("error").on("error", (error) => {
          this.#options.logger.error({ err: error }, "the listening socket failed");
        });
        const address = server.address();
        this.#port = typeof address === "object" && address !== null ? address.port : port;
        resolve();
      });
    });
  }

  close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#shaking) socket.destroy(new TransportError({ code: "listener-closed" }));
    // The server's own callback waits for every connection; the listening socket itself is closed a turn later.
    return new Promise((resolve) => this.#options.clock.soon(resolve));
  }

  #accept(socket: Socket): void {
    const remote = socket.remoteAddress;
    socket.on("error", ignore); // a reset between two states must not be an uncaught error
    if (remote === undefined) {
      socket.destroy();
      return;
    }
    const address = plainAddress(remote);
    const refusal = this.#options.admit?.(address) ?? null;
    const ticket = refusal ?? this.#admission.admit(address);
    if (typeof ticket === "string") {
      this.#metrics.refused(ticket);
      this.#options.logger.debug({ remote_address: address, reason: ticket }, "connection refused");
      socket.destroy();
      return;
    }
    socket.once("close", ticket.release);
    void this.#shake(socket, address, ticket);
  }

  /** Answers one handshake; never rejects. */
  async #shake(socket: Socket, address: string, ticket: Ticket): Promise<void> {
    const { clock, logger, handshaker, onConnection } = this.#options;
    const deadline = clock.after(this.#limits.handshakeMs, () => {
      socket.destroy(new TransportError({ code: "handshake-timeout" }));
    });
    this.#shaking.add(socket);
    let connection: SocketConnection;
    try {
      const act1 = await readExactly(socket, ACT1_SIZE);
      if (socket.readableLength > 0) throw new TransportError({ code: "early-data" });
      const { act2, ...keys } = await handshaker.respond(act1);
      if (socket.destroyed) throw socket.errored ?? new TransportError({ code: "closed-in-handshake" });
      socket.write(act2);
      connection = new SocketConnection(socket, address, keys, this.#context);
    } catch (error) {
      const reason = error instanceof CodedError ? error.code : "socket-failed";
      this.#metrics.failed(reason);
      logger.debug({ remote_address: address, reason }, "handshake failed");
      socket.destroy();
      return;
    } finally {
      deadline.cancel();
      this.#shaking.delete(socket);
      ticket.handshakeDone();
    }
    this.#metrics.completed();
    try {
      onConnection(connection);
    } catch (error) {
      logger.error({ conn_id: connection.id, err: error }, "a new connection's handler failed");
      connection.destroy("handler-failed");
    }
  }
}

function ignore(): void {}
