import { bytesToTarget } from "@lode/bitcoin";
import type { Identity } from "@lode/mining";
import { MiningFlags } from "@lode/protocol";
import { GROUP_CHANNEL_ID } from "@lode/roles";
import type { ServerMessage } from "@lode/testing/pool";
import type { InvariantName } from "../world/world.ts";
import { hex } from "./hashing.ts";
import type { JudgedConnection } from "./judged-connection.ts";
import { NaiveChannel } from "./naive-channel.ts";
import type { FrameEffects } from "./observations.ts";
import { payoutName, wrongPayout } from "./payouts.ts";
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

type WorkMessage = Extract<
  ServerMessage,
  {
    name: "NewMiningJob" | "NewExtendedMiningJob" | "SetNewPrevHash" | "SetTarget" | "SetExtranoncePrefix";
  }
>;

class SentRules {
  readonly #connection: JudgedConnection;
  readonly #pool: PoolUnderTest;

  constructor(connection: JudgedConnection, pool: PoolUnderTest) {
    this.#connection = connection;
    this.#pool = pool;
  }

  judge(message: ServerMessage, effects: FrameEffects | null): void {
    const { farewell, ended } = this.#connection;
    // What is sent on a connection that is closing goes nowhere.
    if (farewell && ended === null && message.name !== "CloseChannel")
      this.#wrong("protocol", `${message.name} after the connection's end was announced`);
    switch (message.name) {
      case "SetupConnectionSuccess":
      case "SetupConnectionError":
      case "RequestExtensionsSuccess":
      case "RequestExtensionsError":
        if (effects === null) this.#wrong("protocol", `${message.name} out of the blue`);
        break;
      case "OpenStandardMiningChannelSuccess":
        this.#onOpened({ ...message.fields, extranonceSize: 0 });
        break;
      case "OpenExtendedMiningChannelSuccess":
        this.#onOpened(message.fields);
        break;
      case "OpenMiningChannelError":
        this.#pool.world.reach(`opening ${message.fields.errorCode}`);
        this.#connection.takeRequest(message.fields.requestId);
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
      case "SetExtranoncePrefix":
        for (const channel of this.#addressed(message)) this.#onWork(channel, message);
        break;
      case "CloseChannel":
        this.#connection.farewell = true;
        break;
      case "Reconnect":
      case "SetCustomMiningJobError":
        break;
      default:
        this.#wrong("protocol", `unexpected ${message.name}`);
    }
  }

  #onOpened(fields: {
    requestId: number;
    channelId: number;
    target: Uint8Array;
    extranoncePrefix: Uint8Array;
    extranonceSize: number;
    groupChannelId: number;
  }): void {
    const request = this.#connection.takeRequest(fields.requestId);
    if (request === undefined || request.identity === null) {
      this.#wrong("protocol", `channel ${fields.channelId} was opened without a request`);
      return;
    }
    const { channelId: id, extranonceSize } = fields;
    const prefix = fields.extranoncePrefix.slice();
    if (id !== this.#connection.nextChannelId)
      this.#wrong("protocol", `channel id ${id}, not ${this.#connection.nextChannelId}`);
    const groupId = fields.groupChannelId;
    this.#judgeGroup(groupId, id, request.identity);
    this.#connection.nextChannelId = Math.max(id, groupId) + 1;
    if (prefix.length + extranonceSize !== 20) this.#wrong("protocol", "extranonce sizes differ");
    this.#judgePrefix(prefix);
    const { kind, maxTarget, identity } = request;
    const target = fields.target.slice();
    const channel = new NaiveChannel(
      { id, kind, identity, groupId, prefix, extranonceSize, target, maxTarget },
      this.#pool.limits.jobs,
    );
    channel.jobAt = this.#pool.world.clock.monotonic();
    // Also for requests that had to wait.
    if (this.#pool.isFull(this.#connection)) this.#wrong("bounded", "a channel was opened above a cap");
    this.#connection.channels.set(id, channel);
    this.#connection.newest = channel;
  }

  /** A group of its own for each payout; a new one's id follows the channel's. */
  #judgeGroup(groupId: number, channelId: number, identity: Identity): void {
    const own = payoutName(identity);
    if (groupId !== GROUP_CHANNEL_ID) this.#pool.world.reach("group of a second script");
    if (groupId !== GROUP_CHANNEL_ID && groupId !== channelId + 1 && groupId >= channelId)
      this.#wrong("protocol", `group id ${groupId} for channel ${channelId}`);
    for (const { fields } of this.#connection.channels.values()) {
      if ((payoutName(fields.identity) === own) !== (fields.groupId === groupId))
        this.#wrong(
          "pays-finder",
          `channels ${fields.id} and ${channelId} in groups ${fields.groupId} and ${groupId}`,
        );
    }
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

  /** No other channel may have the prefix, or credit shares of jobs that were sent under it. */
  #judgePrefix(prefix: Uint8Array): void {
    const space = hex(prefix.subarray(0, 4));
    const now = this.#pool.world.clock.monotonic();
    for (const other of this.#pool.channels()) {
      if (other.prefixes(now).some((taken) => hex(taken.subarray(0, 4)) === space)) {
        this.#wrong("protocol", `search space ${space} was given out twice`);
      }
    }
  }

  /** The channel a message is for, or all of the group (SV2 5.2.3). */
  #addressed({ name, fields: { channelId } }: WorkMessage): NaiveChannel[] {
    const { channels, flags } = this.#connection;
    const channel = channels.get(channelId);
    if (channel !== undefined) return [channel];
    const broadcast = name === "NewExtendedMiningJob" || name === "SetNewPrevHash";
    const readable = ((flags ?? 0) & MiningFlags.requiresStandardJobs) === 0;
    const members = this.#connection.groupOf(channelId);
    if (members.length < 2 || !broadcast || !readable) {
      this.#wrong("protocol", `${name} for channel ${channelId}, which is not open`);
      return [];
    }
    this.#pool.world.reach(`group ${name}`);
    return members;
  }

  #onWork(channel: NaiveChannel, message: WorkMessage): void {
    const now = this.#pool.world.clock.monotonic();
    const { id, kind } = channel.fields;
    const direct = message.fields.channelId === id;
    const wrongKind = kind === "standard" ? "NewExtendedMiningJob" : "NewMiningJob";
    if (direct && message.name === wrongKind) this.#wrong("protocol", `${message.name} to a ${kind} channel`);
    const fault = this.#follow(channel, message, now);
    if (fault !== null) this.#wrong("protocol", `${message.name} on channel ${id}: ${fault}`);
    if (message.name !== "NewExtendedMiningJob") return;
    const { identity } = channel.fields;
    const payout = wrongPayout(message.fields.coinbaseTxSuffix, identity, this.#pool.limits);
    if (payout !== null) this.#wrong("pays-finder", `job ${message.fields.jobId} of channel ${id} ${payout}`);
  }

  #follow(channel: NaiveChannel, message: WorkMessage, now: number): string | null {
    switch (message.name) {
      case "SetTarget":
        if (bytesToTarget(message.fields.maximumTarget) === 0n) return "a target of 0";
        return channel.setTarget(message.fields.maximumTarget);
      case "SetExtranoncePrefix":
        this.#judgePrefix(message.fields.extranoncePrefix);
        return channel.setPrefix(message.fields.extranoncePrefix);
      case "SetNewPrevHash":
        this.#connection.judgeJobAge(channel);
        return channel.setNewPrevHash(message.fields, now);
      default:
        this.#connection.judgeJobAge(channel);
        return channel.addJob(message.fields, now);
    }
  }

  #wrong(invariant: InvariantName, detail: string): void {
    this.#pool.world.violate(invariant, `connection ${this.#connection.id}: ${detail}`);
  }
}
