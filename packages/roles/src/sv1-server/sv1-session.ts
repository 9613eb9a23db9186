import { splitIdentity } from "@lode/mining";
import { type Clock, type Timer, TokenBucket } from "@lode/ports";
import {
  configureResult,
  encodeError,
  encodeNotification,
  encodeResult,
  parseSv1Line,
  readConfigure,
  readPassword,
  Sv1Error,
  Sv1ErrorCode,
  type Sv1ErrorNumber,
  type Sv1Request,
  serverMethods,
  subscribeResult,
} from "@lode/protocol/sv1";
import type { LineConnection, LineHandler } from "@lode/transport";
import type { Sv1CloseReason, Sv1ServerSettings } from "./settings.ts";
import { faultOfForm, rolledVersion } from "./share-form.ts";
import type { Sv1MinerWishes, Sv1Share, Sv1Work } from "./sv1-work.ts";
import { ToldJobs } from "./told-jobs.ts";

/** Who gives a session its work and judges its shares. */
export interface Sv1SessionOwner<W extends Sv1Work> {
  readonly clock: Clock;
  readonly settings: Sv1ServerSettings;
  /** Work for miners that nobody is authorized for yet; undefined while there is none. */
  lobbyWork(): W | undefined;
  /** A name is to be authorized: answer with {@link Sv1Session.authorized} or {@link Sv1Session.refuseName}. */
  onAuthorize(session: Sv1Session<W>, user: string): void;
  /** A share in good form: answer with {@link Sv1Session.accept} or {@link Sv1Session.refuse}. */
  onShare(session: Sv1Session<W>, share: Sv1Share<W>): void;
  /** A share that was refused already for want of an authorization, or as stale; it may be a block all the same. */
  onLostShare(session: Sv1Session<W>, share: Sv1Share<W>): void;
  /** The miner's wishes have changed. */
  onWishes(session: Sv1Session<W>): void;
  /** Counts refusals of shares by code and unreadable lines by their code. */
  onRefused(code: Sv1ErrorNumber): void;
  onUnreadable(code: Sv1Error["code"]): void;
  onEnd(session: Sv1Session<W>, reason: string): void;
}

type Params<N extends Sv1Request["name"]> = Extract<Sv1Request, { name: N }>["params"];

/**
 * One Stratum V1 miner: the handshake in whatever order it comes, jobs, shares in their form. What shares are worth is its owner's
 * to say.
 */
export class Sv1Session<W extends Sv1Work> implements LineHandler {
  readonly connection: LineConnection;
  /** The session's own part of the extranonce; no other session of the process has it. */
  readonly extranonce1: Uint8Array;
  readonly #owner: Sv1SessionOwner<W>;
  readonly #jobs: ToldJobs<W>;
  readonly #unreadable: TokenBucket;
  readonly #refusedShares: TokenBucket;
  readonly #refusedNames: TokenBucket;
  #deadline: Timer;
  #open = true;
  #subscribed = false;
  #wishes: Sv1MinerWishes = { userAgent: "", minimumDifficulty: undefined, suggestedDifficulty: undefined };
  /** Version bits by mining.configure; undefined for a miner that never asked. */
  #configuredMask: number | undefined;
  #toldMask = 0;
  /** The name that is authorized, or about to be. */
  #user: string | undefined;
  #authorized = false;
  /** Ids of the requests that wait for the name's verdict. */
  #asking: string[] = [];
  #work: W | undefined;
  #toldDifficulty: number | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;
  #unanswered = 0;

  constructor(connection: LineConnection, extranonce1: Uint8Array, owner: Sv1SessionOwner<W>) {
    this.connection = connection;
    this.extranonce1 = extranonce1;
    this.#owner = owner;
    const { settings, clock } = owner;
    const now = clock.monotonic();
    this.#jobs = new ToldJobs(settings.jobs);
    this.#unreadable = new TokenBucket(now);
    this.#refusedShares = new TokenBucket(now);
    this.#refusedNames = new TokenBucket(now);
    this.#deadline = clock.after(settings.authorizeMs, () => this.close("not-authorized"));
    connection.start(this);
  }

  /** False once the connection is over or about to be. */
  get isOpen(): boolean {
    return this.#open;
  }

  get isAuthorized(): boolean {
    return this.#authorized;
  }

  /** The authorized name; undefined before. */
  get user(): string | undefined {
    return this.#authorized ? this.#user : undefined;
  }

  get wishes(): Sv1MinerWishes {
    return this.#wishes;
  }

  /** Shares handed to the owner that have no answer yet. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** The work the miner was told last; undefined before the first. */
  get work(): W | undefined {
    return this.#work;
  }

  /** Monotonic milliseconds of the last job. */
  get toldAt(): number {
    return this.#toldAt;
  }

  /** Gives the miner work, at once or as soon as it has subscribed. `clean`: earlier jobs are over. */
  setWork(work: W, clean: boolean): void {
    if (!this.#open) return;
    const first = this.#work === undefined;
    this.#work = work;
    if (this.#subscribed) this.#tell(work, clean || first);
  }

  /** Tells the newest job again, with a new id and time. */
  tellAgain(): void {
    if (this.#open && this.#subscribed && this.#work !== undefined) this.#tell(this.#work, false);
  }

  /** The name may mine. */
  authorized(): void {
    if (!this.#open || this.#user === undefined) return;
    this.#authorized = true;
    this.#deadline.cancel();
    for (const id of this.#asking.splice(0)) this.#send(encodeResult(id, true));
    this.#tellMask();
  }

  /** The name may not mine; the owner is told why in words. Another name may be tried. */
  refuseName(text: string, code: Sv1ErrorNumber = Sv1ErrorCode.unauthorized): void {
    if (!this.#open) return;
    this.#user = undefined;
    this.#authorized = false;
    for (const id of this.#asking.splice(0)) this.#send(encodeError(id, code, text));
    if (!this.#refusedNames.take(this.#owner.settings.refusedNames, this.#now()))
      this.close("too-many-refused-names");
  }

  /** The answer to a share: it counts. */
  accept(id: string): void {
    this.#unanswered -= 1;
    this.#refusedShares.giveBack();
    this.#send(encodeResult(id, true));
  }

  /** The answer to a share: it does not count. `blameless`: by no fault of the miner, so that it costs no patience. */
  refuse(id: string, code: Sv1ErrorNumber, text: string, blameless = false): void {
    this.#unanswered -= 1;
    this.#refuseShare(id, code, text, blameless);
  }

  /** Ends the connection; `text` tells the device's owner what to mend. */
  close(reason: Sv1CloseReason, text?: string): void {
    if (!this.#open) return;
    if (text !== undefined) this.#send(encodeNotification(serverMethods.showMessage, { text }));
    this.#open = false;
    this.#deadline.cancel();
    this.connection.close(reason);
  }

  onLine(line: string): void {
    if (!this.#open) return;
    try {
      const message = parseSv1Line(line);
      if (message.name === "response") return;
      if (message.name === "unknown") {
        this.#send(encodeError(message.id, Sv1ErrorCode.other, "this method is not supported here"));
      } else this.#onRequest(message);
    } catch (error) {
      if (!(error instanceof Sv1Error)) throw error;
      this.#onUnreadable(error);
    }
  }

  onClose(reason: string): void {
    this.#open = false;
    this.#deadline.cancel();
    this.#owner.onEnd(this, reason);
  }

  #onRequest(request: Sv1Request): void {
    const { id } = request;
    switch (request.name) {
      case "configure":
        this.#onConfigure(id, request.params);
        break;
      case "subscribe":
        this.#onSubscribe(id, request.params);
        break;
      case "authorize":
        this.#onAuthorize(id, request.params);
        break;
      case "submit":
        this.#onSubmit(id, request.params);
        break;
      case "suggestDifficulty":
        this.#send(encodeResult(id, true));
        this.#wish({ suggestedDifficulty: request.params.difficulty ?? undefined });
        break;
      case "suggestTarget":
        this.#send(encodeResult(id, true));
        if (request.params.target > 0n)
          this.#wish({ suggestedDifficulty: DIFF1 / Number(request.params.target) });
        break;
      case "extranonceSubscribe":
        // extranonce1 is the session's own for good, so there is never anything to tell.
        this.#send(encodeResult(id, true));
        break;
      case "ping":
        this.#send(encodeResult(id, "pong"));
        break;
    }
  }

  #onConfigure(id: string, params: Params<"configure">): void {
    const { versionMask, minimumDifficulty } = readConfigure(params);
    if (versionMask !== undefined) {
      this.#configuredMask = versionMask;
      this.#toldMask = this.#grantedMask(this.#work ?? this.#owner.lobbyWork());
    }
    this.#send(encodeResult(id, configureResult(params, this.#toldMask, minimumDifficulty !== undefined)));
    if (minimumDifficulty !== undefined) this.#wish({ minimumDifficulty });
  }

  #onSubscribe(id: string, { userAgent }: Params<"subscribe">): void {
    if (userAgent !== "") this.#wishes = { ...this.#wishes, userAgent };
    const { extranonce2Size } = this.#owner.settings;
    const sessionId = Buffer.from(this.extranonce1).toString("hex");
    this.#send(encodeResult(id, subscribeResult(sessionId, this.extranonce1, extranonce2Size)));
    this.#subscribed = true;
    // Before the authorization: some clients look for a job and leave without one.
    this.#work ??= this.#owner.lobbyWork();
    if (this.#work !== undefined) this.#tell(this.#work, true);
  }

  #onAuthorize(id: string, { user, password }: Params<"authorize">): void {
    const { difficulty } = readPassword(password);
    if (difficulty !== undefined) this.#wish({ minimumDifficulty: difficulty });
    if (this.#user === undefined) {
      this.#user = user;
      this.#asking.push(id);
      this.#owner.onAuthorize(this, user);
    } else if (splitIdentity(user).name !== splitIdentity(this.#user).name) {
      const text = `this connection mines for ${splitIdentity(this.#user).name}; another account needs another connection`;
      this.#send(encodeError(id, Sv1ErrorCode.unauthorized, text));
    } else if (this.#authorized) this.#send(encodeResult(id, true));
    else if (this.#asking.length < MOST_ASKING) this.#asking.push(id);
    else this.#send(encodeError(id, Sv1ErrorCode.other, "too many requests wait for an answer"));
  }

  #onSubmit(id: string, params: Params<"submit">): void {
    if (!this.#subscribed) {
      this.#refuseShare(id, Sv1ErrorCode.notSubscribed, "send mining.subscribe first");
      return;
    }
    const told = this.#jobs.find(params.jobId);
    if (told === undefined) {
      this.#refuseShare(id, Sv1ErrorCode.staleJob, "this job is unknown or too old");
      return;
    }
    const { work, versionMask } = told;
    const { extranonce2, ntime, nonce, worker } = params;
    const { settings, clock } = this.#owner;
    const fault = faultOfForm(params, work, versionMask, settings.extranonce2Size, clock.now());
    if (fault !== undefined) {
      this.#refuseShare(id, Sv1ErrorCode.other, fault);
      return;
    }
    const version = rolledVersion(work.version, params.versionBits, versionMask);
    const share: Sv1Share<W> = { id, worker, work, extranonce2, ntime, nonce, version };
    if (!this.#authorized) {
      this.#refuseShare(id, Sv1ErrorCode.unauthorized, "nobody is authorized on this connection");
      this.#owner.onLostShare(this, share);
    } else if (this.#jobs.isOver(params.jobId)) {
      this.#refuseShare(id, Sv1ErrorCode.staleJob, "stale: a new block has ended this job");
      this.#owner.onLostShare(this, share);
    } else {
      this.#unanswered += 1;
      this.#owner.onShare(this, share);
    }
  }

  #refuseShare(id: string, code: Sv1ErrorNumber, text: string, blameless = false): void {
    this.#send(encodeError(id, code, text));
    this.#owner.onRefused(code);
    // Stale shares come of new blocks, which are nobody's fault.
    if (blameless || code === Sv1ErrorCode.staleJob) return;
    if (!this.#refusedShares.take(this.#owner.settings.refusedShares, this.#now()))
      this.close("too-many-refused-shares");
  }

  #onUnreadable(error: Sv1Error): void {
    this.#owner.onUnreadable(error.code);
    this.#send(encodeError(error.id, Sv1ErrorCode.other, error.message));
    if (!this.#unreadable.take(this.#owner.settings.unreadable, this.#now()))
      this.close("too-many-unreadable");
  }

  #wish(wish: Partial<Sv1MinerWishes>): void {
    const before = this.#wishes;
    this.#wishes = { ...before, ...wish };
    const same =
      this.#wishes.minimumDifficulty === before.minimumDifficulty &&
      this.#wishes.suggestedDifficulty === before.suggestedDifficulty;
    if (!same && this.#user !== undefined) this.#owner.onWishes(this);
  }

  /** mining.set_difficulty when the job's is another, then mining.notify. */
  #tell(work: W, clean: boolean): void {
    this.#tellMask();
    if (work.difficulty !== this.#toldDifficulty) {
      this.#toldDifficulty = work.difficulty;
      this.#send(encodeNotification(serverMethods.setDifficulty, { difficulty: work.difficulty }));
    }
    const jobId = this.#jobs.add({ work, versionMask: this.#grantedMask(work) }, clean);
    const { prevHash, coinbase1, coinbase2, merklePath, version, nbits } = work;
    const ntime = this.#ntime(work);
    const values = {
      jobId,
      prevHash,
      coinbase1,
      coinbase2,
      merklePath,
      version,
      nbits,
      ntime,
      cleanJobs: clean,
    };
    this.#send(encodeNotification(serverMethods.notify, values));
    this.#toldAt = this.#now();
  }

  /**
   * The time a miner starts from: the clock's, but no more than an hour above the job's least, as pools built on the
   * reference's library refuse shares two hours above it.
   */
  #ntime({ minNtime }: W): number {
    return Math.min(Math.max(Math.floor(this.#owner.clock.now() / 1000), minNtime), minNtime + MAX_AHEAD);
  }

  /** Told only to those that asked for version rolling, and not before somebody is authorized: some leave otherwise. */
  #tellMask(): void {
    if (this.#configuredMask === undefined || !this.#authorized || this.#work === undefined) return;
    const mask = this.#grantedMask(this.#work);
    if (mask === this.#toldMask) return;
    this.#toldMask = mask;
    this.#send(encodeNotification(serverMethods.setVersionMask, { mask }));
  }

  /** A miner that never asked may roll as well: some do. */
  #grantedMask(work: W | undefined): number {
    if (work?.versionRollingAllowed === false) return 0;
    const { versionMask } = this.#owner.settings;
    return ((this.#configuredMask ?? versionMask) & versionMask) >>> 0;
  }

  #send(line: string): void {
    if (this.#open) this.connection.send(line);
  }

  #now(): number {
    return this.#owner.clock.monotonic();
  }
}

const DIFF1 = Number(0xffffn << 208n);
const MAX_AHEAD = 3_600;
const MOST_ASKING = 16;
