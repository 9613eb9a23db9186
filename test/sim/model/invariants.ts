import type { Scene } from "../scene.ts";
import type { JudgedConnection } from "./judged-connection.ts";
import type { PoolUnderTest } from "./pool-under-test.ts";

/** Timers of a pool process that are not a connection's or a block's: rounds, watch, retry, outage, drain, template news. */
const OWN_TIMERS = 40;
/** A connection waits for its setup or first channel, and while draining for its slot and its answers. */
const TIMERS_PER_CONNECTION = 3;
/** The wire's own patience with a peer that does not close, and a turn. */
const CLOSE_MS = 5_100;
/** Of the pool's messages to a miner, bytes. */
const LONGEST_FRAME = 1_024;
/** The recorder looks at its age this often. */
const WATCH_MS = 600;

/** Looks at what can be seen between two steps. Cheap: it grows with the miners, not with the history. */
export function checkStep(scene: Scene): void {
  const { pool } = scene;
  if (pool === null) return;
  for (const reason of pool.notReady) pool.world.reach(`not-ready ${reason}`);
  checkCensus(pool);
  checkQueues(pool);
  checkConnections(pool);
}

function checkCensus(pool: PoolUnderTest): void {
  const { status, world } = pool;
  let sessions = 0;
  let channels = 0;
  for (const connection of pool.connections.values()) {
    if (connection.flags === null) continue;
    sessions++;
    channels += connection.channels.size;
  }
  if (status.connections !== sessions) {
    world.violate("bounded", `the pool counts ${status.connections} sessions, there are ${sessions}`);
  }
  if (status.channels !== channels && !pool.draining) {
    world.violate("bounded", `the pool counts ${status.channels} channels, there are ${channels}`);
  }
  if (status.recordedShares > pool.durable) {
    world.violate(
      "answered-recorded",
      `${status.recordedShares} shares count as recorded, ${pool.durable} are`,
    );
  }
}

function checkQueues(pool: PoolUnderTest): void {
  const { world, limits } = pool;
  const { overfullAfterMs, holdAfterMs } = limits.recorder;
  const unanswered = pool.blocks.check(pool.nodes);
  const timers = OWN_TIMERS + TIMERS_PER_CONNECTION * pool.connections.size + unanswered;
  if (pool.clock.pendingTimers > timers) {
    world.violate("bounded", `${pool.clock.pendingTimers} timers for ${pool.connections.size} connections`);
  }
  const waited = pool.longestWait();
  if (waited > holdAfterMs + WATCH_MS && !pool.notReady.includes("shares-not-recorded")) {
    world.violate("bounded", `shares wait for ${waited} ms and the pool takes channels`);
  }
  if (waited <= overfullAfterMs + WATCH_MS) return;
  for (const { ended, id } of pool.connections.values()) {
    if (ended === null) world.violate("bounded", `shares wait for ${waited} ms and connection ${id} is open`);
  }
}

function checkConnections(pool: PoolUnderTest): void {
  const now = pool.world.clock.monotonic();
  for (const connection of pool.connections.values()) {
    const { id, queuedBytes, writeQueueBytes } = connection;
    // One frame may always wait.
    if (queuedBytes > writeQueueBytes + LONGEST_FRAME) {
      pool.world.violate("bounded", `${queuedBytes} bytes wait for connection ${id}`);
    }
    if (connection.ended !== null) {
      if (now - connection.endedAt > CLOSE_MS) {
        pool.world.violate("bounded", `connection ${connection.id} does not go after ${connection.ended}`);
      }
    } else if (connection.flags === null) {
      if (now - connection.acceptedAt > pool.limits.setupTimeoutMs) {
        pool.world.violate("bounded", `connection ${connection.id} may stay without a setup`);
      }
    } else checkWork(pool, connection);
  }
}

/** Every channel works on the newest tip the pool was given. */
function checkWork(pool: PoolUnderTest, connection: JudgedConnection): void {
  if (!connection.getsJobs || connection.uncertain) return;
  const given = pool.delivered?.tip;
  for (const channel of connection.channels.values()) {
    connection.judgeJobAge(channel);
    const { tip } = channel;
    const same = tip?.nbits === given?.nbits && tip !== null && given !== undefined;
    if (!same || Buffer.compare(tip.prevHash, given.prevHash) !== 0) {
      pool.world.violate("alive", `channel ${connection.id}/${channel.fields.id} works on another tip`);
    }
  }
}

/** What must be so when everything has worked for long enough: nothing waits any more. */
export function checkQuiet(scene: Scene): void {
  const { pool, world } = scene;
  if (pool === null) {
    world.violate("alive", "no pool");
    return;
  }
  if (pool.waitingShares > 0) world.violate("alive", `${pool.waitingShares} shares still wait`);
  if (pool.notReady.length > 0) world.violate("alive", `not ready: ${pool.notReady.join()}`);
  for (const connection of pool.connections.values()) {
    for (const channel of connection.channels.values()) {
      if (channel.open.length > 0 && connection.ended === null) {
        world.violate(
          "alive",
          `${channel.open.length} shares of ${connection.id}/${channel.fields.id} have no answer`,
        );
      }
    }
  }
  for (const miner of scene.miners) {
    for (const { channel, outstanding } of miner.workplaces.values()) {
      if (outstanding.length === 0) continue;
      world.violate(
        "alive",
        `${miner.name} waits for ${outstanding.length} answers on channel ${channel.id}`,
      );
    }
  }
  for (const [hash, { at, answered, issued }] of pool.blocks.open) {
    if (issued?.state === "unavailable" || world.clock.monotonic() - at > GIVEN_UP_MS) continue;
    // The nodes that answer agree on its fate: the others need not have it any more.
    if (pool.sawDiskErrors || scene.disk.isSettled(hash)) continue;
    for (const { name } of pool.nodes) {
      if (!answered.has(name)) world.violate("block-submitted", `${name} never answered to ${hash}`);
    }
  }
  for (const hash of pool.blocks.takeFinished()) {
    if (scene.disk.find(hash) === undefined && !pool.sawDiskErrors) {
      world.violate("block-submitted", `there is no file of ${hash}`);
    }
  }
}

/** The submitter's patience with a node, less what a check may come late. */
const GIVEN_UP_MS = 3_000_000;

/** Nothing is left of miners that are gone. */
export function checkEmpty(scene: Scene): void {
  const { pool, world } = scene;
  if (pool === null) return;
  const { connections, channels } = pool.status;
  if (connections + channels > 0) {
    world.violate("bounded", `${connections} connections and ${channels} channels of miners that left`);
  }
  // The server's round and the recorder's sign of life go on, and nodes are asked about blocks that are not settled.
  const following = scene.disk.hasUnsettled || pool.sawDiskErrors ? 1 : 0;
  if (pool.clock.pendingTimers > 2 + following)
    world.violate("bounded", `${pool.clock.pendingTimers} timers of miners that left`);
}
