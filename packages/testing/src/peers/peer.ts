import { bytesToTarget } from "@lode/bitcoin";
import { type Clock, CodedError, type Timer } from "@lode/ports";
import {
  DecodeError,
  encodeFrame,
  type Fields,
  type FrameHeader,
  type MessageDefinition,
} from "@lode/protocol";
import type { FrameConnection, FrameHandler } from "@lode/transport";
import { type ServerMessage, serverMessages } from "../pool/scripted-miner.ts";
import { Scale } from "./scale.ts";
import type { ShareBook } from "./share-book.ts";

/** What every scripted peer needs. */
export interface PeerOptions {
  readonly connection: FrameConnection;
  readonly clock: Clock;
  /** For messages. */
  readonly name: string;
  /** user_identity. */
  readonly user: string;
  readonly scale?: Scale;
}

/** Raised by {@link ScriptedPeer.judge}: the peer's findings, each a line. */
export class PeerComplaint extends CodedError<{ code: "peer-complains"; findings: string[] }> {}

/**
 * A mining client modelled on somebody's sources. It keeps their rules: what would make the original leave makes it leave,
 * with the reason; what the original tolerates at the price of lost work, or not at all safely, is a violation.
 */
export abstract class ScriptedPeer implements FrameHandler {
  readonly name: string;
  readonly scale: Scale;
  /** Rules of the original that the server broke, in order. */
  readonly violations: string[] = [];
  /** Why the peer itself left; null while it has not. */
  left: string | null = null;
  /** Why the connection ended; null while it is open. */
  closed: string | null = null;
  /** Names of what came, with how often. */
  readonly seen = new Map<ServerMessage["name"], number>();
  /** Longest payload that came. */
  longestPayload = 0;
  /** Targets that came, by how they compared with the channel's last one. */
  readonly retargets = { harder: 0, easier: 0, same: 0 };
  protected readonly clock: Clock;
  protected readonly user: string;
  readonly #connection: FrameConnection;
  readonly #timers: Timer[] = [];
  readonly #targets = new Map<number, bigint>();
  #heardAt: number;

  constructor({ connection, clock, name, user, scale = new Scale() }: PeerOptions) {
    this.name = name;
    this.user = user;
    this.scale = scale;
    this.clock = clock;
    this.#connection = connection;
    this.#heardAt = clock.monotonic();
    // Only once the subclass is constructed may anything arrive.
    clock.soon(() => {
      connection.start(this);
      this.begin();
    });
  }

  /** Longest payload the original has room for; a longer one ends the connection. */
  protected abstract readonly payloadLimit: number;
  /** How long the original waits for a word from the server; Infinity: for ever. */
  protected abstract readonly silenceLimitMs: number;

  /** Everything ever handed in, channel by channel. */
  abstract readonly books: readonly ShareBook[];

  /** The first words. */
  protected abstract begin(): void;
  protected abstract onMessage(message: ServerMessage): void;

  /** Shares of all channels: sent, accepted, refused without excuse, overtaken by a tip, unanswered. */
  get shares() {
    const total = { sent: 0, accepted: 0, refused: 0, overtaken: 0, unanswered: 0, credited: 0n };
    for (const book of this.books) {
      total.sent += book.sent;
      total.accepted += book.accepted;
      total.overtaken += book.overtaken;
      total.unanswered += book.unanswered;
      total.credited += book.credited;
      for (const count of book.refused.values()) total.refused += count;
    }
    return total;
  }

  /** Refusals without excuse, by code. */
  get refusals(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const { refused } of this.books) {
      for (const [code, count] of refused) all[code] = (all[code] ?? 0) + count;
    }
    return all;
  }

  /** @throws PeerComplaint when the server broke a rule, refused a good share or made the peer leave */
  judge(): void {
    const findings = this.violations.map((violation) => `violation: ${violation}`);
    for (const [code, count] of Object.entries(this.refusals)) findings.push(`refused: ${code} x ${count}`);
    if (this.left !== null) findings.push(`left: ${this.left}`);
    if (findings.length === 0) return;
    throw new PeerComplaint(
      { code: "peer-complains", findings },
      `${this.name}: ${findings.slice(0, 20).join("; ")}`,
    );
  }

  /** The owner pulls the plug. */
  unplug(): void {
    this.leave("unplugged");
  }

  onFrame(header: FrameHeader, payload: Uint8Array): void {
    if (this.left !== null) return;
    this.#heardAt = this.clock.monotonic();
    this.longestPayload = Math.max(this.longestPayload, header.length);
    if (header.length > this.payloadLimit) {
      this.leave(`payload too large: ${header.length} > ${this.payloadLimit}`);
      return;
    }
    if (!this.admits(header)) return;
    const message = this.#decode(header, payload);
    if (message === undefined) {
      this.onUnreadable(header);
      return;
    }
    this.seen.set(message.name, (this.seen.get(message.name) ?? 0) + 1);
    this.#compareTarget(message);
    this.onMessage(message);
  }

  onClose(reason: string): void {
    this.closed = reason;
    this.#stop();
    this.onGone();
  }

  /** Whether the original even looks at a frame with this header. */
  protected admits(_header: FrameHeader): boolean {
    return true;
  }

  /** A frame of no known message, or one that does not parse. */
  protected onUnreadable(header: FrameHeader): void {
    this.violate(`a message it cannot read: 0x${header.msgType.toString(16)}`);
  }

  /** The connection is over. */
  protected onGone(): void {}

  protected violate(text: string): void {
    this.violations.push(text);
  }

  /** Gives up on this server. */
  protected leave(reason: string): void {
    if (this.left !== null || this.closed !== null) return;
    this.left = reason;
    this.#stop();
    this.#connection.close("left");
    this.onGone();
  }

  protected send<D extends MessageDefinition>(
    definition: D,
    fields: Readonly<Fields<D>>,
    tlvs?: Uint8Array,
  ): void {
    if (this.left === null) this.#connection.send(encodeFrame(definition, fields, tlvs));
  }

  /** Runs `work` over and over until the connection ends. */
  protected every(ms: number, work: () => void): void {
    this.#timers.push(this.clock.every(ms, work));
  }

  /** Leaves when the server said nothing for too long; to be called now and then. */
  protected minds(): void {
    if (this.clock.monotonic() - this.#heardAt > this.silenceLimitMs) this.leave("silence");
  }

  #compareTarget({ name, fields }: ServerMessage): void {
    if (name === "OpenStandardMiningChannelSuccess" || name === "OpenExtendedMiningChannelSuccess") {
      this.#targets.set(fields.channelId, bytesToTarget(fields.target));
    }
    if (name !== "SetTarget") return;
    const target = bytesToTarget(fields.maximumTarget);
    const last = this.#targets.get(fields.channelId) ?? target;
    this.retargets[target < last ? "harder" : target > last ? "easier" : "same"]++;
    this.#targets.set(fields.channelId, target);
  }

  #decode(header: FrameHeader, payload: Uint8Array): ServerMessage | undefined {
    try {
      return serverMessages.decode(header, payload.slice());
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }

  #stop(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
  }
}
