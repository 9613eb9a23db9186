import { Bitaxe, BraiinsOs, NerdQAxe, ReferenceTranslator, type ScriptedPeer } from "@lode/testing/peers";
import { Prng } from "@lode/testing/random";
import type { FrameConnection } from "@lode/transport";
import { PeerWorld } from "./peer-world.ts";

/** A peer and the server's end of its line. */
interface Guest {
  readonly peer: ScriptedPeer;
  readonly server: FrameConnection;
}

const SMALL = 0.15e12;
const MAX_GUESTS = 8;

/**
 * Peers of all kinds come, go, change and are moved while the chain does what it likes, all drawn from a seed. What each thinks of
 * the pool is judged when it goes.
 */
export class RandomLife {
  readonly world: PeerWorld;
  readonly #prng: Prng;
  #guests: Guest[] = [];
  #count = 0;
  /** Shares of everybody who ever was here. */
  readonly total = { sent: 0, accepted: 0, overtaken: 0 };

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    this.world = new PeerWorld({
      latencyMs: this.#prng.pick([0, 0, 15, 180]),
      jitterMs: this.#prng.pick([0, 0, 60]),
      commitMs: this.#prng.pick([5, 40, 300]),
      tipMs: 1_000 * this.#prng.between(7, 120) + 0.5,
      templateMs: 1_000 * this.#prng.between(3, 40) + 0.25,
      settings: { extensions: { supported: [0x0002], required: [] } },
    });
    for (let count = 0; count < 5; count++) this.#arrive();
  }

  /** Lives on for a while, with something happening every few seconds. @throws PeerComplaint */
  run(minutes: number): void {
    const { clock } = this.world.pool;
    const end = clock.monotonic() + minutes * 60_000;
    while (clock.monotonic() < end) {
      clock.advance(this.#prng.between(200, 6_000));
      this.#step();
    }
    for (const guest of this.#guests) this.#judge(guest);
  }

  #step(): void {
    const prng = this.#prng;
    const guest = this.#guests.length === 0 ? undefined : prng.pick(this.#guests);
    const { jobs } = this.world.pool;
    switch (prng.below(12)) {
      case 0:
        if (this.#guests.length < MAX_GUESTS) this.#arrive();
        break;
      case 1:
        if (guest !== undefined && this.#guests.length > 3) this.#depart(guest);
        break;
      case 2:
        jobs.nextTip();
        break;
      case 3:
        jobs.next();
        break;
      case 4:
        jobs.on({ ...jobs.tip, headerTimestamp: jobs.tip.headerTimestamp - 20 });
        break;
      case 5:
        if (guest !== undefined) this.#move(guest);
        break;
      case 6:
      case 7:
        if (guest !== undefined) this.#tune(guest.peer);
        break;
      default:
        if (guest?.peer instanceof ReferenceTranslator) this.#shuffle(guest.peer);
    }
  }

  #arrive(): void {
    const prng = this.#prng;
    const { server, client } = this.world.pool.wire();
    const options = this.world.options(`guest${this.#count++}`, client);
    const hashrate = this.#rate();
    const kind = prng.pick(["standard", "extended"] as const);
    const peer = prng.pick([
      () => new Bitaxe({ ...options, kind, firmware: prng.pick(["2.14", "2.15"] as const), hashrate }),
      () => new NerdQAxe({ ...options, hashrate }),
      () => new BraiinsOs({ ...options, flags: prng.pick([0, 1] as const), hashrate }),
      () => this.#translator(options),
      () => this.#translator(options),
    ])();
    this.#guests.push({ peer, server });
  }

  #translator(options: ReturnType<PeerWorld["options"]>): ReferenceTranslator {
    const prng = this.#prng;
    const translator = new ReferenceTranslator({
      ...options,
      aggregated: prng.chance(0.4),
      vardiff: prng.chance(0.5),
      minHashrate: SMALL,
      requiredExtensions: prng.chance(0.5) ? [0x0002] : [],
    });
    for (let count = prng.below(5); count >= 0; count--) translator.join(`rig${count}`, this.#rate());
    return translator;
  }

  /** Its owner takes it away; before that, what is under way comes home. */
  #depart(guest: Guest): void {
    this.#judge(guest);
    this.#guests = this.#guests.filter((other) => other !== guest);
    guest.peer.unplug();
  }

  #judge({ peer }: Guest): void {
    peer.judge();
    const { sent, accepted, overtaken, unanswered } = peer.shares;
    this.total.sent += sent - unanswered;
    this.total.accepted += accepted;
    this.total.overtaken += overtaken;
  }

  /** Another prefix for whoever takes one. */
  #move({ peer, server }: Guest): void {
    if (!(peer instanceof NerdQAxe) && !(peer instanceof ReferenceTranslator)) return;
    this.world.pool.server.moveExtranoncePrefix(server.id, this.#prng.between(2, 6));
  }

  #tune(peer: ScriptedPeer): void {
    if (peer instanceof ReferenceTranslator) {
      if (peer.miners.size > 0) this.#prng.pick([...peer.miners]).tune(this.#rate());
    } else if (peer instanceof Bitaxe || peer instanceof NerdQAxe || peer instanceof BraiinsOs) {
      peer.tune(this.#rate());
    }
  }

  #shuffle(translator: ReferenceTranslator): void {
    const miners = [...translator.miners];
    if (miners.length > 0 && this.#prng.chance(0.5)) translator.part(this.#prng.pick(miners));
    else if (miners.length < 6) translator.join(`rig${this.#count++}`, this.#rate());
  }

  #rate(): number {
    return SMALL * this.#prng.pick([0.1, 0.5, 1, 2, 6]);
  }
}
