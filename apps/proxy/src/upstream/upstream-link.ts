import type { Clock, Logger, Metrics, Timer } from "@lode/ports";
import type { mining } from "@lode/protocol";
import {
  type ActiveJob,
  type ChannelRequest,
  type ClientChannel,
  type ClientShare,
  EXTRANONCE1_SIZE,
  MiningClient,
  printable,
} from "@lode/roles";
import type { FrameConnection } from "@lode/transport";
import { ChannelWork } from "../miner/channel-work.ts";

/** Who uses a channel of a link. */
export interface ChannelUser {
  onOpened(channel: ClientChannel): void;
  onOpenRefused(errorCode: string): void;
  /** A job to mine on; all earlier ones are over when `newTip`. */
  onJob(channel: ClientChannel, job: ActiveJob, newTip: boolean): void;
  /** Jobs to come have another target. */
  onTarget?(channel: ClientChannel): void;
  onAccepted(answer: mining.SubmitSharesSuccess): void;
  onRejected(sequenceNumber: number, errorCode: string): void;
  onUpdateRefused?(errorCode: string): void;
  /** The pool closed the channel; the link goes on. */
  onChannelClosed(reasonCode: string): void;
}

/** Told about a whole link. */
export interface LinkListener {
  /** There is work: the link can be used. */
  onReady(link: UpstreamLink): void;
  /** The lobby's work is another. */
  onLobbyWork(link: UpstreamLink, work: ChannelWork, newTip: boolean): void;
  /** The connection is over; once. */
  onLost(link: UpstreamLink, reason: string): void;
}

/** What an {@link UpstreamLink} needs. */
export interface LinkDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What is asked of a pool. */
export interface LinkSettings {
  /** For logs and metrics. */
  readonly name: string;
  /** Whom the jobs before an authorization belong to. */
  readonly lobbyIdentity: string;
  /** nominal_hash_rate of the lobby, hashes per second. */
  readonly lobbyHashrate: number;
  readonly extranonce2Size: number;
  /** What is told of this proxy. */
  readonly vendor: string;
  /** Time from the connection to the first work of the lobby, milliseconds. */
  readonly readyMs: number;
}

/** One connection to a pool: the lobby's channel, and one channel for each miner. */
export class UpstreamLink {
  readonly name: string;
  readonly #settings: LinkSettings;
  readonly #deps: LinkDeps;
  readonly #listener: LinkListener;
  readonly #connection: FrameConnection;
  readonly #client: MiningClient;
  /** Users of requests without an answer, by request id; null is the lobby. */
  readonly #requests = new Map<number, ChannelUser | null>();
  readonly #users = new Map<number, ChannelUser>();
  #waiting: { readonly user: ChannelUser; readonly request: ChannelRequest }[] = [];
  #lobby: ClientChannel | undefined;
  #lobbyWork: ChannelWork | undefined;
  #deadline: Timer;
  #open = true;
  #refusal: string | undefined;
  #heardAt: number;

  /** Starts the connection. */
  constructor(connection: FrameConnection, settings: LinkSettings, listener: LinkListener, deps: LinkDeps) {
    this.name = settings.name;
    this.#settings = settings;
    this.#listener = listener;
    this.#deps = deps;
    this.#connection = connection;
    this.#heardAt = deps.clock.monotonic();
    this.#deadline = deps.clock.after(settings.readyMs, () => this.end("no-work"));
    this.#client = new MiningClient(
      connection,
      { flags: 0, vendor: settings.vendor },
      {
        onSetup: () => this.#openLobby(),
        onRefused: (reason, errorCode) => this.#onLost(errorCode ?? reason),
        onOpened: (channel, requestId) => this.#onOpened(channel, requestId),
        onOpenRefused: (requestId, errorCode) => this.#onOpenRefused(requestId, errorCode),
        onJob: (channel, job, newTip) => this.#onJob(channel, job, newTip),
        onTarget: (channel) => this.#users.get(channel.id)?.onTarget?.(channel),
        onUpdateRefused: (channel, errorCode) =>
          this.#users.get(channel.id)?.onUpdateRefused?.(printable(errorCode)),
        onAccepted: (channel, answer) => {
          this.#heard();
          this.#users.get(channel.id)?.onAccepted(answer);
        },
        onRejected: (channel, { sequenceNumber, errorCode }) => {
          this.#heard();
          this.#users.get(channel.id)?.onRejected(sequenceNumber, printable(errorCode));
        },
        onChannelClosed: (channel, reasonCode) => this.#onChannelClosed(channel, printable(reasonCode)),
        onViolation: (violation, message) =>
          deps.logger.warn({ upstream: this.name, violation, message }, "the pool broke a rule"),
        onClose: (reason) => this.#onLost(reason),
      },
      deps,
    );
  }

  /** False once the connection is over. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** The lobby's work; undefined before the first. */
  get lobbyWork(): ChannelWork | undefined {
    return this.#open ? this.#lobbyWork : undefined;
  }

  /** Open channels of miners. */
  get channels(): number {
    return this.#users.size;
  }

  /** Requests for channels that were sent and not answered, or wait. */
  get openings(): number {
    return this.#requests.size + this.#waiting.length;
  }

  /** Monotonic milliseconds at which the pool last said something about jobs, channels or shares. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Asks for a channel; only so many requests are under way at once, the others wait. */
  open(user: ChannelUser, request: ChannelRequest): void {
    this.#waiting.push({ user, request });
    this.#openWaiting();
  }

  /** Bytes of extranonce that a Stratum V1 miner needs of its channel. */
  get sv1ExtranonceSize(): number {
    return EXTRANONCE1_SIZE + this.#settings.extranonce2Size;
  }

  /** Nobody waits for the answer any more. */
  giveUp(user: ChannelUser): void {
    this.#waiting = this.#waiting.filter((one) => one.user !== user);
    for (const [id, one] of this.#requests) if (one === user) this.#requests.set(id, GONE);
  }

  /** @returns the share's sequence number */
  submit(channel: ClientChannel, share: ClientShare): number {
    return this.#client.submit(channel, share);
  }

  update(channel: ClientChannel, nominalHashRate: number, maximumTarget?: Uint8Array): void {
    this.#client.update(channel, nominalHashRate, maximumTarget);
  }

  closeChannel(channel: ClientChannel): void {
    this.#users.delete(channel.id);
    this.#client.closeChannel(channel, "miner-left");
  }

  end(reason: string): void {
    this.#client.close(reason);
  }

  /** Ends at once: the peer does not answer. */
  destroy(reason: string): void {
    this.#connection.destroy(reason);
  }

  #openLobby(): void {
    this.#heard();
    const request = this.#client.open({
      userIdentity: this.#settings.lobbyIdentity,
      nominalHashRate: this.#settings.lobbyHashrate,
      minExtranonceSize: this.sv1ExtranonceSize,
    });
    this.#requests.set(request, null);
  }

  #openWaiting(): void {
    while (this.#open && this.#waiting.length > 0 && this.#requests.size < MOST_OPENINGS) {
      const { user, request } = this.#waiting.shift()!;
      this.#requests.set(this.#client.open(request), user);
    }
  }

  #onOpened(channel: ClientChannel, requestId: number): void {
    this.#heard();
    const user = this.#requests.get(requestId);
    this.#requests.delete(requestId);
    if (user === null) {
      if (channel.kind !== "extended" || channel.extranonceSize < this.sv1ExtranonceSize) {
        this.#refusal = `${channel.extranonceSize} bytes of extranonce were granted, ${this.sv1ExtranonceSize} are needed`;
        this.end("extranonce-too-small");
        return;
      }
      this.#lobby = channel;
    } else if (user === undefined || user === GONE) this.#client.closeChannel(channel, "miner-left");
    else {
      this.#users.set(channel.id, user);
      user.onOpened(channel);
    }
    this.#openWaiting();
  }

  #onOpenRefused(requestId: number, errorCode: string): void {
    this.#heard();
    const user = this.#requests.get(requestId);
    this.#requests.delete(requestId);
    const code = printable(errorCode);
    if (user === null) {
      this.#refusal = `the proxy's own user_identity was refused: ${code}`;
      this.end("lobby-refused");
    } else user?.onOpenRefused(code);
    this.#openWaiting();
  }

  #onJob(channel: ClientChannel, job: ActiveJob, newTip: boolean): void {
    this.#heard();
    const isLobby = channel === this.#lobby;
    const user = this.#users.get(channel.id);
    if (!isLobby && user === undefined) return;
    if (!isLobby) {
      user!.onJob(channel, job, newTip);
      return;
    }
    const work = new ChannelWork(channel, job, this.#settings.extranonce2Size);
    const first = this.#lobbyWork === undefined;
    this.#lobbyWork = work;
    this.#deadline.cancel();
    if (first) this.#listener.onReady(this);
    else this.#listener.onLobbyWork(this, work, newTip);
  }

  #onChannelClosed(channel: ClientChannel, reasonCode: string): void {
    this.#heard();
    if (channel === this.#lobby) {
      // Nobody could be told a job before an authorization: as good as lost.
      this.end("lobby-closed");
      return;
    }
    const user = this.#users.get(channel.id);
    this.#users.delete(channel.id);
    user?.onChannelClosed(reasonCode);
  }

  #onLost(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#deadline.cancel();
    this.#waiting = [];
    this.#requests.clear();
    this.#users.clear();
    if (this.#refusal !== undefined)
      this.#deps.logger.error({ upstream: this.name }, `this pool cannot be used: ${this.#refusal}`);
    this.#listener.onLost(this, reason);
  }

  #heard(): void {
    this.#heardAt = this.#deps.clock.monotonic();
  }
}

/** Requests for channels that may be under way at once. */
const MOST_OPENINGS = 256;

const nothing = () => {};
/** Stands for a miner that left before its channel was there. */
const GONE: ChannelUser = {
  onOpened: nothing,
  onOpenRefused: nothing,
  onJob: nothing,
  onAccepted: nothing,
  onRejected: nothing,
  onChannelClosed: nothing,
};
