import { native } from "@lode/native";
import { noMetrics, silentLogger, systemClock, systemRandom } from "@lode/ports";
import { encodeFrame, mining } from "@lode/protocol";
import { type ActiveJob, type ClientChannel, headerOf, MiningClient } from "@lode/roles";
import { isAtMost } from "../../sim/model/hashing.ts";
import { nap } from "../wire/open-socket.ts";
import type { Sv2Socket } from "../wire/sv2-socket.ts";
import { AttackSession } from "./attack-session.ts";
import type { Life } from "./life.ts";

const NONCE_OFFSET = 76;
const JOB_WITHIN_MS = 15_000;
/** What the attacker who only hands in good shares can hash, in a batch. */
const HASHES_PER_TURN = 16;

/** A share of this job with every field right but its proof of work. */
type Shape = mining.SubmitSharesExtended;

interface Mine {
  readonly connection: Sv2Socket;
  readonly client: MiningClient;
  readonly channel: ClientChannel;
  readonly job: ActiveJob;
}

/** A good share once, and then the same again. */
export async function duplicates(life: Life): Promise<void> {
  const mine = await enter(life);
  if (mine === undefined) return;
  const share = await find(life, mine);
  if (share !== undefined) await floodWith(life, mine, () => share);
}

/** Shares of a job whose tip is gone. */
export async function staleShares(life: Life): Promise<void> {
  const mine = await enter(life);
  if (mine === undefined) return;
  const share = await find(life, mine);
  for (let waited = 0; mine.channel.job?.prevHash === mine.job.prevHash && waited < 90; waited++) {
    if (mine.connection.ended !== undefined || life.deps.isOver()) return;
    await nap(1_000);
  }
  if (share !== undefined) await floodWith(life, mine, () => share);
}

/** An extranonce of a wrong size. */
export async function garbageExtranonces(life: Life): Promise<void> {
  const mine = await enter(life);
  if (mine === undefined) return;
  await floodWith(life, mine, (number) => ({
    ...shapeOf(mine),
    nonce: number,
    extranonce: systemRandom(1 + (number % 7)),
  }));
}

/** A job that never was. */
export async function unknownJobs(life: Life): Promise<void> {
  const mine = await enter(life);
  if (mine === undefined) return;
  await floodWith(life, mine, (number) => ({ ...shapeOf(mine), jobId: 0x7000_0000 + number }));
}

/** A channel that never was. */
export async function unknownChannels(life: Life): Promise<void> {
  const mine = await enter(life);
  if (mine === undefined) return;
  await floodWith(life, mine, (number) => ({ ...shapeOf(mine), channelId: 0x7000_0000 + number }));
}

/** Right in form, but without the work: each costs the pool a full check. */
export async function tooEasyShares(life: Life): Promise<void> {
  // A rate that makes the target hard: hardly any nonce will meet it by chance.
  const mine = await enter(life, 1e12);
  if (mine === undefined) return;
  const shape = shapeOf(mine);
  await floodWith(life, mine, (number) => ({ ...shape, nonce: number }));
}

/** Good shares without end, as fast as its own hashing and vardiff allow. */
export async function goodShares(life: Life): Promise<void> {
  const mine = await enter(life);
  if (mine === undefined) return;
  while (mine.connection.ended === undefined && !life.deps.isOver()) {
    const share = await find(life, mine);
    if (share === undefined) break;
    mine.connection.send(encodeFrame(mining.SubmitSharesExtended, share));
    life.sent();
  }
  life.judge(mine.connection);
}

/** A connection with one extended channel and a job. */
async function enter(life: Life, nominalHashRate = 0): Promise<Mine | undefined> {
  const connection = await life.dial();
  if (connection === undefined) return undefined;
  return new Promise((resolve) => {
    const give = (mine: Mine | undefined) => {
      clearTimeout(timer);
      if (mine === undefined) connection.destroy("over");
      resolve(mine);
    };
    const timer = setTimeout(() => give(undefined), JOB_WITHIN_MS);
    const client = new MiningClient(
      connection,
      { flags: 0, vendor: "hostile" },
      {
        onSetup: () => {
          client.open({ userIdentity: life.deps.userIdentity, nominalHashRate, minExtranonceSize: 8 });
        },
        onJob: (channel, job) => give({ connection, client, channel, job }),
        onOpenRefused: () => give(undefined),
        onRefused: () => give(undefined),
      },
      { clock: systemClock, logger: silentLogger, metrics: noMetrics },
    );
  });
}

async function floodWith(life: Life, mine: Mine, next: (number: number) => Shape): Promise<void> {
  let number = 0;
  const session = new AttackSession(mine.connection);
  session.connection.ignoreInput();
  await life.flood(session, () => encodeFrame(mining.SubmitSharesExtended, next(number++)));
}

function shapeOf({ channel }: Mine): Shape {
  const job = channel.job!;
  return {
    channelId: channel.id,
    sequenceNumber: 0,
    jobId: job.jobId,
    nonce: 0,
    ntime: Math.max(job.minNtime, Math.floor(Date.now() / 1000)),
    version: job.version,
    extranonce: systemRandom(channel.extranonceSize),
  };
}

/** Searches the channel's present job. */
async function find(life: Life, mine: Mine): Promise<Shape | undefined> {
  let search: { job: ActiveJob; share: Shape; header: Uint8Array; view: DataView } | undefined;
  for (let nonce = 0; mine.connection.ended === undefined && !life.deps.isOver(); ) {
    const job = mine.channel.job!;
    if (search?.job !== job) {
      const share = shapeOf(mine);
      const header = headerOf(job, share);
      search = { job, share, header, view: new DataView(header.buffer, header.byteOffset) };
    }
    await life.deps.budget.turn("flood");
    for (let count = 0; count < HASHES_PER_TURN; count++) {
      search.view.setUint32(NONCE_OFFSET, ++nonce, true);
      if (isAtMost(native.sha256d(search.header), job.target)) return { ...search.share, nonce };
    }
  }
  return undefined;
}
