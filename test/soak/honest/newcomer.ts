import { native } from "@lode/native";
import { noMetrics, silentLogger, systemClock } from "@lode/ports";
import { type ActiveJob, type ClientChannel, headerOf, MiningClient } from "@lode/roles";
import { isAtMost } from "../../sim/model/hashing.ts";
import { dialFrom } from "../wire/dial-from.ts";
import type { HonestTarget } from "./honest-miner.ts";
import type { BookedChannel, ShareBook } from "./share-book.ts";
import type { NewcomerTally } from "./tally.ts";

/** From the first packet to the acknowledged share; real miners go to another pool at some point, too. */
const PATIENCE_MS = 20_000;
const NONCE_OFFSET = 76;
/** Far beyond what the easiest target needs. */
const MAX_HASHES = 10_000;

/** A miner that has not been here before: connects, opens a channel, hands in one share, waits for its answer and leaves. */
export async function visit(
  target: HonestTarget,
  who: { readonly localAddress: string; readonly worker: string },
  book: ShareBook,
  tally: NewcomerTally,
): Promise<void> {
  const { port, authorityKey } = target;
  const startedAt = performance.now();
  const connection = await dialFrom({ port, authorityKey, localAddress: who.localAddress });
  tally.n++;
  if (typeof connection === "string") {
    tally.failed.add(connection);
    return;
  }
  const failure = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve("no-answer"), PATIENCE_MS);
    let booked: BookedChannel | undefined;
    let sequenceNumber: number | undefined;
    const client = new MiningClient(
      connection,
      { flags: 0, vendor: "lode-soak" },
      {
        onSetup: () => {
          client.open({ userIdentity: `${target.address}.${who.worker}`, nominalHashRate: 1 });
        },
        onOpened: (channel) => {
          booked = book.open(who.worker, channel.id);
        },
        onOpenRefused: (_id, code) => resolve(`open-refused-${code}`),
        onJob: (channel, job) => {
          if (sequenceNumber === undefined) sequenceNumber = submit(client, channel, job);
        },
        onAccepted: (_channel, { lastSequenceNumber }) => {
          book.acknowledge(booked!, lastSequenceNumber);
          clearTimeout(timer);
          tally.ready.record(performance.now() - startedAt);
          resolve(undefined);
        },
        // A new tip came between job and share: the next job, another share.
        onRejected: (_channel, { errorCode }) => {
          if (errorCode === "stale-share") sequenceNumber = undefined;
          else resolve(`rejected-${errorCode}`);
        },
        onRefused: (reason, code) => resolve(`refused-${code ?? reason}`),
        onClose: (reason) => resolve(reason),
      },
      { clock: systemClock, logger: silentLogger, metrics: noMetrics },
    );
  });
  connection.close("done");
  if (failure !== undefined) tally.failed.add(failure);
}

function submit(client: MiningClient, channel: ClientChannel, job: ActiveJob): number | undefined {
  const ntime = Math.max(job.minNtime, Math.floor(Date.now() / 1000));
  const share = { jobId: job.jobId, version: job.version, ntime };
  const header = headerOf(job, { ...share, extranonce: new Uint8Array(0), nonce: 0 });
  const view = new DataView(header.buffer, header.byteOffset);
  for (let nonce = 0; nonce < MAX_HASHES; nonce++) {
    view.setUint32(NONCE_OFFSET, nonce, true);
    if (isAtMost(native.sha256d(header), job.target)) return client.submit(channel, { ...share, nonce });
  }
  return undefined;
}
