import { connect, type Socket } from "node:net";
import type { Native } from "@lode/native";
import { type Clock, CodedError, type Logger, type Random } from "@lode/ports";
import { plainAddress } from "../address/address.ts";
import { loadCurve } from "../curve/load-curve.ts";
import { verifyCertificate } from "../identity/certificate.ts";
import { generateHandshakeKey } from "../keys/keypair.ts";
import { Initiator } from "../noise/initiator.ts";
import { ACT2_SIZE } from "../noise/responder.ts";
import type { FrameConnection } from "./frame-connection.ts";
import { type DialLimits, defaultDialLimits, type MaxLength } from "./limits.ts";
import { readExactly } from "./read-exactly.ts";
import { SocketConnection } from "./socket-connection.ts";
import { TransportError } from "./transport-error.ts";

/** What {@link dial} takes. */
export interface DialOptions {
  readonly host: string;
  readonly port: number;
  /** x-only key that must have signed the server's certificate, 32 bytes; null leaves the certificate unchecked. */
  readonly authorityKey: Uint8Array | null;
  readonly native: Native;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly maxLength: MaxLength;
  readonly limits?: Partial<DialLimits>;
}

/**
 * Connects to a server and proves who it is (SV2 4.5).
 *
 * @throws TransportError `unreachable`, `connect-timeout`, `handshake-timeout` or `closed-in-handshake`
 * @throws HandshakeError when the server's answer or certificate does not hold
 */
export async function dial(options: DialOptions): Promise<FrameConnection> {
  const { clock, random, authorityKey } = options;
  const limits: DialLimits = { ...defaultDialLimits, ...options.limits };
  const socket = await connectSocket(options, limits);
  const deadline = clock.after(limits.handshakeMs, () => {
    socket.destroy(new TransportError({ code: "handshake-timeout" }));
  });
  try {
    const curve = loadCurve();
    const initiator = new Initiator(curve, generateHandshakeKey(curve, random));
    socket.write(initiator.act1);
    const result = initiator.readAct2(await readExactly(socket, ACT2_SIZE));
    if (authorityKey !== null) {
      const now = Math.floor(clock.now() / 1000);
      verifyCertificate(result.certificate, result.serverKey, authorityKey, now);
    }
    const address = plainAddress(socket.remoteAddress ?? options.host);
    return new SocketConnection(socket, address, result, { ...options, limits });
  } catch (error) {
    socket.destroy();
    throw error instanceof CodedError ? error : unreachable(error);
  } finally {
    deadline.cancel();
  }
}

function connectSocket(options: DialOptions, limits: DialLimits): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: options.host,
      port: options.port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: limits.keepAliveMs,
    });
    const timer = options.clock.after(limits.connectMs, () => {
      socket.destroy(new TransportError({ code: "connect-timeout" }));
    });
    // Stays for good: a reset between two states must not be an uncaught error.
    socket.on("error", (error) => {
      timer.cancel();
      reject(error instanceof CodedError ? error : unreachable(error));
    });
    socket.once("connect", () => {
      timer.cancel();
      resolve(socket);
    });
  });
}

function unreachable(error: unknown): TransportError {
  const cause = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  return new TransportError({ code: "unreachable", cause }, `unreachable: ${cause}`, { cause: error });
}
