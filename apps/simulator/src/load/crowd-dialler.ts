import { connect, type Socket } from "node:net";
import type { Native } from "@lode/native";
import { type Clock, CodedError, type Random } from "@lode/ports";
import {
  ACT2_SIZE,
  type Curve,
  encodeElligatorSwift,
  Initiator,
  type InitiatorResult,
  loadCurve,
  verifyCertificate,
} from "@lode/transport";
import { CrowdConnection } from "./crowd-connection.ts";

/** Why a connection of the crowd was not made. */
export class DialError extends CodedError<{
  code: "unreachable" | "refused" | "closed-in-handshake" | "bad-handshake" | "timeout";
}> {}

/** Where a crowd connects to, and from where. */
export interface CrowdEndpoint {
  readonly host: string;
  readonly port: number;
  /** x-only key of the pool, 32 bytes; null leaves its certificate unchecked. */
  readonly authorityKey: Uint8Array | null;
  /** Local addresses to connect from, in turns; empty: the system chooses. An address has about 28,000 ports. */
  readonly localAddresses: readonly string[];
}

export interface CrowdDiallerDeps {
  readonly native: Native;
  readonly clock: Clock;
  readonly random: Random;
}

/** From the first packet to the end of the handshake. */
const DIAL_WITHIN_MS = 20_000;

/**
 * The secret key of all members: one. Its product with a point is that point, so a shared secret costs nothing here, while
 * the server, which cannot know, computes everything.
 */
const SECRET_KEY = new Uint8Array(32);
SECRET_KEY[31] = 1;

/** What all sockets of the process read into: what came is dealt with before the next socket is read. */
const received = Buffer.allocUnsafeSlow(65_536);

/**
 * Makes the connections of a crowd with as little work as a real handshake allows, so that the machine's time is the
 * server's: all have the same ephemeral key, the one that multiplies for nothing, and a certificate that was checked once is
 * not checked again. For load alone: the sessions of a crowd are secret from nobody.
 */
export class CrowdDialler {
  readonly #endpoint: CrowdEndpoint;
  readonly #deps: CrowdDiallerDeps;
  readonly #curve: Curve;
  readonly #publicKey: Uint8Array;
  /** The certificate and the key it is for, as they were checked last. */
  #checked = "";

  constructor(endpoint: CrowdEndpoint, deps: CrowdDiallerDeps) {
    this.#endpoint = endpoint;
    this.#deps = deps;
    const curve = loadCurve();
    this.#curve = {
      backend: curve.backend,
      publicX: (secretKey) => curve.publicX(secretKey),
      sharedX: (_one, x) => x.slice(),
      hasX: (x) => curve.hasX(x),
    };
    this.#publicKey = encodeElligatorSwift(curve.publicX(SECRET_KEY), deps.random);
  }

  /**
   * Connects the crowd's member of this number.
   *
   * @throws DialError
   */
  dial(index: number): Promise<CrowdConnection> {
    const { host, port, localAddresses } = this.#endpoint;
    const localAddress = localAddresses[index % localAddresses.length];
    return new Promise((resolve, reject) => {
      const deadline = this.#deps.clock.after(DIAL_WITHIN_MS, () => fail("timeout"));
      let act2 = Buffer.alloc(0);
      let connection: CrowdConnection | undefined;
      const socket: Socket = connect({
        ...{ host, port, noDelay: true },
        ...(localAddress === undefined ? {} : { localAddress }),
        onread: {
          buffer: received,
          callback: (size, bytes) => {
            if (connection !== undefined) connection.take(bytes as Buffer, size);
            else onHandshakeBytes(bytes.subarray(0, size));
            return true;
          },
        },
      });
      const fail = (code: DialError["code"], cause?: unknown): void => {
        deadline.cancel();
        socket.destroy();
        const detail = cause instanceof Error ? `${code}: ${cause.message}` : code;
        reject(new DialError({ code }, detail, { cause }));
      };
      const initiator = new Initiator(this.#curve, {
        secretKey: SECRET_KEY.slice(), // wiped after use
        encoded: this.#publicKey,
      });
      const onHandshakeBytes = (bytes: Uint8Array): void => {
        act2 = Buffer.concat([act2, bytes]);
        if (act2.length < ACT2_SIZE) return;
        try {
          const result = initiator.readAct2(act2.subarray(0, ACT2_SIZE));
          this.#check(result);
          connection = new CrowdConnection(socket, result, this.#deps.native);
        } catch (error) {
          fail("bad-handshake", error);
          return;
        }
        deadline.cancel();
        socket.removeListener("error", onError).removeListener("close", onClose);
        if (act2.length > ACT2_SIZE) connection.take(act2.subarray(ACT2_SIZE), act2.length - ACT2_SIZE);
        resolve(connection);
      };
      const onError = (error: NodeJS.ErrnoException): void => {
        if (error.code === "ECONNREFUSED") fail("refused", error);
        else fail(error.code === "ECONNRESET" ? "closed-in-handshake" : "unreachable", error);
      };
      const onClose = (): void => fail("closed-in-handshake");
      socket.once("connect", () => socket.write(initiator.act1));
      socket.on("error", onError).on("close", onClose);
    });
  }

  /** @throws HandshakeError when the authority does not vouch for the server */
  #check({ certificate, serverKey }: InitiatorResult): void {
    const { authorityKey } = this.#endpoint;
    if (authorityKey === null) return;
    const seen = Buffer.concat([certificate, serverKey]).toString("latin1");
    if (seen === this.#checked) return;
    verifyCertificate(certificate, serverKey, authorityKey, Math.floor(this.#deps.clock.now() / 1000));
    this.#checked = seen;
  }
}
