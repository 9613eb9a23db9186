import { MiningFlags, mining } from "@lode/protocol";
import { GROUP_CHANNEL_ID } from "@lode/roles";
import type { ScriptedMiner, ServerMessage } from "@lode/testing/pool";
import type { FrameConnection } from "@lode/transport";
import { NaiveChannel } from "../sim/model/naive-channel.ts";
import { firstChannelTimeoutMs, identity, limits } from "./setting.ts";

/** What a request for a channel said. */
export interface NaiveOpening {
  readonly kind: "standard" | "extended";
  readonly maxTarget: Uint8Array;
}

type Work = Extract<
  ServerMessage,
  { name: "NewMiningJob" | "NewExtendedMiningJob" | "SetNewPrevHash" | "SetTarget" | "SetExtranoncePrefix" }
>;

/** One client's view of the endpoint, from the messages alone, in the plainest code there is. Throws where a rule is broken. */
export class NaiveConnection {
  readonly miner: ScriptedMiner;
  /** The server's id of it. */
  readonly id: number;
  readonly standardJobs: boolean;
  readonly channels = new Map<number, NaiveChannel>();
  /** Since when there is no channel; meaningless while there is one. */
  #emptySince: number;
  /** Ids below belong, or belonged, to a channel. */
  nextId = GROUP_CHANNEL_ID + 1;
  /** Every job id that was ever given on this connection. */
  readonly #jobIds = new Set<number>();
  /** Channels that were told a target and no job since. */
  readonly #awaitingJob = new Set<number>();

  constructor(miner: ScriptedMiner, server: FrameConnection, flags: number, now: number) {
    this.miner = miner;
    this.id = server.id;
    this.#emptySince = now;
    this.standardJobs = (flags & MiningFlags.requiresStandardJobs) !== 0;
  }

  /** Whether later jobs must come once, to the group. */
  get grouped(): boolean {
    return this.channels.size > 1 && !this.standardJobs;
  }

  /** Whether the server's patience with a client without channels is over (SV2 5.3.2). */
  isOverdue(now: number): boolean {
    return this.channels.size === 0 && now - this.#emptySince >= firstChannelTimeoutMs;
  }

  /** The client closes a channel, or the group. */
  close(channelId: number, now: number): void {
    this.miner.send(mining.CloseChannel, { channelId, reasonCode: "" }).takeNames();
    const before = this.channels.size;
    if (channelId === GROUP_CHANNEL_ID) this.channels.clear();
    else this.channels.delete(channelId);
    if (before > 0 && this.channels.size === 0) this.#emptySince = now;
  }

  /** Reads everything that came. @returns `name` or `name group` of each */
  read(now: number): string[] {
    const messages = this.miner.takeAll();
    const names = messages.map((message) => this.#readOne(message, now));
    if (this.#awaitingJob.size > 0)
      throw new Error(`SetTarget without a job: ${[...this.#awaitingJob].join()}`);
    return names;
  }

  /** Reads the answer to an opening: Success, one future job, the SetNewPrevHash that activates it. */
  readOpened({ kind, maxTarget }: NaiveOpening, now: number): NaiveChannel {
    const { miner } = this;
    const opened =
      kind === "standard"
        ? { ...miner.take("OpenStandardMiningChannelSuccess"), extranonceSize: 0 }
        : miner.take("OpenExtendedMiningChannelSuccess");
    const { channelId: id, extranonceSize, target } = opened;
    if (id !== this.nextId) throw new Error(`channel ${id}, not ${this.nextId}`);
    if (opened.groupChannelId !== GROUP_CHANNEL_ID) throw new Error("another group");
    this.nextId++;
    const prefix = opened.extranoncePrefix.slice();
    if (prefix.length + extranonceSize !== 20) throw new Error("another extranonce size");
    const groupId = GROUP_CHANNEL_ID;
    const fields = { id, kind, identity, groupId, prefix, extranonceSize, target: target.slice(), maxTarget };
    const channel = new NaiveChannel(fields, limits);
    this.channels.set(id, channel);
    const names = this.read(now);
    const job = kind === "standard" ? "NewMiningJob" : "NewExtendedMiningJob";
    if (names.join() !== `${job},SetNewPrevHash`) throw new Error(`opening brought ${names.join()}`);
    return channel;
  }

  #readOne(message: ServerMessage, now: number): string {
    switch (message.name) {
      case "NewMiningJob":
      case "NewExtendedMiningJob":
      case "SetNewPrevHash":
      case "SetTarget":
      case "SetExtranoncePrefix":
        return this.#readWork(message, now);
      case "SubmitSharesSuccess": {
        const channel = this.channels.get(message.fields.channelId);
        const { fault, undurable } = channel?.answered(message.fields) ?? {
          fault: "no such channel",
          undurable: false,
        };
        if (fault !== null || undurable) throw new Error(`SubmitShares.Success: ${fault ?? "not durable"}`);
        return message.name;
      }
      default:
        throw new Error(`unexpected ${message.name}`);
    }
  }

  #readWork(message: Work, now: number): string {
    const { channelId } = message.fields;
    const toGroup = channelId === GROUP_CHANNEL_ID;
    const own = this.channels.get(channelId);
    const channels = toGroup ? [...this.channels.values()] : own === undefined ? [] : [own];
    if (channels.length === 0) throw new Error(`${message.name} for channel ${channelId}, which is not open`);
    if (toGroup && !this.grouped) throw new Error(`${message.name} to a group that is none`);
    if (toGroup && !["NewExtendedMiningJob", "SetNewPrevHash"].includes(message.name)) {
      throw new Error(`${message.name} to the group`);
    }
    if ("jobId" in message.fields && message.name !== "SetNewPrevHash") {
      if (this.#jobIds.has(message.fields.jobId)) throw new Error(`job id ${message.fields.jobId} again`);
      this.#jobIds.add(message.fields.jobId);
    }
    for (const channel of channels) {
      const fault = this.#follow(channel, message, now, toGroup);
      if (fault !== null) throw new Error(`${message.name} on channel ${channel.fields.id}: ${fault}`);
    }
    return toGroup ? `${message.name} group` : message.name;
  }

  #follow(channel: NaiveChannel, message: Work, now: number, toGroup: boolean): string | null {
    const { id, kind } = channel.fields;
    switch (message.name) {
      case "SetTarget":
        this.#awaitingJob.add(id);
        return channel.setTarget(message.fields.maximumTarget);
      case "SetExtranoncePrefix":
        this.#awaitingJob.add(id);
        return channel.setPrefix(message.fields.extranoncePrefix);
      case "SetNewPrevHash":
        return channel.setNewPrevHash(message.fields, now);
      default:
        if (!toGroup && (message.name === "NewMiningJob") !== (kind === "standard"))
          return "of the other kind";
        this.#awaitingJob.delete(id);
        return channel.addJob(message.fields, now);
    }
  }
}
