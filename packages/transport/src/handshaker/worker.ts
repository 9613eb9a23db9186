/**
 * Entry of a handshake thread. Runs as built JavaScript whatever runs the process, so it takes part in no bundler's or
 * loader's tricks.
 */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock, systemRandom } from "@lode/ports";
import { loadCurve } from "../curve/load-curve.ts";
import { HandshakeError } from "../noise/handshake-error.ts";
import { respond } from "../noise/responder.ts";
import { EphemeralPool } from "./ephemeral-pool.ts";
import { WorkerGate } from "./worker-gate.ts";
import type { WorkerReply, WorkerRequest, WorkerStart } from "./worker-protocol.ts";

const { staticKey, backend, ephemeralKeys, gate: sharedGate } = workerData as WorkerStart;
const gate = new WorkerGate(sharedGate);
const port = parentPort!;
const curve = loadCurve(backend);
const pool = new EphemeralPool(curve, systemRandom, ephemeralKeys);
let refilling = false;

/** One key per turn of the loop, so that a waiting handshake is delayed by one key at most. */
function refill(): void {
  if (!gate.enter()) return;
  pool.refill();
  gate.leave();
  refilling = pool.hasRoom;
  if (refilling) systemClock.soon(refill);
}

function refillSoon(): void {
  if (refilling || !pool.hasRoom) return;
  refilling = true;
  systemClock.soon(refill);
}

port.on("message", ({ id, act1, certificate }: WorkerRequest) => {
  if (!gate.enter()) return;
  let reply: WorkerReply;
  try {
    const result = respond(curve, act1, pool.take(), staticKey, certificate);
    reply = { kind: "done", id, result };
  } catch (error) {
    if (!(error instanceof HandshakeError)) throw error;
    reply = { kind: "failed", id, error: error.type };
  } finally {
    gate.leave();
  }
  port.postMessage(reply);
  if (reply.kind === "done") {
    reply.result.sendKey.fill(0);
    reply.result.receiveKey.fill(0);
  }
  refillSoon();
});

port.postMessage({ kind: "ready" } satisfies WorkerReply);
refillSoon();
