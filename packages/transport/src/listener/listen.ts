import { createServer, type Server, type Socket } from "node:net";
import { CodedError, noMetrics, type ThrottledLogger, type Timer, throttledLogger } from "@lode/ports";
import { plainAddress } from "../address/address.ts";
import { AddressRanges } from "../address/address-ranges.ts";
import { checkKey } from "../connection/check-key.ts";
import { isPeersEnd, type TransportReason } from "../connection/end-reasons.ts";
import { foreignAnswer } from "../connection/foreign-peer.ts";
import type { FrameConnection } from "../connection/frame-connection.ts";
import { defaultListenLimits, type ListenLimits } from "../connection/limits.ts";
import { readExactly } from "../connection/read-exactly.ts";
import { type ConnectionContext, SocketConnection } from "../connection/socket-connection.ts";
import { TransportError } from "../connection/transport-error.ts";
import type { Handshaker } from "../handshaker/handshaker.ts";
import { ACT1_SIZE } from "../noise/responder.ts";
import { Admission } from "./admission.ts";
import { ListenMetrics } from "./listen-metrics.ts";
import type { FrameListener, ListenOptions, ListenPlace } from "./listen-options.ts";
import { ProxyHeaderError } from "./proxy-protocol/proxy-header.ts";
import { type Origin, readOrigin } from "./proxy-protocol/read-proxy-header.ts";
import type { Ticket } from "./ticket.ts";

/** Waiting connections the kernel keeps (it takes the smaller of this and its own limit). */
const BACKLOG = 4_096;

/** Between two looks at which connections have proven themselves, milliseconds. */
const SWEEP_MS = 10_000;
/** A client of another protocol has this long to read the answer, milliseconds. */
const FOREIGN_LINGER_MS = 1_000;

/**
 * Accepts encrypted connections (SV2 4.5).
 *
 * @throws TransportError `listen-failed`, `invalid-address-range`
 */
export async function listen(options: ListenOptions): Promise<FrameListener> {
  const acceptor = new Acceptor(options);
  try {
    for (const place of [options, ...(options.also ?? [])]) await acceptor.open(place);
  } catch (error) {
    await acceptor.close();
    throw error;
  }
  return acceptor;
}

class Acceptor implements FrameListener {
  readonly #options: ListenOptions;
  readonly #context: ConnectionContext;
  readonly #limits: ListenLimits;
  readonly #admission: Admission;
  readonly #metrics: ListenMetrics;
  /** What strangers can cause goes through this one. */
  readonly #logger: ThrottledLogger;
  readonly #proxies: AddressRanges;
  readonly #exempt: AddressRanges;
  readonly #servers: Server[] = [];
  readonly #ports: number[] = [];
  readonly #shaking = new Set<Socket>();
  #sweeper: Timer | null = null;

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#limits = { ...defaultListenLimits, ...options.limits };
    this.#logger = throttledLogger(options.logger, { clock: options.clock });
    this.#admission = new Admission(this.#limits, options.clock);
    this.#metrics = new ListenMetrics(options.metrics ?? noMetrics, options.labels ?? {}, this.#admission);
    this.#context = {
      ...options,
      limits: this.#limits,
      logger: this.#logger,
      onThrottle: (connection, pauseMs) => this.#onThrottle(connection, pauseMs),
    };
    this.#proxies = new AddressRanges(options.proxyProtocolFrom ?? []);
    this.#exempt = new AddressRanges(options.exemptFrom ?? []);
  }

  get port(): number {
    return this.#ports[0] ?? 0;
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  get connections(): number {
    return this.#admission.connections;
  }

  open({ host, port, handshaker }: ListenPlace): Promise<void> {
    const server = createServer(
      {
        allowHalfOpen: true,
        pauseOnConnect: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: this.#limits.keepAliveMs,
      },
      (socket) => this.#accept(socket, handshaker),
    );
    return new Promise((resolve, reject) => {
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
        this.#ports.push(typeof address === "object" && address !== null ? address.port : port);
        this.#servers.push(server);
        this.#sweeper ??= this.#options.clock.every(SWEEP_MS, () => this.#sweep());
        resolve();
      });
    });
  }

  close(): Promise<void> {
    for (const server of this.#servers) server.close();
    this.#sweeper?.cancel();
    for (const socket of this.#shaking) socket.destroy(new TransportError({ code: "listener-closed" }));
    this.#logger.flush();
    // The server's own callback waits for every connection; the listening socket itself is closed a turn later.
    return new Promise((resolve) => this.#options.clock.soon(resolve));
  }

  #sweep(): void {
    this.#admission.sweep(({ remoteAddress }) => this.#options.watch?.proven(remoteAddress));
  }

  #accept(socket: Socket, handshaker: Handshaker): void {
    const remote = socket.remoteAddress;
    socket.on("error", ignore); // a reset between two states must not be an uncaught error
    if (remote === undefined) {
      this.#metrics.probed(); // gone before it was looked at
      socket.destroy();
      return;
    }
    const address = plainAddress(remote);
    const viaProxy = this.#proxies.contains(address);
    const unwelcome = viaProxy ? null : (this.#options.admit?.(address) ?? null);
    const ticket =
      unwelcome ??
      this.#admission.admit(
        () => socket.destroy(new TransportError({ code: "handshake-evicted" })),
        viaProxy ? null : address,
      );
    if (typeof ticket === "string") {
      this.#refuse(socket, address, ticket);
      return;
    }
    socket.once("close", () => ticket.release());
    const refusal = viaProxy ? null : this.#count(ticket, address);
    if (refusal === null) void this.#receive(socket, { address, viaProxy, ticket, handshaker });
    else this.#refuse(socket, address, refusal);
  }

  #count(ticket: Ticket, address: string): string | null {
    return this.#exempt.contains(address) ? null : ticket.count(address);
  }

  #refuse(socket: Socket, address: string, reason: string): void {
    this.#metrics.refused(reason);
    this.#logger.info({ remote_address: address, reason }, "connection refused");
    socket.destroy();
  }

  /** Takes one socket to its connection; never rejects. */
  async #receive(socket: Socket, arrival: Arrival): Promise<void> {
    const { clock, onConnection } = this.#options;
    const deadline = clock.after(this.#limits.handshakeMs, () => {
      socket.destroy(new TransportError({ code: "handshake-timeout" }));
    });
    this.#shaking.add(socket);
    let connection: SocketConnection | null = null;
    let real: Origin = { address: arrival.address, own: false };
    /** Bytes of the PROXY header. */
    let announced = 0;
    try {
      if (arrival.viaProxy) {
        real = await readOrigin(socket, arrival.address);
        announced = socket.bytesRead - socket.readableLength;
        if (!real.own && !this.#isLetIn(socket, arrival.ticket, real.address)) return;
      }
      const begin = real.own ? await readExactly(socket, 1) : NOTHING;
      // A load balancer's probe says nothing. What goes on to speak is a client whose address it does not tell, such as
      // those of a Unix socket: all of them are one source.
      if (real.own && !this.#isLetIn(socket, arrival.ticket, real.address)) return;
      const rest = await readExactly(socket, ACT1_SIZE - begin.length);
      const act1 = begin.length === 0 ? rest : Uint8Array.of(...begin, ...rest);
      arrival.ticket.keyCame();
      connection = await this.#shake(socket, act1, real.address, arrival.handshaker);
    } catch (error) {
      this.#onFailure(socket, error, real.address, announced);
      return;
    } finally {
      deadline.cancel();
      this.#shaking.delete(socket);
      arrival.ticket.handshakeDone();
    }
    this.#metrics.completed();
    const peer = connection;
    arrival.ticket.opened(peer);
    peer.onOver(() => this.#onEnd(peer, arrival.ticket));
    try {
      onConnection(connection);
    } catch (error) {
      this.#logger.error({ conn_id: connection.id, err: error }, "a new connection's handler failed");
      connection.destroy("handler-failed" satisfies TransportReason);
    }
  }

  /** Counts a socket whose source is known by now, or ends it. */
  #isLetIn(socket: Socket, ticket: Ticket, address: string): boolean {
    const refusal = this.#options.admit?.(address) ?? this.#count(ticket, address);
    if (refusal !== null) this.#refuse(socket, address, refusal);
    return refusal === null;
  }

  async #shake(
    socket: Socket,
    act1: Uint8Array,
    address: string,
    handshaker: Handshaker,
  ): Promise<SocketConnection> {
    checkKey(act1);
    if (socket.readableLength > 0) throw new TransportError({ code: "early-data" });
    const { act2, ...keys } = await handshaker.respond(act1);
    if (socket.destroyed) throw socket.errored ?? new TransportError({ code: "closed-in-handshake" });
    socket.write(act2);
    return new SocketConnection(socket, address, keys, this.#context);
  }

  #onFailure(socket: Socket, error: unknown, address: string, announced: number): void {
    const reason = error instanceof CodedError ? error.code : "socket-failed";
    const byPeer = reason === "closed-in-handshake" || reason === "socket-failed";
    // A health probe, or somebody who looks whether a pool is there: nothing that failed.
    const probe = byPeer && socket.bytesRead <= announced;
    this.#leave(socket, error);
    if (probe) {
      this.#metrics.probed();
      return;
    }
    this.#metrics.failed(reason);
    const level = error instanceof ProxyHeaderError ? "warn" : "info";
    this.#logger[level]({ remote_address: address, reason }, "handshake failed");
  }

  /** Tells a client of another protocol what this port is; what else it sends is thrown away. */
  #leave(socket: Socket, error: unknown): void {
    const answer = error instanceof TransportError ? foreignAnswer(error.type) : undefined;
    if (answer === undefined || socket.destroyed) {
      socket.destroy();
      return;
    }
    const end = this.#options.clock.after(FOREIGN_LINGER_MS, () => socket.destroy());
    socket.once("close", () => end.cancel());
    socket.once("end", () => socket.destroy());
    socket.resume().end(answer);
  }

  #onEnd({ id, remoteAddress, closeReason }: SocketConnection, { isProven }: Ticket): void {
    const reason = closeReason ?? ("peer-closed" satisfies TransportReason);
    const level = isPeersEnd(reason) ? "debug" : "info";
    this.#logger[level]({ conn_id: id, remote_address: remoteAddress, reason }, "connection ended");
    this.#options.watch?.ended(remoteAddress, reason, isProven);
  }

  #onThrottle({ id, remoteAddress }: FrameConnection, pauseMs: number): void {
    this.#metrics.throttled(pauseMs > 0);
    if (pauseMs === 0) return;
    this.#logger.info(
      { conn_id: id, remote_address: remoteAddress, pause_ms: Math.ceil(pauseMs) },
      "a connection sends too fast; it is not read for a moment",
    );
  }
}

/** A socket that has been let in so far. */
interface Arrival {
  /** The socket's own. */
  readonly address: string;
  /** It must begin with a PROXY header. */
  readonly viaProxy: boolean;
  readonly ticket: Ticket;
  /** Answers at the port where it arrived. */
  readonly handshaker: Handshaker;
}

const NOTHING = new Uint8Array();

function ignore(): void {}
