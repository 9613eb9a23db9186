import { bytesToTarget, targetToBytes } from "@lode/bitcoin";
import {
  common,
  encodeUserIdentity,
  extensionsNegotiation,
  type FrameHeader,
  mining,
  PROTOCOL_VERSION,
  Protocol,
  WorkerTracking,
} from "@lode/protocol";
import type { ServerFields, ServerMessage } from "../pool/scripted-miner.ts";
import { type PeerOptions, ScriptedPeer } from "./peer.ts";
import type { ReferenceTranslatorOptions } from "./reference-translator-options.ts";
import { ShareBook } from "./share-book.ts";
import { AGGREGATED, Fallback, LOCAL_INDEX_BYTES, TranslatorBooks } from "./translator-books.ts";
import type { LocalVerdict } from "./translator-channel.ts";
import { type RateUpdate, TranslatorDifficulty } from "./translator-difficulty.ts";
import { Sv1Miner, type Sv1Share } from "./translator-miner.ts";
import { targetForRate } from "./translator-target.ts";

type Config = Required<Omit<ReferenceTranslatorOptions, keyof PeerOptions>>;

/** Between two looks at what the miners found. */
const LOOK_MS = 2_000;
const VARDIFF_MS = 60_000;
/** `job_keepalive_interval_secs`. */
const KEEPALIVE_MS = 60_000;

/**
 * The reference translator, translator_sv2 0.6.0 on channels_sv2 8.0.0 (crates.io), with SV1 miners behind it. Line numbers are
 * those of src/lib/sv2/channel_manager/mod.rs unless another file is named. Where the original asks for a fallback this peer
 * leaves; with one upstream configured that ends its process, since an upstream is used once (translator_runtime.rs 342-405).
 * What the original only logs is a violation here when a sound server has no reason for it.
 */
export class ReferenceTranslator extends ScriptedPeer {
  protected readonly payloadLimit = 0xff_ffff;
  protected readonly silenceLimitMs = Number.POSITIVE_INFINITY;
  readonly books: ShareBook[] = [];
  /** Shares the translator kept to itself, by reason. `difficulty-too-low` is normal: miners get rounder, easier targets. */
  readonly kept = new Map<Exclude<LocalVerdict, "valid">, number>();
  /** Miners that were dropped because the pool closed their channel. */
  dropped = 0;
  /** UpdateChannel messages sent. */
  updates = 0;
  /** Extensions granted. */
  readonly extensions = new Set<number>();
  readonly miners = new Set<Sv1Miner>();
  readonly #config: Config;
  readonly #channels: TranslatorBooks;
  readonly #difficulty: TranslatorDifficulty;
  /** Miners by request id, and by local channel key. */
  readonly #pending = new Map<number, Sv1Miner>();
  readonly #minerOf = new Map<number, Sv1Miner>();
  /** By channel id on the wire. */
  readonly #bookOf = new Map<number, ShareBook>();
  readonly #sequence = new Map<number, number>();
  readonly #waiting: Sv1Miner[] = [];
  #aggregate: "none" | "pending" | "connected" = "none";
  #ready = false;
  #nextRequestId = 1;
  #minerCount = 0;

  constructor(options: ReferenceTranslatorOptions) {
    super(options);
    this.#config = {
      aggregated: options.aggregated,
      vardiff: options.vardiff ?? true,
      sharesPerMinute: options.sharesPerMinute ?? 6,
      minHashrate: options.minHashrate ?? 10e12,
      extranonce2Size: options.extranonce2Size ?? 4,
      requiredExtensions: options.requiredExtensions ?? [],
      supportedExtensions: options.supportedExtensions ?? [WorkerTracking.extensionType],
    };
    this.#channels = new TranslatorBooks(this.#config, (text) => this.violate(text));
    this.#difficulty = new TranslatorDifficulty(this.#config);
  }

  /** Channels on the wire. */
  get channelCount(): number {
    return this.#channels.size;
  }

  /** An SV1 miner connects and says its first word, which opens its channel (sv1_server/mod.rs 972-1016). */
  join(worker: string, hashrate: number): Sv1Miner {
    const { minHashrate, sharesPerMinute, extranonce2Size } = this.#config;
    const { scale } = this;
    const assumedRate = scale.hashrate(minHashrate);
    const target = targetForRate(assumedRate, sharesPerMinute);
    const rate = scale.hashrate(hashrate);
    const miner = new Sv1Miner({ worker, rate, assumedRate, target, extranonce2Size, scale });
    this.miners.add(miner);
    if (this.#ready) this.#open(miner);
    return miner;
  }

  /** It disconnects (sv1_server/mod.rs 1525-1589, 969-1029). */
  part(miner: Sv1Miner): void {
    this.miners.delete(miner);
    miner.connected = false;
    this.#difficulty.forget(miner);
    if (this.#config.aggregated && this.#config.vardiff) this.#updateAggregate();
    if (miner.channelKey !== undefined) this.#abandon(miner.channelKey);
  }

  /** upstream/mod.rs 560-589: REQUIRES_VERSION_ROLLING alone. */
  protected begin(): void {
    this.send(common.SetupConnection, {
      protocol: Protocol.mining,
      minVersion: PROTOCOL_VERSION,
      maxVersion: PROTOCOL_VERSION,
      flags: 0b100,
      endpointHost: "127.0.0.1",
      endpointPort: 3333,
      vendor: "SRI",
      hardwareVersion: "Translator Proxy",
      firmware: "",
      deviceId: "",
    });
    this.every(LOOK_MS, () => this.#onLook());
    this.every(KEEPALIVE_MS / 2, () => this.#keepAlive());
    if (this.#config.vardiff) this.every(VARDIFF_MS, () => this.#onVardiff());
  }

  /** A frame of no known kind makes it leave (upstream/mod.rs 448-456). */
  protected override onUnreadable(header: FrameHeader): void {
    this.leave(`unexpected message 0x${header.msgType.toString(16)}`);
  }

  protected override onGone(): void {
    for (const miner of this.miners) miner.connected = false;
  }

  protected onMessage(message: ServerMessage): void {
    try {
      if (this.#ready) this.#onReady(message);
      else this.#onSetup(message);
    } catch (error) {
      if (!(error instanceof Fallback)) throw error;
      this.leave(error.message);
    }
  }

  /** upstream/mod.rs 356-412. */
  #onSetup(message: ServerMessage): void {
    if (message.name !== "SetupConnectionSuccess") throw new Fallback(`setup: ${message.name}`);
    this.#ready = true;
    this.#requestExtensions(1, this.#config.requiredExtensions);
    for (const miner of this.miners) this.#open(miner);
  }

  #onReady(message: ServerMessage): void {
    switch (message.name) {
      case "RequestExtensionsSuccess":
        this.#onExtensions(message.fields.supportedExtensions);
        break;
      case "RequestExtensionsError":
        this.#onExtensionsError(message.fields);
        break;
      case "OpenExtendedMiningChannelSuccess":
        this.#onOpened(message.fields);
        break;
      case "OpenMiningChannelError": // mining_message_handler.rs 416-426
        throw new Fallback(`OpenMiningChannelError: ${message.fields.errorCode}`);
      case "NewExtendedMiningJob":
        for (const key of this.#channels.onJob(message.fields)) this.#notify(key, false);
        break;
      case "SetNewPrevHash":
        for (const key of this.#channels.onPrevHash(message.fields)) this.#notify(key, true);
        break;
      case "SetTarget":
        for (const key of this.#channels.onTarget(message.fields)) {
          const miner = this.#minerOf.get(key);
          if (miner) this.#difficulty.onTarget(miner, bytesToTarget(message.fields.maximumTarget));
        }
        break;
      case "SetExtranoncePrefix":
        this.#channels.onPrefix(message.fields);
        break;
      case "CloseChannel":
        for (const key of this.#channels.onClose(message.fields.channelId)) this.#drop(key);
        break;
      case "SubmitSharesSuccess":
        this.#book(message.fields.channelId, message.name)?.onSuccess(message.fields, this.clock.monotonic());
        break;
      case "SubmitSharesError":
        this.#onShareRefused(message.fields);
        break;
      case "Reconnect": // upstream/common_message_handler.rs 56-64: todo!()
        throw new Fallback("panic at Reconnect");
      default: // UpdateChannel.Error, NewMiningJob, SetGroupChannel and what is for other clients
        this.violate(`${message.name}, which it has no use for`);
        break;
    }
  }

  #requestExtensions(requestId: number, extensions: readonly number[]): void {
    if (extensions.length === 0) return;
    const requestedExtensions = [...extensions];
    this.send(extensionsNegotiation.RequestExtensions, { requestId, requestedExtensions });
  }

  /** extensions_message_handler.rs 31-67. */
  #onExtensions(supported: readonly number[]): void {
    const missing = this.#config.requiredExtensions.filter((extension) => !supported.includes(extension));
    if (missing.length > 0) throw new Fallback(`required extensions ${missing} are not supported`);
    for (const extension of supported) this.extensions.add(extension);
  }

  /** extensions_message_handler.rs 69-154: asks again for what the server requires, when it can. */
  #onExtensionsError(fields: ServerFields<"RequestExtensionsError">): void {
    const { requiredExtensions, supportedExtensions } = this.#config;
    const missing = requiredExtensions.filter((wanted) => fields.unsupportedExtensions.includes(wanted));
    if (missing.length > 0) throw new Fallback(`required extensions ${missing} are not supported`);
    const alien = fields.requiredExtensions.filter((extension) => !supportedExtensions.includes(extension));
    if (alien.length > 0) throw new Fallback(`the server requires extensions ${alien}`);
    this.#requestExtensions(fields.requestId + 1, fields.requiredExtensions);
  }

  /** 629-714, sv1_server/mod.rs 1452-1512. */
  #open(miner: Sv1Miner): void {
    const { aggregated, extranonce2Size } = this.#config;
    this.#minerCount++;
    if (aggregated && this.#aggregate !== "none") {
      if (this.#aggregate === "pending") this.#waiting.push(miner);
      else this.#openPart(miner);
      return;
    }
    if (aggregated) this.#aggregate = "pending";
    const requestId = this.#nextRequestId++;
    this.#pending.set(requestId, miner);
    this.send(mining.OpenExtendedMiningChannel, {
      requestId,
      userIdentity: this.#userIdentity(),
      nominalHashRate: miner.hashrate,
      maxTarget: targetToBytes(this.#difficulty.openingTarget(miner)),
      minExtranonceSize: extranonce2Size + (aggregated ? LOCAL_INDEX_BYTES : 0),
    });
  }

  /** src/lib/utils.rs 269-277, sv1_server/mod.rs 1482-1491. */
  #userIdentity(): string {
    if (this.user.startsWith("sri/")) return this.user;
    if (!this.#config.aggregated) return `${this.user}.miner${this.#minerCount}`;
    return `${this.user.split(".")[0]}.translator-proxy`;
  }

  #onOpened(fields: ServerFields<"OpenExtendedMiningChannelSuccess">): void {
    const miner = this.#pending.get(fields.requestId);
    this.#pending.delete(fields.requestId);
    if (miner === undefined) {
      this.violate(`an answer to request ${fields.requestId}, which was not made`);
      return;
    }
    const key = this.#channels.onOpened(fields);
    const book = new ShareBook((text) => this.violate(text));
    this.books.push(book);
    this.#bookOf.set(fields.channelId, book);
    if (key !== AGGREGATED) {
      // A miner may be gone when its channel comes (sv1_server/mod.rs 1051-1072).
      if (miner.connected) this.#settle(miner, key);
      else this.#abandon(key);
      return;
    }
    this.#aggregate = "connected";
    for (const waiting of [miner, ...this.#waiting.splice(0)]) if (waiting.connected) this.#openPart(waiting);
  }

  #openPart(miner: Sv1Miner): void {
    const key = this.#channels.openPart();
    this.#settle(miner, key);
    this.#notify(key, true);
  }

  /** sv1_server/mod.rs 1083-1163. */
  #settle(miner: Sv1Miner, key: number): void {
    miner.channelKey = key;
    this.#minerOf.set(key, miner);
    const target = this.#channels.get(key)?.target;
    if (target !== undefined) this.#difficulty.onOpened(miner, target, this.clock.monotonic());
    if (this.#config.aggregated && this.#config.vardiff) this.#updateAggregate();
  }

  /** The pool is told in non-aggregated mode alone (1011-1028). */
  #abandon(key: number): void {
    this.#channels.forget(key);
    this.#minerOf.delete(key);
    if (this.#config.aggregated) return;
    this.send(mining.CloseChannel, { channelId: key, reasonCode: "downstream disconnected" });
  }

  /** sv1_server/mod.rs 1322-1354: SV1 knows no closing of channels, so the connection goes. */
  #drop(key: number): void {
    const miner = this.#minerOf.get(key);
    this.#minerOf.delete(key);
    if (miner === undefined) return;
    miner.connected = false;
    miner.channelKey = undefined;
    this.miners.delete(miner);
    this.dropped++;
  }

  /** 258-314, sv1_server/mod.rs 1208-1285: the active job, with the prefix it came under. */
  #notify(key: number, cleanJobs: boolean): void {
    const channel = this.#channels.get(key);
    if (channel?.active === undefined || channel.tip === undefined) return;
    const { prevHash, nbits } = channel.tip;
    const { active: job } = channel;
    const notify = { job, prevHash, nbits, ntime: job.minNtime, cleanJobs, prefix: job.prefix };
    this.#minerOf.get(key)?.notify(notify, this.clock.monotonic());
  }

  /** sv1_server/mod.rs 1851-2044. */
  #keepAlive(): void {
    for (const miner of this.miners) miner.keepAlive(this.clock.monotonic(), KEEPALIVE_MS);
  }

  #onLook(): void {
    const now = this.clock.monotonic();
    for (const miner of this.miners) {
      if (miner.channelKey === undefined) continue;
      for (const share of miner.work(LOOK_MS, now)) this.#onShare(miner, miner.channelKey, share);
    }
  }

  /** 715-921: judged by the channel on the wire first, numbered and passed on after. */
  #onShare(miner: Sv1Miner, key: number, found: Sv1Share): void {
    miner.onShare();
    const own = this.#channels.get(key);
    const channel = this.#channels.upstreamOf(key);
    if (own === undefined || channel === undefined) return;
    const extranonce = Uint8Array.of(...own.localPrefix, ...found.extranonce2);
    const { jobId, nonce, ntime, version } = found;
    const share = { channelId: channel.id, jobId, nonce, ntime, version };
    const verdict = channel.validate({
      ...share,
      extranonce: channel === own ? found.extranonce2 : extranonce,
    });
    if (verdict !== "valid") {
      this.kept.set(verdict, (this.kept.get(verdict) ?? 0) + 1);
      return;
    }
    const sequenceNumber = (this.#sequence.get(channel.id) ?? 0) + 1;
    this.#sequence.set(channel.id, sequenceNumber);
    const sentAt = this.clock.monotonic();
    this.#bookOf.get(channel.id)?.onSent(sequenceNumber, { jobId, tips: channel.tips, sentAt });
    const tlvs = this.#workerTlv(miner.worker);
    this.send(mining.SubmitSharesExtended, { ...share, sequenceNumber, extranonce }, tlvs);
  }

  /** src/lib/utils.rs 284-306: cut to 32 bytes, never inside a character. */
  #workerTlv(worker: string): Uint8Array | undefined {
    if (worker === "" || !this.extensions.has(WorkerTracking.extensionType)) return undefined;
    let cut = worker;
    while (new TextEncoder().encode(cut).length > WorkerTracking.maxLength) cut = cut.slice(0, -1);
    return encodeUserIdentity(cut);
  }

  #onShareRefused(fields: ServerFields<"SubmitSharesError">): void {
    const tips = this.#channels.upstreamOf(fields.channelId)?.tips ?? 0;
    this.#book(fields.channelId, "SubmitSharesError")?.onError(fields, tips, this.clock.monotonic());
  }

  #book(channelId: number, name: string): ShareBook | undefined {
    if (this.#channels.wasClosed(channelId)) return undefined;
    const book = this.#bookOf.get(channelId);
    if (book === undefined) this.violate(`${name} for channel ${channelId}, which is none of its`);
    return book;
  }

  #onVardiff(): void {
    let changed = false;
    for (const miner of this.miners) {
      if (miner.channelKey === undefined) continue;
      const update = this.#difficulty.reconsider(miner, this.clock.monotonic());
      if (update === undefined) continue;
      changed = true;
      if (!this.#config.aggregated) this.#update(miner.channelKey, update);
    }
    if (changed && this.#config.aggregated) this.#updateAggregate();
  }

  #updateAggregate(): void {
    const whole = this.#channels.get(AGGREGATED);
    if (whole !== undefined) this.#update(whole.id, this.#difficulty.aggregate(this.miners));
  }

  #update(channelId: number, { rate: nominalHashRate, target }: RateUpdate): void {
    this.updates++;
    this.send(mining.UpdateChannel, { channelId, nominalHashRate, maximumTarget: targetToBytes(target) });
  }
}
