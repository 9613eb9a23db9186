import { targetToBytes } from "@lode/bitcoin";
import { allMessages, common, type FrameHeader, mining, PROTOCOL_VERSION, Protocol } from "@lode/protocol";
import type { ServerFields, ServerMessage } from "../pool/scripted-miner.ts";
import { Chip } from "./hashing.ts";
import { type PeerOptions, ScriptedPeer } from "./peer.ts";
import { ShareBook } from "./share-book.ts";

/** What a {@link BraiinsOs} is. */
export interface BraiinsOsOptions extends PeerOptions {
  /** Real device's hashes per second. */
  readonly hashrate: number;
  /** Of SetupConnection: 0 in the sources that are public; 1, REQUIRES_STANDARD_JOBS, is what header-only devices should say. */
  readonly flags?: 0 | 1;
}

/** Time between two looks at the chip. */
const LOOK_MS = 1_000;

/**
 * A miner under BraiinsOS. Its public sources end in 2020 (github.com/braiins/braiins at 3c1a16f9,
 * open/bosminer/bosminer/src/client/stratum_v2.rs, to which line numbers refer); later behaviour is what other pools met:
 * frames whose channel_msg bit is not the one of SV2 chapter 08 are "unknown messages" and dropped
 * (github.com/warioishere/blitzpool commit 16434bc). One standard channel, jobs by id, one target for the next job.
 */
export class BraiinsOs extends ScriptedPeer {
  protected readonly payloadLimit = 0xff_ffff;
  /** EVENT_TIMEOUT, line 677. */
  protected readonly silenceLimitMs = 150_000;
  readonly books: readonly [ShareBook];
  readonly #book: ShareBook;
  #hashrate: number;
  readonly #flags: number;
  readonly #jobs = new Map<number, ServerFields<"NewMiningJob">>();
  #stage: "setup" | "opening" | "mining" = "setup";
  #channelId = 0;
  #target: Uint8Array = new Uint8Array(32);
  #prevHash: ServerFields<"SetNewPrevHash"> | undefined;
  #work:
    | { readonly chip: Chip; readonly jobId: number; readonly ntime: number; readonly target: Uint8Array }
    | undefined;
  #tips = 0;
  #sequenceNumber = 0;
  #budget = 0;

  constructor(options: BraiinsOsOptions) {
    super(options);
    this.#hashrate = this.scale.hashrate(options.hashrate);
    this.#flags = options.flags ?? 0;
    this.#book = new ShareBook((text) => this.violate(text));
    this.books = [this.#book];
  }

  /** Tuning finds another profile; real hashes per second. */
  tune(hashrate: number): void {
    this.#hashrate = this.scale.hashrate(hashrate);
  }

  /** Lines 480-491. */
  protected begin(): void {
    this.send(common.SetupConnection, {
      protocol: Protocol.mining,
      minVersion: PROTOCOL_VERSION,
      maxVersion: PROTOCOL_VERSION,
      flags: this.#flags,
      endpointHost: "pool.example",
      endpointPort: 3333,
      vendor: "Braiins",
      hardwareVersion: "Antminer S19",
      firmware: "BOSminer",
      deviceId: "",
    });
    this.every(LOOK_MS, () => this.#onLook());
  }

  /** The header must agree with SV2 chapter 08, bit and all. */
  protected override admits({ msgType, extensionType, channelMsg }: FrameHeader): boolean {
    const known = allMessages.find(
      (definition) => definition.msgType === msgType && definition.extensionType === extensionType,
    );
    if (known !== undefined && known.channelMsg === channelMsg) return true;
    this.violate(`unknown message 0x${msgType.toString(16)} with channel_msg ${Number(channelMsg)}: dropped`);
    return false;
  }

  protected onMessage(message: ServerMessage): void {
    if (this.#stage === "setup") this.#onSetup(message);
    else if (this.#stage === "opening") this.#onOpening(message);
    else this.#onMining(message);
  }

  /** Nominal hash rate 1e9 whatever the device has, request id 10, maximum target difficulty 1 (514-526). */
  #onSetup(message: ServerMessage): void {
    if (message.name !== "SetupConnectionSuccess") {
      this.leave(`unexpected response to the setup: ${message.name}`);
      return;
    }
    this.#stage = "opening";
    this.send(mining.OpenStandardMiningChannel, {
      requestId: 10,
      userIdentity: this.user,
      nominalHashRate: this.scale.hashrate(1e9),
      maxTarget: targetToBytes(this.scale.easiest),
    });
  }

  /** The next message is the answer or the session is over (531-541). */
  #onOpening(message: ServerMessage): void {
    if (message.name !== "OpenStandardMiningChannelSuccess") {
      this.leave(`unexpected response to the opening: ${message.name}`);
      return;
    }
    this.#stage = "mining";
    this.#channelId = message.fields.channelId;
    this.#target = message.fields.target;
  }

  #onMining(message: ServerMessage): void {
    switch (message.name) {
      case "NewMiningJob":
        this.#onJob(message.fields);
        break;
      case "SetNewPrevHash":
        this.#onPrevHash(message.fields);
        break;
      case "SetTarget":
        this.#expect(message.fields.channelId, message.name);
        this.#target = message.fields.maximumTarget; // for the next job (219-227)
        break;
      case "SubmitSharesSuccess":
        this.#book.onSuccess(message.fields, this.clock.monotonic());
        break;
      case "SubmitSharesError":
        this.#book.onError(message.fields, this.#tips, this.clock.monotonic());
        break;
      case "NewExtendedMiningJob":
        this.violate("an extended job, which it cannot work on");
        break;
      default:
        break;
    }
  }

  #expect(channelId: number, name: string): void {
    if (channelId !== this.#channelId) this.violate(`${name} for channel ${channelId}, which is not its own`);
  }

  /** Kept by id; started unless it is a future job or no SetNewPrevHash came yet (310-325). */
  #onJob(job: ServerFields<"NewMiningJob">): void {
    this.#expect(job.channelId, "NewMiningJob");
    this.#jobs.set(job.jobId, job);
    if (job.minNtime === null) return;
    if (this.#prevHash === undefined)
      this.violate(`job ${job.jobId} without a SetNewPrevHash is not started`);
    else this.#start(job, this.#prevHash);
  }

  /** The job must be there: the original stops with a panic otherwise (327-346). */
  #onPrevHash(fields: ServerFields<"SetNewPrevHash">): void {
    this.#expect(fields.channelId, "SetNewPrevHash");
    const job = this.#jobs.get(fields.jobId);
    if (job === undefined) {
      this.leave(`requested job id ${fields.jobId} not found`);
      return;
    }
    this.#prevHash = fields;
    this.#tips++;
    this.#jobs.clear();
    this.#jobs.set(job.jobId, job);
    this.#start(job, fields);
  }

  /** ntime is always the one of the last SetNewPrevHash (128), whatever the job says. */
  #start(job: ServerFields<"NewMiningJob">, tip: ServerFields<"SetNewPrevHash">): void {
    const { prevHash, nbits, minNtime: ntime } = tip;
    const { version, merkleRoot, jobId } = job;
    const chip = new Chip({ version, prevHash, merkleRoot, ntime, nbits });
    this.#work = { chip, jobId, ntime, target: this.#target };
  }

  #onLook(): void {
    this.minds();
    const work = this.#work;
    if (work === undefined || this.left !== null) return;
    this.#budget += (this.#hashrate * LOOK_MS) / 1000;
    const count = Math.floor(this.#budget);
    this.#budget -= count;
    const { chip, jobId, ntime, target } = work;
    for (const { nonce, version } of chip.search(count, target)) {
      const sequenceNumber = this.#sequenceNumber++;
      this.#book.onSent(sequenceNumber, { jobId, tips: this.#tips, sentAt: this.clock.monotonic() });
      const share = { channelId: this.#channelId, sequenceNumber, jobId, nonce, ntime, version };
      this.send(mining.SubmitSharesStandard, share);
    }
  }
}
