import { bytesToTarget, DIFF1_TARGET, targetToBytes } from "@lode/bitcoin";
import { noMetrics } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { seededRandom } from "@lode/testing/random";
import type { LineConnection, LineHandler } from "@lode/transport";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sv1ServerDefaults } from "./settings.ts";
import { targetOfDifficulty, toldDifficulty } from "./sv1-difficulty.ts";
import { Sv1Server } from "./sv1-server.ts";
import type { Sv1Session } from "./sv1-session.ts";
import type { Sv1Share, Sv1Work } from "./sv1-work.ts";

/** A connection in memory: what was sent, and how it ended. */
class FakeConnection implements LineConnection {
  readonly id = 1;
  readonly remoteAddress = "192.0.2.1";
  readonly queuedBytes = 0;
  readonly lines: {
    id: unknown;
    method?: string;
    params?: unknown[];
    result?: unknown;
    error?: unknown[] | null;
  }[] = [];
  ended: string | undefined;
  #handler: LineHandler | undefined;

  start(handler: LineHandler): void {
    this.#handler = handler;
  }
  send(text: string): void {
    expect(text.endsWith("\n")).toBe(true);
    for (const line of text.trimEnd().split("\n")) this.lines.push(JSON.parse(line));
  }
  close(reason: string): void {
    this.ended ??= reason;
  }
  destroy(reason: string): void {
    this.close(reason);
  }
  /** Says one line after another, as if they had come in one packet. */
  say(...messages: unknown[]): void {
    for (const message of messages)
      this.#handler!.onLine(typeof message === "string" ? message : JSON.stringify(message));
  }
  /** What was sent since the last call: methods, or `id=result` and `id!code`. */
  take(): string[] {
    return this.lines
      .splice(0)
      .map(
        ({ id, method, result, error }) =>
          method ?? (error ? `${String(id)}!${String(error[0])}` : `${String(id)}=${JSON.stringify(result)}`),
      );
  }
}

function workOf(changes: Partial<Sv1Work> = {}): Sv1Work {
  return {
    prevHash: new Uint8Array(32).fill(7),
    coinbase1: Uint8Array.of(1),
    coinbase2: Uint8Array.of(2),
    merklePath: [],
    version: 0x2000_0000,
    nbits: 0x1d00ffff,
    minNtime: 1_000,
    difficulty: 16,
    versionRollingAllowed: true,
    ...changes,
  };
}

function world(
  options: {
    lobby?: Sv1Work | undefined;
    authorize?: (session: Sv1Session<Sv1Work>, user: string) => void;
  } = {},
) {
  const clock = new VirtualClock();
  const shares: Sv1Share[] = [];
  const lost: Sv1Share[] = [];
  const asked: string[] = [];
  const wishes: unknown[] = [];
  const state: { lobby: Sv1Work | undefined } = { lobby: "lobby" in options ? options.lobby : workOf() };
  const server = new Sv1Server<Sv1Work>({
    clock,
    random: seededRandom(1),
    metrics: noMetrics,
    settings: sv1ServerDefaults,
    host: {
      lobbyWork: () => state.lobby,
      onAuthorize: (session, user) => {
        asked.push(user);
        if (options.authorize === undefined) session.authorized();
        else options.authorize(session, user);
      },
      onShare: (_session, share) => void shares.push(share),
      onLostShare: (_session, share) => void lost.push(share),
      onWishes: (session) => void wishes.push(session.wishes),
      onEnd: () => {},
    },
  });
  const join = () => {
    const connection = new FakeConnection();
    const session = server.accept(connection);
    return {
      connection,
      session,
      say: connection.say.bind(connection),
      take: connection.take.bind(connection),
    };
  };
  return { clock, server, join, shares, lost, asked, wishes, state };
}

const configure = {
  id: 1,
  method: "mining.configure",
  params: [["version-rolling"], { "version-rolling.mask": "ffffffff" }],
};
const subscribe = { id: 2, method: "mining.subscribe", params: ["test/1"] };
const authorize = { id: 3, method: "mining.authorize", params: ["addr.rig", "x"] };
const submit = (
  jobId: unknown,
  changes: { extranonce2?: string; ntime?: string; nonce?: string; bits?: unknown[] } = {},
) => ({
  id: 9,
  method: "mining.submit",
  params: [
    "addr.rig",
    jobId,
    changes.extranonce2 ?? "00".repeat(8),
    changes.ntime ?? "000003e8",
    changes.nonce ?? "00000001",
    ...(changes.bits ?? []),
  ],
});
const jobIdOf = (connection: FakeConnection) =>
  connection.lines.findLast(({ method }) => method === "mining.notify")?.params?.[0];

describe("the handshake of a Stratum V1 miner", () => {
  it("comes in any order, repeated and in one packet, and always ends with difficulty before job", () => {
    const steps = [configure, subscribe, authorize];
    const orders = fc.shuffledSubarray([...steps, ...steps], { minLength: 3 });
    fc.assert(
      fc.property(orders, (order) => {
        fc.pre(steps.every((step) => order.includes(step)));
        const { say, take, connection } = world().join();
        say(...order);
        const sent = take();
        expect(connection.ended).toBeUndefined();
        expect(sent.filter((line) => line.includes("!"))).toEqual([]);
        for (const { id } of order) expect(sent.some((line) => line.startsWith(`${id}=`))).toBe(true);
        expect(sent.indexOf("mining.set_difficulty")).toBeLessThan(sent.indexOf("mining.notify"));
        // The subscribe answer is the first line after it was asked for, and the job follows at once.
        const subscribed = sent.findIndex((line) => line.startsWith("2="));
        expect(sent.slice(subscribed + 1, subscribed + 3)).toContain("mining.notify");
      }),
    );
  });

  it("gives the classic pair, the session's own extranonce1 and eight bytes to roll", () => {
    const { join } = world();
    const [first, second] = [join(), join()];
    for (const { say } of [first, second]) say(subscribe);
    const [one, two] = [first, second].map(
      ({ connection }) => connection.lines[0]!.result as [unknown[][], string, number],
    );
    expect(one).toEqual([[["mining.notify", one![1]]], expect.stringMatching(/^[0-9a-f]{8}$/), 8]);
    expect(two![1]).not.toBe(one![1]);
  });

  it("fits the first answer that a Bitaxe looks for into a kilobyte", () => {
    // ESP-Miner, protocol_coordinator.c, probe_pool_v1: one read of 1,023 bytes must hold the text.
    const { say, connection } = world().join();
    say(subscribe);
    const text = JSON.stringify(connection.lines[0]);
    expect(text.length).toBeLessThan(200);
    expect(text).toContain("mining.notify");
  });

  it("ends after a minute without an authorization, and not with one", () => {
    const { join, clock } = world();
    const [silent, early] = [join(), join()];
    early.say(authorize);
    clock.advance(60_000);
    expect([silent.connection.ended, early.connection.ended]).toEqual(["not-authorized", undefined]);
  });

  it("tells a refused name why, lets another be tried, and ends after too many", () => {
    const { join, asked } = world({
      authorize: (session, user) =>
        user === "good" ? session.authorized() : session.refuseName("this pool pays Bitcoin addresses"),
    });
    const { say, take, connection } = join();
    const name = (user: string) => ({ id: 3, method: "mining.authorize", params: [user] });
    say(name("bad"));
    expect(connection.lines[0]!.error).toEqual([24, "this pool pays Bitcoin addresses", null]);
    say(name("good"));
    expect(take()).toEqual(["3!24", "3=true"]);
    const other = join();
    other.say(...Array.from({ length: 6 }, () => name("bad")));
    expect(other.connection.ended).toBe("too-many-refused-names");
    expect(asked).toHaveLength(8);
  });

  it("has one account: other workers of it are welcome, another account is not", () => {
    const { say, take } = world().join();
    say(
      authorize,
      { ...authorize, id: 4, params: ["addr.other"] },
      { ...authorize, id: 5, params: ["else.rig"] },
    );
    expect(take()).toEqual(["3=true", "4=true", "5!24"]);
  });

  it("answers extranonce.subscribe, suggestions, ping and unknown methods, and passes wishes on once", () => {
    const { join, wishes } = world();
    const { say, take } = join();
    say(authorize, { id: 4, method: "mining.extranonce.subscribe" });
    const suggest = { id: "s", method: "mining.suggest_difficulty", params: [0.00015] };
    say(suggest, suggest, { id: null, method: "mining.ping" }, { id: 5, method: "mining.get_transactions" });
    expect(take()).toEqual(["3=true", "4=true", "s=true", "s=true", 'null="pong"', "5!20"]);
    expect(wishes).toEqual([{ userAgent: "", minimumDifficulty: undefined, suggestedDifficulty: 0.00015 }]);
  });
});

describe("version rolling", () => {
  it("is granted within the mask, and told of again only to those that asked, when it changes", () => {
    const { say, take, session, connection } = world().join();
    say(configure, subscribe, authorize);
    expect(connection.lines[0]!.result).toEqual({
      "version-rolling": true,
      "version-rolling.mask": "1fffe000",
    });
    take();
    session.setWork(workOf({ versionRollingAllowed: false }), true);
    expect(connection.lines[0]).toMatchObject({ method: "mining.set_version_mask", params: ["00000000"] });
    take();
    session.setWork(workOf(), false);
    expect(take()).toEqual(["mining.set_version_mask", "mining.notify"]);
    const old = world().join();
    old.say(subscribe, authorize);
    old.session.setWork(workOf({ versionRollingAllowed: false }), true);
    expect(old.take()).not.toContain("mining.set_version_mask");
  });

  it("takes bits of miners that never asked, refuses those outside of the mask, and keeps the job's others", () => {
    const { join, shares } = world();
    const { say, take, connection } = join();
    say(subscribe, authorize);
    const job = jobIdOf(connection);
    take();
    say(
      submit(job, { bits: ["00c00000"] }),
      submit(job, { bits: ["20c00000"] }),
      submit(job, { bits: [null] }),
    );
    expect(take()).toEqual(["9!20"]);
    expect(shares.map(({ version }) => version.toString(16))).toEqual(["20c00000", "20000000"]);
  });
});

describe("shares of a Stratum V1 miner", () => {
  it("reach the owner in good form, and get its answer", () => {
    const { join, shares } = world();
    const { say, take, session, connection } = join();
    say(subscribe, authorize);
    const job = jobIdOf(connection);
    take();
    say(submit(job, { extranonce2: "0102030405060708", ntime: "000003E9", nonce: "DEADBEEF" }));
    expect(take()).toEqual([]);
    expect(shares[0]).toMatchObject({ id: "9", ntime: 1_001, nonce: 0xdeadbeef, version: 0x2000_0000 });
    expect([...shares[0]!.extranonce2]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(session.unanswered).toBe(1);
    session.accept("9");
    expect([take(), session.unanswered]).toEqual([["9=true"], 0]);
  });

  it("are refused with codes that say why: subscription, authorization, job, form", () => {
    const { join, shares, lost, clock } = world();
    const { say, take, connection, session } = join();
    say(submit("0"));
    expect(take()).toEqual(["9!25"]);
    say(subscribe);
    const early = jobIdOf(connection);
    say(submit(early));
    expect(take().at(-1)).toBe("9!24");
    expect(lost).toHaveLength(1);
    say(authorize);
    session.setWork(workOf(), true);
    const job = jobIdOf(connection);
    take();
    say(submit(early), submit("zz"), submit(job, { extranonce2: "00" }), submit(job, { ntime: "000003e7" }));
    const ahead = (Math.floor(clock.now() / 1000) + 7_201).toString(16);
    say(submit(job, { ntime: ahead }), submit(job, { nonce: "xyz" }), "{nonsense");
    expect(take()).toEqual(["9!21", "9!21", "9!20", "9!20", "9!20", "9!20", "null!20"]);
    // The stale one may be a block.
    expect([shares.length, lost.length]).toEqual([0, 2]);
  });

  it("are forgotten two blocks later", () => {
    const { join, lost } = world();
    const { say, session, connection } = join();
    say(subscribe, authorize);
    const job = jobIdOf(connection);
    session.setWork(workOf(), true);
    session.setWork(workOf(), true);
    say(submit(job));
    expect(lost).toEqual([]);
  });

  it("close the connection when too many are refused, or too many lines cannot be read", () => {
    const { join } = world();
    const shares = join();
    shares.say(subscribe, authorize);
    const job = jobIdOf(shares.connection);
    shares.say(...Array.from({ length: 201 }, () => submit(job, { extranonce2: "" })));
    expect(shares.connection.ended).toBe("too-many-refused-shares");
    const stale = join();
    stale.say(subscribe, authorize, ...Array.from({ length: 500 }, () => submit("77")));
    expect(stale.connection.ended).toBeUndefined();
    const lines = join();
    lines.say(...Array.from({ length: 21 }, () => "{"));
    expect(lines.connection.ended).toBe("too-many-unreadable");
  });
});

describe("jobs of a Stratum V1 miner", () => {
  it("carry the clock's time, but no more than an hour above the least", () => {
    const { join, clock, state } = world();
    const now = Math.floor(clock.now() / 1000);
    const ntimeOf = (minNtime: number) => {
      state.lobby = workOf({ minNtime });
      const { say, connection } = join();
      say(subscribe);
      return Number.parseInt(String(connection.lines.at(-1)!.params![7]), 16);
    };
    expect(ntimeOf(now - 10)).toBe(now);
    expect(ntimeOf(now + 10)).toBe(now + 10);
    expect(ntimeOf(now - 10_000)).toBe(now - 10_000 + 3_600);
  });

  it("are told again after silence, with another id and time, and difficulty only when it changes", () => {
    const { join, clock } = world();
    const { say, take, session, connection } = join();
    say(subscribe, authorize);
    const first = connection.lines.at(-2)!.params!;
    take();
    clock.advance(60_000);
    const again = connection.lines[0]!.params!;
    expect(take()).toEqual(["mining.notify"]);
    expect(again[0]).not.toBe(first[0]);
    expect([first[8], again[8]]).toEqual([true, false]);
    session.setWork(workOf({ difficulty: 32 }), false);
    expect(take()).toEqual(["mining.set_difficulty", "mining.notify"]);
  });

  it("wait for the subscription", () => {
    const { say, take, session } = world({ lobby: undefined }).join();
    say(authorize);
    session.setWork(workOf(), false);
    expect(take()).toEqual(["3=true"]);
    say(subscribe);
    expect(take().slice(1)).toEqual(["mining.set_difficulty", "mining.notify"]);
  });
});

describe("a drain", () => {
  it("closes each connection in its slot, once what it handed in was answered", async () => {
    const { server, join, clock } = world();
    const miners = [join(), join()];
    for (const { say, connection } of miners) {
      say(subscribe, authorize);
      say(submit(jobIdOf(connection)));
    }
    miners[0]!.session.accept("9");
    const drained = server.drain(1_000);
    await clock.advanceAsync(0);
    expect(miners.map(({ connection }) => connection.ended)).toEqual(["draining", undefined]);
    await clock.advanceAsync(1_000);
    expect(miners[1]!.connection.ended).toBeUndefined();
    miners[1]!.session.accept("9");
    await clock.advanceAsync(100);
    expect(miners[1]!.connection.ended).toBe("draining");
    await drained;
  });
});

describe("the difficulty that is told", () => {
  it("is never easier than the target, hardly harder, and whole where the target is meant so", () => {
    const targets = fc.bigInt({ min: 1n, max: (1n << 256n) - 1n });
    fc.assert(
      fc.property(targets, fc.nat(256), (value, shift) => {
        const target = value >> BigInt(shift) || 1n;
        const told = toldDifficulty(targetToBytes(target));
        const allowed = targetOfDifficulty(told);
        // Whole difficulties may be easier by a ten-trillionth, about as often as shares of theirs would fall in between.
        expect(allowed <= target + (target >> 43n)).toBe(true);
        expect(allowed + (allowed >> 35n) + 1n >= target).toBe(true);
      }),
    );
    for (const whole of [1n, 8n, 1_000n, 65_536n, 10n ** 12n]) {
      const exact = DIFF1_TARGET / whole;
      expect(toldDifficulty(targetToBytes(exact - (exact >> 48n)))).toBe(Number(whole));
    }
    expect(bytesToTarget(targetToBytes(targetOfDifficulty(1)))).toBe(DIFF1_TARGET);
  });
});
