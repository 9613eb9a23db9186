import { performance } from "node:perf_hooks";
import { silentLogger, systemClock, systemRandom } from "@lode/ports";
import {
  type Curve,
  createThreadedHandshaker,
  generateHandshakeKey,
  generateKeypair,
  type HandshakeKey,
  loadCurve,
  respond,
  ServerIdentity,
} from "@lode/transport";
import { type Subject, timeInTurns } from "./interleave.ts";
import { type Measurement, row, significant } from "./row.ts";

const BATCHES_PER_REPETITION = 6;
/** Handshakes through threads, to see what is left for the event loop. */
const THREADED = 400;
/** In flight at a time. */
const THREADED_AT_ONCE = 50;

/**
 * What a thread computes to answer one handshake with a key from its pool: act 1 in, act 2 and the keys out. Making the
 * pooled keys happens in idle time and is told apart.
 */
export const handshakeRow: Measurement = {
  name: "handshake",
  async measure({ repetitions, say }) {
    const identity = ServerIdentity.create({
      authoritySecret: generateKeypair(systemRandom).secretKey,
      random: systemRandom,
      clock: systemClock,
    });
    const fast = loadCurve();
    const noble = loadCurve("noble");
    const subjects = {
      fast: respondWith(fast, identity),
      noble: respondWith(noble, identity),
      fastKey: makeKeys(fast),
      nobleKey: makeKeys(noble),
    };
    const times = timeInTurns(subjects, repetitions * BATCHES_PER_REPETITION);
    const ms = (name: keyof typeof times) => significant(times[name] / 1000, 3);
    say(
      `handshake: an ephemeral key, made in idle time: ${fast.backend} ${ms("fastKey")} ms, noble ${ms("nobleKey")} ms`,
    );
    say(`handshake: on the event loop, threads doing the rest: ${await eventLoopMicroseconds(identity)} µs`);
    const budget = fast.backend === "libsecp256k1" ? 0.4 : 5;
    return [
      row(`handshake`, "ms", times.fast / 1000, budget, times.noble / 1000),
      row("handshake_noble", "ms", times.noble / 1000, 5),
    ];
  },
};

function respondWith(curve: Curve, identity: ServerIdentity): Subject {
  const act1 = generateHandshakeKey(curve, systemRandom).encoded;
  let keys: HandshakeKey[] = [];
  return {
    prepare(count) {
      keys = Array.from({ length: count }, () => generateHandshakeKey(curve, systemRandom));
    },
    run(count) {
      for (let call = 0; call < count; call++) {
        respond(curve, act1, keys[call]!, identity.staticKey, identity.certificate());
      }
    },
  };
}

function makeKeys(curve: Curve): Subject {
  return {
    run(count) {
      for (let call = 0; call < count; call++) generateHandshakeKey(curve, systemRandom);
    },
  };
}

async function eventLoopMicroseconds(identity: ServerIdentity): Promise<number> {
  const handshaker = await createThreadedHandshaker(identity, { clock: systemClock, logger: silentLogger });
  const act1 = generateHandshakeKey(loadCurve(), systemRandom).encoded;
  const before = performance.eventLoopUtilization();
  let left = THREADED;
  const ask = async (): Promise<void> => {
    while (left-- > 0) await handshaker.respond(act1);
  };
  await Promise.all(Array.from({ length: THREADED_AT_ONCE }, ask));
  const { active } = performance.eventLoopUtilization(before);
  await handshaker.close();
  return significant((active * 1000) / THREADED, 3);
}
