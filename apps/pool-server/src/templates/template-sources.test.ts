import { bip34Push, type NetworkName, targetFromNbits, targetToBytes } from "@lode/bitcoin";
import type { Template, Tip } from "@lode/mining";
import { noMetrics, silentLogger } from "@lode/ports";
import type { templateDistribution } from "@lode/protocol";
import { TemplateServerSession } from "@lode/roles";
import { VirtualClock } from "@lode/testing/clock";
import { HandshakeError, TransportError } from "@lode/transport";
import { memoryPair } from "@lode/transport/testing";
import { describe, expect, it } from "vitest";
import type { BlockWitness } from "./block-witness.ts";
import { TemplateSources } from "./template-sources.ts";

/** A template server under the test's control. */
class ScriptedServer {
  reachable = true;
  failure: Error | null = null;
  session: TemplateServerSession | null = null;
  ready = false;
  readonly solutions: templateDistribution.SubmitSolution[] = [];
  readonly transactions = new Map<bigint, Uint8Array[]>();
  #closeWire: (() => void) | null = null;

  readonly clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  dial = async () => {
    if (this.failure !== null) throw this.failure;
    if (!this.reachable) throw new TransportError({ code: "unreachable", cause: "ECONNREFUSED" });
    const [client, server] = memoryPair(this.clock);
    this.#closeWire = () => server.destroy("gone");
    const options = { clock: this.clock, logger: silentLogger, metrics: noMetrics };
    this.session = new TemplateServerSession(server, options, {
      onConstraints: () => {
        this.ready = true;
      },
      transactions: (templateId) => this.transactions.get(templateId),
      onSolution: (_session, solution) => this.solutions.push(solution),
      onClose: () => {
        this.ready = false;
      },
    });
    return client;
  };

  hangUp(): void {
    this.#closeWire?.();
  }

  tip(height: number, templateId: bigint, prevHash = height): void {
    this.session?.sendTip(template(height, templateId), {
      templateId,
      prevHash: new Uint8Array(32).fill(prevHash),
      headerTimestamp: 1_700_000_000 + height,
      nbits: 0x207fffff,
      target: targetToBytes(targetFromNbits(0x207fffff)),
    });
  }

  refresh(height: number, templateId: bigint): void {
    this.session?.sendTemplate(template(height, templateId));
  }
}

function template(height: number, templateId: bigint): templateDistribution.NewTemplate {
  return {
    templateId,
    futureTemplate: false,
    version: 0x20000000,
    coinbaseTxVersion: 2,
    coinbasePrefix: bip34Push(height),
    coinbaseTxInputSequence: 0xfffffffe,
    coinbaseTxValueRemaining: 5_000_000_000n,
    coinbaseTxOutputsCount: 0,
    coinbaseTxOutputs: new Uint8Array(),
    coinbaseTxLocktime: height - 1,
    merklePath: [],
  };
}

interface Options {
  network: NetworkName | null;
  witness: BlockWitness;
  failures: Readonly<Record<string, Error>>;
}

async function setUp(count: number, options: Partial<Options> = {}) {
  const clock = new VirtualClock();
  const names = ["main", "spare"].slice(0, count);
  const servers = new Map(names.map((name) => [name, new ScriptedServer(clock)]));
  const server = (name: string) => {
    const found = servers.get(name);
    if (found === undefined) throw new Error(name);
    return found;
  };
  for (const [name, error] of Object.entries(options.failures ?? {})) server(name).failure = error;
  const lines: string[] = [];
  const log = (_fields: object, text: string) => void lines.push(text);
  const hopeless: string[] = [];
  const got: { template: Template; tip: Tip }[] = [];
  let outages = 0;
  const feed = new TemplateSources(
    names.map((name) => ({
      name,
      address: "127.0.0.1:8442",
      setting: "templates.sources.0",
      network: options.network ?? null,
      coinbaseOutputMaxAdditionalSize: 100,
      coinbaseOutputMaxAdditionalSigops: 4,
      firstTemplateWithinMs: 30_000,
    })),
    {
      clock,
      logger: { debug: () => {}, info: log, warn: log, error: log },
      metrics: noMetrics,
      dial: (name) => server(name).dial(),
      ...(options.witness === undefined ? {} : { witness: options.witness }),
      onHopeless: (error) => void hopeless.push(`${error.code}: ${error.message}`),
    },
  );
  feed.start({
    onTemplate: (template, tip) => got.push({ template, tip }),
    onOutage: () => {
      outages += 1;
    },
  });
  await clock.advanceAsync(100);
  const seen = () => got.map(({ template }) => `${template.sourceId}:${template.templateId}`);
  return { clock, feed, server, got, seen, lines, hopeless, outages: () => outages };
}

describe("TemplateSources", () => {
  it("passes on a tip with its template, then better templates for it", async () => {
    const { clock, server, got, seen } = await setUp(1);
    server("main").tip(5, 1n);
    await clock.advanceAsync(100);
    server("main").refresh(5, 2n);
    await clock.advanceAsync(100);
    expect(seen()).toEqual(["main:1", "main:2"]);
    expect(got[0]?.tip).toBe(got[1]?.tip);
    expect(got[0]?.tip).toMatchObject({ nbits: 0x207fffff, headerTimestamp: 1_700_000_005 });
  });

  it("stays with the first source while it is healthy, and mines nothing twice", async () => {
    const { clock, server, seen } = await setUp(2);
    server("main").tip(5, 1n);
    await clock.advanceAsync(100);
    server("spare").tip(5, 1n);
    server("spare").refresh(5, 2n);
    await clock.advanceAsync(5_000);
    expect(seen()).toEqual(["main:1"]);
  });

  it("replaces a lost source at once and returns to it after a minute of health", async () => {
    const { clock, server, seen, outages } = await setUp(2);
    server("main").tip(5, 1n);
    server("spare").tip(5, 9n);
    await clock.advanceAsync(100);
    server("main").hangUp();
    await clock.advanceAsync(10);
    expect(seen()).toEqual(["main:1", "spare:9"]);
    await clock.advanceAsync(2_000);
    server("main").tip(5, 2n);
    await clock.advanceAsync(50_000);
    expect(seen()).toEqual(["main:1", "spare:9"]);
    await clock.advanceAsync(15_000);
    expect(seen()).toEqual(["main:1", "spare:9", "main:2"]);
    expect(outages()).toBe(0);
  });

  it("leaves a source that does not follow a higher block within two seconds", async () => {
    const { clock, server, seen } = await setUp(2);
    server("main").tip(5, 1n);
    server("spare").tip(5, 8n);
    await clock.advanceAsync(100);
    server("spare").tip(6, 9n);
    await clock.advanceAsync(1_000);
    expect(seen()).toEqual(["main:1"]);
    await clock.advanceAsync(2_000);
    expect(seen()).toEqual(["main:1", "spare:9"]);
  });

  it("stays in a fork race: equal height, another block", async () => {
    const { clock, server, seen } = await setUp(2);
    server("main").tip(5, 1n, 77);
    server("spare").tip(5, 9n, 88);
    await clock.advanceAsync(10_000);
    expect(seen()).toEqual(["main:1"]);
  });

  it("tells an outage once, and goes on when a source is back", async () => {
    const { clock, server, seen, outages, feed } = await setUp(1);
    server("main").tip(5, 1n);
    await clock.advanceAsync(100);
    server("main").reachable = false;
    server("main").hangUp();
    await clock.advanceAsync(60_000);
    expect(outages()).toBe(1);
    expect(feed.healthy).toBe(false);
    server("main").reachable = true;
    await clock.advanceAsync(15_000);
    server("main").tip(6, 2n);
    await clock.advanceAsync(100);
    expect(seen()).toEqual(["main:1", "main:2"]);
    expect(feed.healthy).toBe(true);
  });

  it("hangs up on a server that accepts and never sends a template, and tries again", async () => {
    const { clock, server, seen } = await setUp(1);
    const first = server("main").session;
    await clock.advanceAsync(45_000);
    expect(server("main").session).not.toBe(first);
    server("main").tip(5, 1n);
    await clock.advanceAsync(100);
    expect(seen()).toEqual(["main:1"]);
  });

  it("hangs up on a template of another height than the tip's, which would be wasted work", async () => {
    const { clock, server, seen } = await setUp(1);
    server("main").tip(5, 1n);
    await clock.advanceAsync(100);
    server("main").refresh(6, 2n);
    await clock.advanceAsync(100);
    expect(seen()).toEqual(["main:1"]);
    expect(server("main").ready).toBe(false);
  });

  it("has the transactions of this tip's and the last tip's templates at hand", async () => {
    const { clock, server, feed, got } = await setUp(1);
    const main = server("main");
    for (const id of [1n, 2n, 3n]) main.transactions.set(id, [Uint8Array.of(Number(id))]);
    for (const [height, id] of [
      [5, 1n],
      [6, 2n],
      [7, 3n],
    ] as const) {
      main.tip(height, id);
      await clock.advanceAsync(100);
    }
    const [first, second, third] = got.map((work) => work.template);
    if (first === undefined || second === undefined || third === undefined)
      throw new Error("three templates");
    expect(feed.transactions(third).ready).toEqual([Uint8Array.of(3)]);
    expect(feed.transactions(second).ready).toEqual([Uint8Array.of(2)]);
    expect(feed.transactions(first).ready).toBeNull();
    for (const template of [first, { ...third, sourceId: "other" }]) {
      await expect(feed.transactions(template).later).rejects.toMatchObject({
        code: "transactions-unavailable",
      });
    }
  });

  it("tells the templates of a restarted server, which counts from 1 again, from those before", async () => {
    const { clock, server, feed, got } = await setUp(1);
    const main = server("main");
    main.transactions.set(1n, [Uint8Array.of(1)]);
    main.tip(5, 1n);
    await clock.advanceAsync(100);
    main.hangUp();
    main.transactions.set(1n, [Uint8Array.of(99)]);
    await clock.advanceAsync(2_000);
    main.tip(5, 1n);
    await clock.advanceAsync(100);
    const [before, after] = got.map((work) => work.template);
    if (before === undefined || after === undefined) throw new Error("two templates");
    expect(feed.transactions(before).ready).toEqual([Uint8Array.of(1)]);
    expect(feed.transactions(after).ready).toEqual([Uint8Array.of(99)]);
  });

  it("hands a solution to the source that gave the template, and to no other", async () => {
    const { clock, server, feed } = await setUp(2);
    server("main").tip(5, 1n);
    server("spare").tip(5, 1n);
    await clock.advanceAsync(100);
    const solution = {
      templateId: 1n,
      version: 2,
      headerTimestamp: 3,
      headerNonce: 4,
      coinbaseTx: Uint8Array.of(5),
    };
    feed.submitSolution("spare", solution);
    feed.submitSolution("unknown", solution);
    await clock.advanceAsync(100);
    expect(server("main").solutions).toEqual([]);
    expect(server("spare").solutions).toEqual([solution]);
  });

  it("hands a solution found while the source was away to it when it is back", async () => {
    const { clock, feed, server } = await setUp(1);
    server("main").tip(5, 1n);
    await clock.advanceAsync(100);
    server("main").hangUp();
    await clock.advanceAsync(100);
    const coinbaseTx = Uint8Array.of(1, 2, 3);
    feed.submitSolution("main", {
      templateId: 1n,
      version: 2,
      headerTimestamp: 3,
      headerNonce: 4,
      coinbaseTx,
    });
    await clock.advanceAsync(1_000);
    expect(server("main").solutions).toHaveLength(0);
    server("main").tip(5, 2n);
    await clock.advanceAsync(100);
    expect(server("main").solutions.map(({ templateId }) => templateId)).toEqual([1n]);
  });
});

const PLACE = "the template source main at 127.0.0.1:8442";

describe("A template source that cannot be used", () => {
  it("is said once, then counted once a minute, and so is its return", async () => {
    const { clock, server, lines } = await setUp(1);
    clock.stepWallClock(1_700_000_000_000 - clock.now());
    server("main").tip(5, 1n);
    await clock.advanceAsync(100);
    lines.splice(0);
    server("main").reachable = false;
    server("main").hangUp();
    await clock.advanceAsync(150_000);
    const away = `${PLACE} cannot be reached (ECONNREFUSED): is it running, and is templates.sources.0.address right?`;
    expect(lines.splice(0)).toEqual([
      expect.stringContaining(`${PLACE} is lost (`),
      "no template source is left; miners keep their last job",
      away,
      away,
      away,
    ]);
    server("main").reachable = true;
    await clock.advanceAsync(11_000);
    clock.stepWallClock(1_700_000_000_000 - clock.now());
    server("main").tip(6, 1n);
    await clock.advanceAsync(100);
    expect(lines).toEqual(["the template source main gives work again", "template source is active"]);
  });

  it("because of its key is hopeless when no other has ever given work", async () => {
    const wrongKey = new HandshakeError({ code: "wrong-authority" });
    const alone = await setUp(1, { failures: { main: wrongKey } });
    expect(alone.hopeless[0]).toMatch(
      /^wrong-key: .* is not the one whose key is templates\.sources\.0\.public_key: set/,
    );
    const other = await setUp(2, { failures: { main: wrongKey } });
    await other.clock.advanceAsync(60_000);
    expect(other.hopeless).toEqual([]);
    other.server("spare").tip(5, 1n);
    await other.clock.advanceAsync(100);
    expect(other.seen()).toEqual(["spare:1"]);
  });
});

describe("Templates of another network", () => {
  it("are not mined, at the start or after a reconnect", async () => {
    const { clock, server, seen, hopeless } = await setUp(1, { network: "signet" });
    server("main").tip(5, 1n);
    await clock.advanceAsync(100);
    expect(seen()).toEqual([]);
    expect(hopeless).toEqual([
      `wrong-network: ${PLACE} does not work for signet (its target is easier than signet allows): correct pool.network or templates.sources.0.address`,
    ]);
    await clock.advanceAsync(5_000);
    server("main").tip(5, 2n);
    await clock.advanceAsync(100);
    expect(seen()).toEqual([]);
  });

  it("that do not contradict it are mined at once, and once they were, a wrong one is no end of the pool", async () => {
    const { clock, server, seen, hopeless } = await setUp(1, { network: "regtest" });
    server("main").tip(5, 1n);
    await clock.advanceAsync(100);
    expect(seen()).toEqual(["main:1"]);
    server("main").failure = new HandshakeError({ code: "wrong-authority" });
    server("main").hangUp();
    await clock.advanceAsync(60_000);
    expect(hopeless).toEqual([]);
  });

  it("are mined where a node of the right network has their tip", async () => {
    const { clock, server, seen } = await setUp(1, { network: "signet", witness: async () => true });
    server("main").tip(5, 1n);
    await clock.advanceAsync(100);
    server("main").refresh(5, 2n);
    await clock.advanceAsync(100);
    expect(seen()).toEqual(["main:1", "main:2"]);
  });

  it("that only the nodes tell from ours are said, and their return", async () => {
    let known = false;
    const { clock, server, seen, lines } = await setUp(1, { network: "regtest", witness: async () => known });
    server("main").tip(5, 1n);
    await clock.advanceAsync(31_000);
    const disputed =
      "the template source main builds on a block that no configured node knows: they are on different networks or chains, or the nodes are behind";
    expect(lines).not.toContain(disputed);
    await clock.advanceAsync(31_000);
    expect(lines.filter((line) => line === disputed)).toHaveLength(1);
    expect(seen()).toEqual(["main:1"]);
    known = true;
    await clock.advanceAsync(31_000);
    expect(lines.at(-1)).toBe("the nodes know what the template source main builds on again");
  });
});

it("A source's clock that is minutes from ours is told of", async () => {
  const { clock, server, lines } = await setUp(1);
  clock.stepWallClock(1_700_000_005_000 - clock.now());
  server("main").tip(5, 1n);
  await clock.advanceAsync(100);
  expect(lines.join()).not.toContain("about the time");
  clock.stepWallClock(-7_500_000);
  server("main").tip(6, 2n);
  await clock.advanceAsync(100);
  expect(lines.at(-1)).toMatch(
    /^the template source main and this machine differ by minutes about the time: set the clocks/,
  );
});
