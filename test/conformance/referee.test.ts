import { maxTarget, nbitsFromTarget, targetToBytes } from "@lode/bitcoin";
import { defaultChannelSettings } from "@lode/mining";
import { MiningFlags, mining } from "@lode/protocol";
import { ScriptedMiner, ScriptedPool } from "@lode/testing/pool";
import { Prng } from "@lode/testing/random";
import { beforeAll, describe, expect, it } from "vitest";
import { type Place, Referee, type Rule } from "./referee.ts";

const GAMES = 60;
const MOVES = 120;
const USER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

const { requiresStandardJobs, requiresWorkSelection, requiresVersionRolling } = MiningFlags;
const flagsOf = [0, 0, requiresVersionRolling, requiresStandardJobs, requiresWorkSelection];
const limits = [maxTarget, 1n << 255n, 1n << 254n, 1n << 253n];

/** A client whose connection is refereed. */
class Client {
  readonly referee: Referee;
  readonly miner: ScriptedMiner;
  readonly serverId: number;
  readonly flags: number;
  readonly #pool: ScriptedPool;
  readonly #prng: Prng;
  #sequence = 0;

  constructor(pool: ScriptedPool, prng: Prng) {
    const { server, client } = pool.wire();
    this.#pool = pool;
    this.#prng = prng;
    this.serverId = server.id;
    this.flags = prng.pick(flagsOf);
    this.referee = new Referee(this.flags);
    this.miner = new ScriptedMiner(client, () => pool.clock.settle()).setUp(this.flags);
  }

  listen(): void {
    for (const message of this.miner.takeAll()) this.referee.hear(message);
  }

  open(): void {
    const extended =
      (this.flags & requiresStandardJobs) === 0 && (this.flags !== 0 || this.#prng.chance(0.5));
    const limit = this.#prng.pick(limits);
    const opening = { userIdentity: USER, nominalHashRate: 0, maxTarget: targetToBytes(limit) };
    if (extended) {
      const opened = this.miner.openExtended(opening);
      this.referee.onOpened("extended", opened, opened.extranonceSize, limit);
    } else this.referee.onOpened("standard", this.miner.openStandard(opening), 0, limit);
  }

  close(): void {
    const channelId = this.#prng.chance(0.1) ? 1 : (this.#place()?.id ?? 77);
    this.miner.send(mining.CloseChannel, { channelId, reasonCode: "" });
    this.referee.onClosed(channelId);
  }

  update(): void {
    const place = this.#place();
    if (place === undefined) return;
    place.limit = this.#prng.pick(limits);
    const maximumTarget = targetToBytes(place.limit);
    // The server hears of it before anything else happens, so targets above it are wrong from here on.
    this.miner.send(mining.UpdateChannel, { channelId: place.id, nominalHashRate: 0, maximumTarget });
  }

  submit(): void {
    const place = this.#place();
    if (place === undefined || place.jobs.length === 0) return;
    const job = this.#prng.chance(0.7) ? place.jobs.at(-1)! : this.#prng.pick(place.jobs);
    const sequenceNumber = this.#sequence++;
    const version = job.version ^ (this.#prng.u32() & 0x1fff_ffe0);
    const ntime = job.minNtime + this.#prng.below(60);
    const share = {
      nonce: this.#prng.u32(),
      ntime,
      version,
      extranonce: this.#prng.bytes(place.extranonceSize),
    };
    const fields = { ...share, channelId: place.id, jobId: job.jobId };
    if (place.kind === "standard") this.miner.submitStandard(sequenceNumber, fields);
    else this.miner.submitExtended(sequenceNumber, fields);
    this.referee.onSubmitted(place, job, sequenceNumber, share);
  }

  move(): void {
    const channelId = this.#place()?.id ?? 1;
    this.#pool.server.moveExtranoncePrefix(this.serverId, this.#prng.chance(0.1) ? 1 : channelId);
  }

  #place(): Place | undefined {
    const places = [...this.referee.places.values()];
    return places.length === 0 ? undefined : this.#prng.pick(places);
  }
}

/** One pool and a few clients, whatever the seed makes them do. */
function play(seed: number): Client[] {
  const prng = new Prng(seed, 5);
  const channel = { ...defaultChannelSettings, easiestTarget: maxTarget, sharesPerMinute: 1e-30 };
  const pool = new ScriptedPool({ settings: { channel } });
  const clients = Array.from({ length: 3 }, () => new Client(pool, prng));
  const listen = () => {
    for (const client of clients) client.listen();
  };
  for (let move = 0; move < MOVES; move++) {
    const client = prng.pick(clients);
    const weights = { open: 2, close: 1, update: 2, submit: 8, move: 1, tip: 2, job: 3, nbits: 0.3, time: 3 };
    const what = prng.weighted(weights);
    if (what === "open") client.open();
    else if (what === "close") client.close();
    else if (what === "update") client.update();
    else if (what === "submit") client.submit();
    else if (what === "move") client.move();
    else if (what === "tip") pool.jobs.nextTip();
    else if (what === "job") pool.jobs.next();
    else if (what === "nbits") pool.jobs.on(easierTip(pool));
    else pool.clock.advance(prng.pick([300, 1_100, 6_000, 31_000]));
    listen();
    // Shares wait for their answer over other events, the end of their channel included.
    if (move < MOVES - 1 && prng.chance(0.6)) continue;
    pool.acknowledge();
    listen();
    for (const each of clients) each.referee.onAcknowledged();
  }
  pool.clock.advance(3_000);
  listen();
  for (const { referee } of clients) referee.onRest();
  expect(pool.complaints).toEqual([]);
  for (const { miner } of clients) expect(miner.closed).toBeNull();
  return clients;
}

/** The same prev_hash with other nbits and an older timestamp, as test networks and second sources have it. */
function easierTip({ jobs: { tip } }: ScriptedPool) {
  const target = tip.target << 1n;
  return { ...tip, target, nbits: nbitsFromTarget(target), headerTimestamp: tip.headerTimestamp - 9 };
}

describe("whatever its clients do, a mining server", () => {
  let clients: Client[] = [];
  beforeAll(() => {
    clients = Array.from({ length: GAMES }, (_, seed) => play(seed)).flat();
  });

  const keeps = (rule: Rule) => {
    const violations = clients.flatMap(({ referee }) => referee.violations);
    expect(violations.filter((violation) => violation.rule === rule)).toEqual([]);
    const looked = clients.reduce((sum, { referee }) => sum + (referee.looked.get(rule) ?? 0), 0);
    expect(looked).toBeGreaterThan(100);
  };

  it("follows the opening of a channel with a future job and its SetNewPrevHash, both for that channel", () =>
    keeps("first-job"));
  it("sends no job to a client that selects its own work", () => keeps("work-selection"));
  it("sends standard jobs to standard channels, extended jobs to extended channels and to groups", () =>
    keeps("job-kind"));
  it("gives no job an id that the connection has seen", () => keeps("job-id"));
  it("sends SetNewPrevHash for future jobs alone, and to whom the job was sent", () => keeps("prevhash"));
  it("never lowers min_ntime while prev_hash is the same", () => keeps("min-ntime"));
  it("sends nothing for a channel that was closed", () => keeps("closed"));
  it("addresses groups with jobs and prevhashes alone, and only where standard jobs are not required", () =>
    keeps("group"));
  it("sets targets channel by channel, never above what the client asked for", () => keeps("target"));
  it("moves one open channel at a time to a prefix of the same size that no other has", () =>
    keeps("prefix"));
  it("allows version rolling in every job", () => keeps("version"));
  it("judges shares by the header, prefix and target that its messages add up to", () => keeps("verdict"));
  it("answers every share once", () => keeps("answer"));
});
