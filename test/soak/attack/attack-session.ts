import { common, encodeFrame, type FrameHeader, mining, PROTOCOL_VERSION, Protocol } from "@lode/protocol";
import { type ServerFields, type ServerMessage, serverMessages } from "@lode/testing/pool";
import type { Sv2Socket } from "../wire/sv2-socket.ts";

const ANSWER_WITHIN_MS = 15_000;

/** What SetupConnection says. */
export const setupFields: common.SetupConnection = {
  protocol: Protocol.mining,
  minVersion: PROTOCOL_VERSION,
  maxVersion: PROTOCOL_VERSION,
  flags: 0,
  endpointHost: "127.0.0.1",
  endpointPort: 0,
  vendor: "hostile",
  hardwareVersion: "",
  firmware: "",
  deviceId: "",
};

/** A request for an extended channel that any pool grants. */
export function openFrame(userIdentity: string, requestId: number): Uint8Array {
  return encodeFrame(mining.OpenExtendedMiningChannel, {
    requestId,
    userIdentity,
    nominalHashRate: 1e3,
    maxTarget: new Uint8Array(32).fill(0xff),
    minExtranonceSize: 8,
  });
}

/** An attacker's connection behind its handshake. */
export class AttackSession {
  readonly connection: Sv2Socket;
  #awaited: { readonly name: ServerMessage["name"]; readonly take: (fields: unknown) => void } | undefined;

  constructor(connection: Sv2Socket) {
    this.connection = connection;
    connection.start({ onFrame: (header, payload) => this.#onFrame(header, payload), onClose: () => {} });
  }

  get isOpen(): boolean {
    return this.connection.ended === undefined;
  }

  get over(): Promise<void> {
    return this.connection.over;
  }

  send(frame: Uint8Array): void {
    this.connection.send(frame);
  }

  /** SetupConnection and its Success. */
  async setUp(flags: number): Promise<boolean> {
    const answer = this.next("SetupConnectionSuccess");
    this.send(encodeFrame(common.SetupConnection, { ...setupFields, flags }));
    return (await answer) !== undefined;
  }

  /** Opens an extended channel and waits for it. */
  open(userIdentity: string): Promise<ServerFields<"OpenExtendedMiningChannelSuccess"> | undefined> {
    const answer = this.next("OpenExtendedMiningChannelSuccess");
    this.send(openFrame(userIdentity, 1));
    return answer;
  }

  /** The next message of this name; undefined when it does not come. Byte fields are copies. */
  next<N extends ServerMessage["name"]>(name: N): Promise<ServerFields<N> | undefined> {
    const message = new Promise<unknown>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), ANSWER_WITHIN_MS);
      const take = (fields?: unknown) => {
        clearTimeout(timer);
        resolve(fields);
      };
      this.#awaited = { name, take };
      void this.over.then(() => take());
    });
    return message as Promise<ServerFields<N> | undefined>;
  }

  #onFrame(header: FrameHeader, payload: Uint8Array): void {
    const awaited = this.#awaited;
    if (awaited === undefined) return;
    let message: ServerMessage | undefined;
    try {
      message = serverMessages.decode(header, payload.slice());
    } catch {
      return;
    }
    if (message?.name !== awaited.name) return;
    this.#awaited = undefined;
    awaited.take(message.fields);
  }
}
