import type { Socket } from "node:net";
import { systemClock, systemRandom } from "@lode/ports";
import { ACT2_SIZE, generateHandshakeKey, Initiator, loadCurve, verifyCertificate } from "@lode/transport";
import { openSocket, type SocketFailure } from "./open-socket.ts";
import { Sv2Socket } from "./sv2-socket.ts";

/** Where a connection goes, and which loopback address it comes from. */
export interface DialFrom {
  readonly port: number;
  readonly localAddress: string;
  /** Checked when given, 32 bytes. */
  readonly authorityKey?: Uint8Array;
  /** Patience with the handshake, milliseconds. Default 10 s. */
  readonly patienceMs?: number;
}

/** Why there is no connection: `turned-away` after connecting, by a close instead of an answer. */
export type DialFailure = SocketFailure | "turned-away" | "silent" | "forged";

const PATIENCE_MS = 10_000;

/** Connects from a chosen address and does the Noise handshake; a failure is told, not thrown. */
export async function dialFrom(options: DialFrom): Promise<Sv2Socket | DialFailure> {
  const socket = await openSocket(options.port, options.localAddress);
  if (typeof socket === "string") return socket;
  const curve = loadCurve();
  const initiator = new Initiator(curve, generateHandshakeKey(curve, systemRandom));
  const act2 = await exchange(socket, initiator.act1, options.patienceMs ?? PATIENCE_MS);
  if (typeof act2 === "string") {
    socket.destroy();
    return act2;
  }
  try {
    const { sendKey, receiveKey, certificate, serverKey } = initiator.readAct2(act2);
    if (options.authorityKey !== undefined) {
      const now = Math.floor(systemClock.now() / 1000);
      verifyCertificate(certificate, serverKey, options.authorityKey, now);
    }
    return new Sv2Socket(socket, options.localAddress, sendKey, receiveKey);
  } catch {
    socket.destroy();
    return "forged";
  }
}

/** Sends act 1 and waits for act 2; the socket is paused afterwards. */
function exchange(
  socket: Socket,
  act1: Uint8Array,
  patienceMs: number,
): Promise<Uint8Array | "turned-away" | "silent"> {
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0);
    const finish = (outcome: Uint8Array | "turned-away" | "silent") => {
      clearTimeout(timer);
      socket.pause().off("data", take).off("close", gone).off("end", gone);
      resolve(outcome);
    };
    const timer = setTimeout(() => finish("silent"), patienceMs);
    const gone = () => finish("turned-away");
    const take = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < ACT2_SIZE) return;
      finish(received.subarray(0, ACT2_SIZE));
      if (received.length > ACT2_SIZE) socket.unshift(received.subarray(ACT2_SIZE));
    };
    socket.on("data", take).once("close", gone).once("end", gone).resume();
    socket.write(act1);
  });
}
