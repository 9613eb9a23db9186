import { bytesToTarget, targetToBytes } from "@lode/bitcoin";
import { ExtranonceAllocator } from "@lode/mining";
import { MiningFlags, mining } from "@lode/protocol";
import { GROUP_CHANNEL_ID } from "@lode/roles";
import { ScriptedPool } from "@lode/testing/pool";
import fc from "fast-check";
import type { NaiveChannel, Submission } from "../sim/model/naive-channel.ts";
import { NaiveConnection } from "./naive-connection.ts";
import { settings, user } from "./setting.ts";

/** What the model knows without looking at the server. */
export interface Model {
  connections: NaiveConnection[];
  sequenceNumber: number;
  /** Who was given a search space, as which job; closed channels included. */
  handedOut: Map<string, { readonly channel: NaiveChannel; readonly jobId: number | undefined }>;
}

/** The server with everything around it. */
export class Real {
  readonly extranonces = new ExtranonceAllocator({ serverId: 7, capacity: PREFIXES });
  readonly pool = new ScriptedPool({ settings, deps: { extranonces: this.extranonces } });

  /** Held jobs can keep all prefixes from being given out. */
  get mayLackPrefix(): boolean {
    return this.extranonces.allocated === PREFIXES;
  }

  get now(): number {
    return this.pool.clock.monotonic();
  }
}

type Step = fc.Command<Model, Real>;

/** Few, so that they come round. */
const PREFIXES = 8;
const MAX_CONNECTIONS = 3;
const MAX_CHANNELS = 3;

const step = (name: string, run: (model: Model, real: Real) => void): Step => ({
  check: () => true,
  run(model, real) {
    run(model, real);
    checkAll(model, real);
  },
  toString: () => name,
});

/** What holds whatever happened. */
function checkAll(model: Model, { pool, now }: Real): void {
  const { connections } = model;
  const tip = pool.jobs.tip;
  let channels = 0;
  const prefixes = new Set<string>();
  const { handedOut } = model;
  for (const connection of connections) {
    connection.read(now);
    for (const channel of connection.channels.values()) {
      channels++;
      if (Buffer.compare(channel.tip!.prevHash, tip.prevHash) !== 0)
        throw new Error("a channel on an old tip");
      // SV2 5.1: nobody else may ever search, or hand in, what this channel was given.
      const space = channel.searchSpace();
      const jobId = channel.jobIdBefore(0);
      const before = handedOut.get(space);
      if (before !== undefined && before.channel !== channel)
        throw new Error("two channels had the same search space");
      if (before !== undefined && before.jobId !== jobId)
        throw new Error(`job ${jobId} is job ${before.jobId} again`);
      handedOut.set(space, { channel, jobId });
      const held = new Set(channel.prefixes(now).map((prefix) => `${prefix.subarray(0, 4)}`));
      for (const prefix of held) {
        if (prefixes.has(prefix)) throw new Error("two channels share a prefix");
        prefixes.add(prefix);
      }
    }
    const closed = connection.miner.closed !== null;
    if (closed !== connection.isOverdue(now)) throw new Error(`closed: ${connection.miner.closed}`);
  }
  model.connections = connections.filter(({ miner }) => miner.closed === null);
  if (pool.server.stats().channels !== channels) throw new Error("the server counts other channels");
  if (pool.complaints.length > 0) throw new Error(`the server complains: ${pool.complaints.join()}`);
}

const connect = fc
  .constantFrom(0, 0, MiningFlags.requiresStandardJobs)
  .map((flags) => step(`connect(${flags})`, (model, real) => connectMiner(model, real, flags)));

function connectMiner({ connections }: Model, { pool }: Real, flags: number): void {
  if (connections.length >= MAX_CONNECTIONS) return;
  const { server, client } = pool.wire();
  connections.push(
    new NaiveConnection(pool.script(client).setUp(flags), server, flags, pool.clock.monotonic()),
  );
}

/** Some connection. */
const onConnection = (name: string, run: (connection: NaiveConnection, model: Model, real: Real) => void) =>
  fc.nat(MAX_CONNECTIONS - 1).map((index) =>
    step(`${name} at connection ${index}`, (model, real) => {
      const connection = model.connections[index % model.connections.length];
      if (connection !== undefined) run(connection, model, real);
    }),
  );

/** Some channel. */
const onChannel = (
  name: string,
  run: (channel: NaiveChannel, connection: NaiveConnection, model: Model, real: Real) => void,
) =>
  fc.tuple(fc.nat(MAX_CONNECTIONS - 1), fc.nat(MAX_CHANNELS - 1)).map(([index, place]) =>
    step(`${name} on channel ${place} of connection ${index}`, (model, real) => {
      const connection = model.connections[index % model.connections.length];
      const channels = [...(connection?.channels.values() ?? [])];
      const channel = channels[place % channels.length];
      if (connection !== undefined && channel !== undefined) run(channel, connection, model, real);
    }),
  );

const open = fc
  .record({
    standard: fc.boolean(),
    rate: fc.constantFrom(0, 1, 50),
    limit: fc.constantFrom(0n, 0n, 1n << 252n),
  })
  .chain(({ standard, rate, limit }) =>
    onConnection(
      `open(${standard ? "standard" : "extended"}, ${rate}, ${limit})`,
      (connection, _model, real) => {
        if (connection.channels.size >= MAX_CHANNELS) return;
        const kind = standard || connection.standardJobs ? "standard" : "extended";
        const maxTarget = limit === 0n ? new Uint8Array(32).fill(0xff) : targetToBytes(limit);
        const request = { requestId: 5, userIdentity: user, nominalHashRate: rate, maxTarget };
        if (kind === "standard") connection.miner.send(mining.OpenStandardMiningChannel, request);
        else connection.miner.send(mining.OpenExtendedMiningChannel, { ...request, minExtranonceSize: 4 });
        const full = real.mayLackPrefix;
        real.pool.clock.settle();
        if (full && connection.miner.inbox[0]?.message.name === "OpenMiningChannelError") {
          connection.miner.takeNames();
        } else connection.readOpened({ kind, maxTarget }, real.now);
      },
    ),
  );

const close = onChannel("close", ({ fields }, connection, _model, { now }) =>
  connection.close(fields.id, now),
);

const closeGroup = onConnection("close the group", (connection, _model, { now }) =>
  connection.close(GROUP_CHANNEL_ID, now),
);

const publish = fc.constantFrom("tip", "refresh", "refresh").map((kind) =>
  step(`publish a ${kind}`, ({ connections }, { pool, now }) => {
    if (kind === "tip") pool.jobs.nextTip();
    else pool.jobs.next();
    for (const connection of connections) {
      const got = connection.read(now).filter((name) => name !== "SetTarget");
      const wanted = expected(connection, kind === "tip");
      if (got.join() !== wanted.join()) throw new Error(`got ${got.join()}, wanted ${wanted.join()}`);
    }
  }),
);

function expected({ channels, grouped }: NaiveConnection, tip: boolean): string[] {
  const addressed = grouped ? [" group"] : [...channels.values()].map(() => "");
  const kinds = grouped ? ["extended"] : [...channels.values()].map(({ fields }) => fields.kind);
  return addressed.flatMap((suffix, index) => {
    const job = `${kinds[index] === "standard" ? "NewMiningJob" : "NewExtendedMiningJob"}${suffix}`;
    return tip ? [job, `SetNewPrevHash${suffix}`] : [job];
  });
}

const wait = fc.constantFrom(500, 1_000, 7_000, 25_000, 70_000).map((ms) =>
  step(`wait(${ms})`, ({ connections }, { pool }) => {
    for (let passed = 0; passed < ms; passed += 500) {
      pool.clock.advance(500);
      for (const connection of connections) connection.read(pool.clock.monotonic());
    }
  }),
);

const update = fc.constantFrom(250n, 253n, 256n).chain((bits) =>
  onChannel(`update(2^${bits})`, (channel, connection, _model, { pool }) => {
    const { id: channelId } = channel.fields;
    const maximumTarget = targetToBytes((1n << bits) - 1n);
    connection.miner.send(mining.UpdateChannel, { channelId, nominalHashRate: 1, maximumTarget });
    channel.fields.maxTarget = maximumTarget;
    // SV2 5.3.7: a smaller target is reflected; at once, or when the last change is a second old.
    for (let passed = 0; passed < 1_500; passed += 500) {
      connection.read(pool.clock.monotonic());
      pool.clock.advance(500);
    }
    connection.read(pool.clock.monotonic());
    if (channel.target > bytesToTarget(maximumTarget)) throw new Error("the client's limit is not honoured");
  }),
);

const move = onChannel("move the prefix", ({ fields }, connection, _model, real) => {
  const { pool, now } = real;
  if (!pool.server.moveExtranoncePrefix(connection.id, fields.id)) {
    if (!real.mayLackPrefix) throw new Error("no prefix left");
    return;
  }
  const got = connection.read(now).filter((name) => name !== "SetTarget");
  const job = fields.kind === "standard" ? "NewMiningJob" : "NewExtendedMiningJob";
  if (got.join() !== `SetExtranoncePrefix,${job}`) throw new Error(`moving brought ${got.join()}`);
});

const share = fc
  .record({
    back: fc.constantFrom(0, 0, 0, 0, 1, 2, 5),
    nonce: fc.nat(5),
    tries: fc.constantFrom(0, 12),
    fault: fc.constantFrom("none", "none", "none", "none", "version", "ntime", "size", "job"),
  })
  .chain(({ back, nonce, tries, fault }) =>
    onChannel(`share(${back}, ${nonce}, ${tries}, ${fault})`, (channel, connection, model, real) => {
      const { kind, id: channelId } = channel.fields;
      const { now, pool } = real;
      const jobId = channel.jobIdBefore(back) ?? 1;
      const base: Submission = {
        sequenceNumber: ++model.sequenceNumber,
        jobId: fault === "job" ? 0xffff_0000 : jobId,
        nonce,
        ntime: Math.floor(pool.clock.now() / 1000) + (fault === "ntime" ? 7_300 : 0),
        version: fault === "version" ? 0x2000_0001 : 0x2000_0000,
        extranonce: kind === "standard" ? null : new Uint8Array(fault === "size" ? 15 : 16),
      };
      const wall = pool.clock.now();
      // A few tries find a share; without them most hashes are none.
      let submission = base;
      let expectation = channel.expect(submission, wall, now);
      for (let more = 1; more <= tries && !expectation.allowed.includes("accepted"); more++) {
        submission = { ...base, nonce: nonce + 100 * more };
        expectation = channel.expect(submission, wall, now);
      }
      const { extranonce, ...fields } = submission;
      const before = pool.shares.length;
      if (extranonce === null) connection.miner.send(mining.SubmitSharesStandard, { channelId, ...fields });
      else connection.miner.send(mining.SubmitSharesExtended, { channelId, ...fields, extranonce });
      pool.clock.settle();
      const accepted = pool.shares.length > before;
      const verdict = accepted ? "accepted" : connection.miner.take("SubmitSharesError").errorCode;
      if (!expectation.allowed.includes(verdict)) {
        throw new Error(`${verdict}, but should be ${expectation.allowed.join(" or ")}`);
      }
      if (accepted) channel.accept(submission, expectation, now);
    }),
  );

const acknowledge = fc.constant(
  step("acknowledge", ({ connections }, { pool, now }) => {
    for (const { connectionId, channelId, sequenceNumber } of pool.shares) {
      const connection = connections.find(({ id }) => id === connectionId);
      connection?.channels.get(channelId)?.recorded(sequenceNumber);
    }
    pool.acknowledge();
    for (const connection of connections) {
      connection.read(now);
      for (const channel of connection.channels.values()) {
        if (channel.open.length > 0) throw new Error(`${channel.open.length} shares were not answered`);
      }
    }
  }),
);

/** Sequences of everything that can happen at an endpoint. */
export const endpointCommands: fc.Arbitrary<Iterable<Step>> = fc.commands(
  [
    connect,
    closeGroup,
    close,
    ...times(3, open),
    ...times(4, publish),
    ...times(2, wait),
    update,
    ...times(2, move),
    ...times(12, share),
    acknowledge,
  ],
  { maxCommands: 120, size: "max" },
);

function times<T>(count: number, what: T): T[] {
  return new Array<T>(count).fill(what);
}

/** Where a sequence begins: with two connections. */
export function begin(): { model: Model; real: Real } {
  const model: Model = { connections: [], sequenceNumber: 0, handedOut: new Map() };
  const real = new Real();
  for (let count = 0; count < 2; count++) connectMiner(model, real, 0);
  return { model, real };
}
