import { bytesToTarget } from "@lode/bitcoin";
import type { ServerMessage } from "@lode/testing";
import type { InvariantName } from "../world/world.ts";
import { hex } from "./hashing.ts";
import type { JudgedConnection } from "./judged-connection.ts";
import { NaiveChannel } from "./naive-channel.ts";
import type { FrameEffects } from "./observations.ts";
import type { PoolUnderTest } from "./pool-under-test.ts";

/**
 * Checks a message of the pool and follows what it says.
 *
 * @param effects what the pool has done about the frame it works on; null when nothing came over this connection
 */
export function judgeSent(
  connection: JudgedConnection,
  pool: PoolUnderTest,
  message: ServerMessage,
  effects: FrameEffects | null,
): void {
  new SentRules(connection, pool).judge(message, effects);
}

class SentRules {
  readonly #connection: JudgedConnection;
  readonly #pool: PoolUnderTest;

  constructor(connection: JudgedConnection, pool: PoolUnderTest) {
    this.#connection = connection;
    this.#pool = pool;
  }

  judge(message: ServerMessage, effects: FrameEffects | null): void {
    switch (message.name) {
      case "SetupConnectionSuccess":
      case "SetupConnectionError":
      case "RequestExtensionsSuccess":
      case "RequestExtensionsError":
        if (effects === null) this.#wrong("protocol", `${message.name} out of the blue`);
        break;
      case "OpenStandardMiningChannelSuccess":
        this.#onOpened({ ...message.fields, extranonceSize: 0 }, effects);
        break;
      case "OpenExtendedMiningChannelSuccess":
        this.#onOpened(message.fields, effects);
        break;
      case "OpenMiningChannelError":
        this.#pool.world.reach(`opening ${message.fields.errorCode}`);
        effects?.refusals.push({ about: message.fields.requestId, errorCode: message.fields.errorCode });
        break;
      case "UpdateChannelError":
        effects?.refusals.push({ about: message.fields.channelId, errorCode: message.fields.errorCode });
        break;
      case "SubmitSharesError":
        if (effects === null) this.#wrong("right-verdict", "SubmitShares.Error out of the blue");
        else effects.shareErrors.push(message.fields);
        break;
      case "SubmitSharesSuccess":
        this.#onAnswer(message.fields);
        break;
      case "NewMiningJob":
      case "NewExtendedMiningJob":
      case "SetNewPrevHash":
      case "SetTarget":
        this.#onWork(message);
        break;
      case "Reconnect":
      case "SetCustomMiningJobError":
        break;
      default:
        this.#wrong("protocol", `unexpected ${message.name}`);
    }
  }

  #onOpened(
    fields: {
      requestId: number;
      channelId: number;
      target: Uint8Array;
      extranoncePrefix: Uint8Array;
      extranonceSize: number;
    },
    effects: FrameEffects | null,
  ): void {
    const request = this.#connection.requests.get(fields.requestId);
    if (effects === null || request === undefined || request.identity === null) {
      this.#wrong("protocol", `channel ${fields.channelId} was opened without a request`);
      return;
    }
    const { channelId: id, extranonceSize } = fields;
    const prefix = fields.extranoncePrefix.slice();
    if (id !== this.#connection.nextChannelId)
      this.#wrong("protocol", `channel id ${id}, not ${this.#connection.nextChannelId}`);
    this.#connection.nextChannelId = id + 1;
    if (prefix.length + extranonceSize !== 20) this.#wrong("protocol", "extranonce sizes differ");
    const space = hex(prefix.subarray(0, 4));
    for (const other of this.#pool.channels()) {
      if (hex(other.fields.prefix.subarray(0, 4)) === space) {
        this.#wrong("protocol", `search space ${space} was given out twice`);
      }
    }
    const { kind, maxTarget, identity } = request;
    const target = fields.target.slice();
    const channel = new NaiveChannel(
      { id, kind, identity, prefix, extranonceSize, target, maxTarget },
      this.#pool.limits.jobs,
    );
    channel.jobAt = this.#pool.world.clock.monotonic();
    this.#connection.channels.set(id, channel);
  }

  #onAnswer(fields: Extract<ServerMessage, { name: "SubmitSharesSuccess" }>["fields"]): void {
    const channel = this.#connection.channels.get(fields.channelId);
    if (channel === undefined) {
      this.#wrong("protocol", `SubmitShares.Success for channel ${fields.channelId}, which is not open`);
      return;
    }
    const { fault, undurable } = channel.answered(fields);
    if (undurable)
      this.#wrong("answered-recorded", `channel ${fields.channelId}, up to ${fields.lastSequenceNumber}`);
    if (fault !== null)
      this.#wrong("true-record", `SubmitShares.Success on channel ${fields.channelId}: ${fault}`);
  }

  #onWork(
    message: Extract<
      ServerMessage,
      { name: "NewMiningJob" | "NewExtendedMiningJob" | "SetNewPrevHash" | "SetTarget" }
    >,
  ): void {
    const now = this.#pool.world.clock.monotonic();
    const channel = this.#connection.channels.get(message.fields.channelId);
    if (channel === undefined) {
      this.#wrong("protocol", `${message.name} for channel ${message.fields.channelId}, which is not open`);
      return;
    }
    if (message.name === "SetTarget") {
      if (bytesToTarget(message.fields.maximumTarget) === 0n) this.#wrong("protocol", "a target of 0");
      channel.setTarget(message.fields.maximumTarget);
      return;
    }
    const standard = message.name === "NewMiningJob";
    if (message.name !== "SetNewPrevHash" && standard !== (channel.fields.kind === "standard")) {
      this.#wrong("protocol", `${message.name} to a channel of the other kind`);
    }
    this.#connection.judgeJobAge(channel);
    const fault =
      message.name === "SetNewPrevHash"
        ? channel.setNewPrevHash(message.fields, now)
        : channel.addJob(message.fields, now);
    if (fault !== null) this.#wrong("protocol", `${message.name} on channel ${channel.fields.id}: ${fault}`);
  }

  #wrong(invariant: InvariantName, detail: string): void {
    this.#pool.world.violate(invariant, `connection ${this.#connection.id}: ${detail}`);
  }
}
