import { maxTarget } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import type { Timer } from "@lode/ports";
import type { MiningServerSettings } from "@lode/roles";
import { type PeerOptions, Scale, type ScriptedPeer } from "@lode/testing/peers";
import { ScriptedPool } from "@lode/testing/pool";
import { Prng } from "@lode/testing/random";
import type { FrameConnection } from "@lode/transport";
import type { MemoryPairOptions } from "@lode/transport/testing";

/** An address that can be paid on regtest. */
export const ACCOUNT = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/** How a {@link PeerWorld} differs from the usual. */
export interface PeerWorldOptions {
  readonly settings?: Partial<MiningServerSettings>;
  /** One-way travel time between pool and peers. */
  readonly latencyMs?: number;
  /** What is sent at one instant may take so much longer, each time another time; order is kept. */
  readonly jitterMs?: number;
  /** Time from a share to its being durable, at most. */
  readonly commitMs?: number;
  readonly tipMs?: number;
  readonly templateMs?: number;
}

/** Mainnet's pace, hurried: 24 tips and 119 templates an hour, at moments when no peer looks at its chip. */
const TIP_MS = 149_993.5;
const TEMPLATE_MS = 30_011.5;
const MINUTE_MS = 60_000;

/** A pool that lives through tips and templates on a virtual clock, and the peers that mine at it. */
export class PeerWorld {
  readonly pool: ScriptedPool;
  readonly peers: ScriptedPeer[] = [];
  readonly scale: Scale = new Scale();
  tips = 0;
  templates = 0;
  readonly #chain: Timer[];

  constructor(options: PeerWorldOptions = {}) {
    // Eight hashes a share at least; everything else as an operator has it.
    const channel = { ...defaultChannelSettings, easiestTarget: maxTarget >> 3n };
    this.pool = new ScriptedPool({
      settings: { channel, ...options.settings },
      wire: { latencyMs: options.latencyMs ?? 0, fault: this.#jitter(options.jitterMs ?? 0) },
    });
    const { clock, server, jobs, shares } = this.pool;
    const { commitMs = 20, tipMs = TIP_MS, templateMs = TEMPLATE_MS } = options;
    clock.every(commitMs, () => server.acknowledge(shares.splice(0)));
    this.#chain = [
      clock.every(tipMs, () => {
        this.tips++;
        jobs.nextTip();
      }),
      clock.every(templateMs, () => {
        this.templates++;
        jobs.next();
      }),
    ];
  }

  /** What a peer is made with: a connection of its own, unless it is given one. */
  options(name: string, connection: FrameConnection = this.pool.wire().client): PeerOptions {
    const { clock } = this.pool;
    return { connection, clock, name, user: `${ACCOUNT}.${name}`, scale: this.scale };
  }

  add<P extends ScriptedPeer>(peer: P): P {
    this.peers.push(peer);
    return peer;
  }

  run(minutes: number): void {
    this.pool.clock.advance(minutes * MINUTE_MS);
  }

  /** No tips and templates any more: channels live on the pool's own refreshes. */
  stopTheChain(): void {
    for (const timer of this.#chain) timer.cancel();
  }

  /** SetTarget and the job that goes with it are one flush and arrive together, as in one segment. */
  #jitter(maxMs: number): NonNullable<MemoryPairOptions["fault"]> {
    const prng = new Prng(maxMs);
    let [instant, ms] = [-1, 0];
    return () => {
      if (maxMs === 0) return null;
      const now = this.pool.clock.monotonic();
      if (now !== instant) [instant, ms] = [now, prng.below(maxMs)];
      return { kind: "delay", ms };
    };
  }

  /** Every peer's verdict. @throws PeerComplaint */
  judge(): void {
    for (const peer of this.peers) peer.judge();
  }
}
