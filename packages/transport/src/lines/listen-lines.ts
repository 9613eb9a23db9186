import { createServer, type Server, type Socket } from "node:net";
import {
  type Clock,
  CodedError,
  type Counter,
  type Logger,
  type Metrics,
  type ThrottledLogger,
  type Timer,
  throttledLogger,
} from "@lode/ports";
import { plainAddress } from "../address/address.ts";
import { AddressRanges } from "../address/address-ranges.ts";
import { isPeersEnd } from "../connection/end-reasons.ts";
import { defaultListenLimits } from "../connection/limits.ts";
import { TransportError } from "../connection/transport-error.ts";
import { Admission } from "../listener/admission.ts";
import type { ConnectionWatch, Listener } from "../listener/listen-options.ts";
import { readOrigin } from "../listener/proxy-protocol/read-proxy-header.ts";
import { refusalReasons, type Ticket } from "../listener/ticket.ts";
import { type LineConnection, type LineLimits, type LineReason, lineEnds } from "./line-connection.ts";
import { type LineContext, SocketLines } from "./socket-lines.ts";

/** What {@link listenLines} takes. */
export interface ListenLinesOptions {
  readonly host: string;
  /** TCP port; 0 lets the system choose. */
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits?: Partial<LineLimits>;
  /** Asked for every arriving socket: null lets it in, a reason code turns it away (no work, bans, drain). */
  readonly admit?: (remoteAddress: string) => string | null;
  /** Told how connections behave; probes and other protocols are left out. */
  readonly watch?: ConnectionWatch;
  /** As for `listen`. */
  readonly proxyProtocolFrom?: readonly string[];
  /** As for `listen`. */
  readonly exemptFrom?: readonly string[];
  /** Gets every connection and calls `start` on it. An exception cuts that connection. */
  readonly onConnection: (connection: LineConnection) => void;
}

/** The defaults of a listener for lines. */
export const defaultLineLimits: LineLimits = {
  connections: 20_000,
  connectionsPerSubnet: 10_000,
  handshakes: 4_096,
  handshakesPerSubnet: 2_048,
  evictAfterMs: 2_000,
  arrivalsPerSubnet: null,
  subnetBits: defaultListenLimits.subnetBits,
  handshakeMs: 10_000,
  writeStallMs: 30_000,
  closeMs: 5_000,
  keepAliveMs: 60_000,
  lineBytes: 8_192,
  writeQueueBytes: 256 * 1024,
  lines: { burst: 1_000, perSecond: 100 },
};

/**
 * Accepts plain TCP connections of Stratum V1 miners. Health probes, HTTP and TLS are recognised, counted and never held
 * against their address.
 *
 * @throws TransportError `listen-failed`, `invalid-address-range`
 */
export async function listenLines(options: ListenLinesOptions): Promise<Listener> {
  const acceptor = new LineAcceptor(options);
  await acceptor.open();
  return acceptor;
}

class LineAcceptor implements Listener {
  readonly #options: ListenLinesOptions;
  readonly #limits: LineLimits;
  readonly #admission: Admission;
  readonly #logger: ThrottledLogger;
  readonly #proxies: AddressRanges;
  readonly #exempt: AddressRanges;
  readonly #server: Server;
  readonly #context: LineContext;
  readonly #tickets = new Map<SocketLines, Ticket>();
  /** Sockets whose PROXY header has not come. */
  readonly #announcing = new Set<Socket>();
  readonly #refused = new Map<string, Counter>();
  readonly #ended = new Map<string, Counter>();
  readonly #probes: Counter;
  #sweeper: Timer | null = null;
  #port = 0;

  constructor(options: ListenLinesOptions) {
    this.#options = options;
    const { clock, metrics } = options;
    this.#limits = { ...defaultLineLimits, ...options.limits };
    this.#logger = throttledLogger(options.logger, { clock });
    this.#admission = new Admission({ ...defaultListenLimits, ...this.#limits }, clock);
    this.#proxies = new AddressRanges(options.proxyProtocolFrom ?? []);
    this.#exempt = new AddressRanges(options.exemptFrom ?? []);
    this.#context = {
      clock,
      logger: this.#logger,
      limits: this.#limits,
      onRecognised: (connection) => this.#onRecognised(connection),
      onOver: (connection, reason) => this.#onOver(connection, reason),
    };
    this.#probes = metrics.counter(
      "lode_sv1_probes_total",
      "Sockets closed by the peer before it sent anything: health probes and plain TCP connects",
    );
    metrics.gauge(
      "lode_sv1_connections",
      "Open sockets of Stratum V1 miners",
      {},
      () => this.#admission.connections,
    );
    for (const reason of refusalReasons) this.#count(this.#refused, reason);
    for (const reason of Object.keys(lineEnds)) this.#count(this.#ended, reason);
    this.#server = createServer(
      {
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

  open(): Promise<void> {
    const { host, port, logger, clock } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once("error", (error: NodeJS.ErrnoException) => {
        const cause = error.code ?? "unknown";
        reject(
          new TransportError({ code: "listen-failed", cause }, `${host}:${port}: ${cause}`, { cause: error }),
        );
      });
      this.#server.listen({ host, port, backlog: 4_096 }, () => {
        this.#server.removeAllListeners("error").on("error", (error) => {
          logger.error({ err: error }, "the listening socket failed");
        });
        const address = this.#server.address();
        this.#port = typeof address === "object" && address !== null ? address.port : port;
        this.#sweeper = clock.every(10_000, () =>
          this.#admission.sweep(({ remoteAddress }) => this.#options.watch?.proven(remoteAddress)),
        );
        resolve();
      });
    });
  }

  close(): Promise<void> {
    this.#server.close();
    this.#sweeper?.cancel();
    for (const socket of this.#announcing) socket.destroy();
    this.#logger.flush();
    return new Promise((resolve) => this.#options.clock.soon(resolve));
  }

  #accept(socket: Socket): void {
    const remote = socket.remoteAddress;
    socket.on("error", ignore); // a reset between two states must not be an uncaught error
    if (remote === undefined) {
      this.#probes.inc();
      socket.destroy();
      return;
    }
    const address = plainAddress(remote);
    const viaProxy = this.#proxies.contains(address);
    let lines: SocketLines | null = null;
    const unwelcome = viaProxy ? null : (this.#options.admit?.(address) ?? null);
    const ticket =
      unwelcome ??
      this.#admission.admit(
        () => (lines === null ? socket.destroy() : lines.destroy("evicted" satisfies LineReason)),
        viaProxy ? null : address,
      );
    if (typeof ticket === "string") {
      this.#refuse(socket, address, ticket);
      return;
    }
    socket.once("close", () => ticket.release());
    const attach = (origin: string) => {
      lines = this.#attach(socket, origin, ticket);
    };
    if (viaProxy) void this.#announce(socket, address, ticket, attach);
    else {
      const refusal = this.#countIn(ticket, address);
      if (refusal === null) attach(address);
      else this.#refuse(socket, address, refusal);
    }
  }

  /** Learns from the PROXY header whose connection it is; never rejects. */
  async #announce(
    socket: Socket,
    proxy: string,
    ticket: Ticket,
    attach: (address: string) => void,
  ): Promise<void> {
    this.#announcing.add(socket);
    const deadline = this.#options.clock.after(this.#limits.handshakeMs, () => socket.destroy());
    try {
      const origin = await readOrigin(socket, proxy);
      const refusal = origin.own
        ? null
        : (this.#options.admit?.(origin.address) ?? this.#countIn(ticket, origin.address));
      if (refusal === null) attach(origin.address);
      else this.#refuse(socket, origin.address, refusal);
    } catch (error) {
      const reason = error instanceof CodedError ? String(error.code) : "socket-failed";
      if (socket.bytesRead === 0) this.#probes.inc();
      else this.#count(this.#refused, reason).inc();
      socket.destroy();
    } finally {
      deadline.cancel();
      this.#announcing.delete(socket);
    }
  }

  #attach(socket: Socket, address: string, ticket: Ticket): SocketLines {
    const connection = new SocketLines(socket, address, this.#context);
    this.#tickets.set(connection, ticket);
    try {
      this.#options.onConnection(connection);
    } catch (error) {
      this.#logger.error({ conn_id: connection.id, err: error }, "a new connection's handler failed");
      connection.destroy("handler-failed" satisfies LineReason);
    }
    return connection;
  }

  #countIn(ticket: Ticket, address: string): string | null {
    return this.#exempt.contains(address) ? null : ticket.count(address);
  }

  #onRecognised(connection: SocketLines): void {
    const ticket = this.#tickets.get(connection);
    ticket?.keyCame();
    ticket?.handshakeDone();
    ticket?.opened(connection);
  }

  #onOver(connection: SocketLines, reason: string): void {
    const ticket = this.#tickets.get(connection);
    this.#tickets.delete(connection);
    const spoke = connection.receivedFrames > 0;
    if (!spoke && isPeersEnd(reason)) {
      this.#probes.inc();
      return;
    }
    this.#count(this.#ended, reason).inc();
    const { id, remoteAddress } = connection;
    const level = isPeersEnd(reason) ? "debug" : "info";
    this.#logger[level]({ conn_id: id, remote_address: remoteAddress, reason }, "connection ended");
    if (spoke) this.#options.watch?.ended(remoteAddress, reason, ticket?.isProven ?? false);
  }

  #refuse(socket: Socket, address: string, reason: string): void {
    this.#count(this.#refused, reason).inc();
    this.#logger.info({ remote_address: address, reason }, "connection refused");
    socket.destroy();
  }

  /** Reasons are codes, so they are few. */
  #count(counters: Map<string, Counter>, reason: string): Counter {
    let counter = counters.get(reason);
    if (counter === undefined) {
      counter =
        counters === this.#refused
          ? this.#options.metrics.counter(
              "lode_sv1_connections_refused_total",
              "Sockets of Stratum V1 miners turned away",
              { reason },
            )
          : this.#options.metrics.counter(
              "lode_sv1_connections_ended_total",
              "Connections of Stratum V1 miners that ended",
              { reason },
            );
      counters.set(reason, counter);
    }
    return counter;
  }
}

function ignore(): void {}
