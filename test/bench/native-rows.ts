import { type FrameCipher, loadNative, type Native, sealedFrameSize } from "@lode/native";
import { systemRandom } from "@lode/ports";
import { HEADER_SIZE } from "@lode/protocol";
import { type Subject, timeInTurns } from "./interleave.ts";
import { type BenchContext, type Measurement, type Row, row, significant } from "./row.ts";
import { benchJob } from "./scripted-feed.ts";

/** Batches of 25 ms per repetition asked for. */
const BATCHES_PER_REPETITION = 8;
const MESSAGE_SIZE = 24;

/** Double SHA-256 of a header. */
export const sha256dRow: Measurement = {
  name: "sha256d",
  async measure(context) {
    const header = systemRandom(80);
    const subject = (native: Native): Subject => ({
      run(count) {
        for (let call = 0; call < count; call++) native.sha256d(header);
      },
    });
    return [await compare("sha256d", 0.2, subject, context)];
  },
};

/** The full check of an extended share in one call. */
export const shareCheckRow: Measurement = {
  name: "share_check",
  async measure(context) {
    const subject = (native: Native): Subject => {
      const { handle, version, networkTarget } = benchJob(native);
      const [extranonce, hash] = [systemRandom(20), new Uint8Array(32)];
      const target = new Uint8Array(32).fill(0xff);
      let nonce = 0;
      return {
        run(count) {
          for (let call = 0; call < count; call++) {
            handle.checkShare(extranonce, version, 1_790_000_000, nonce++, target, networkTarget, hash);
          }
        },
      };
    };
    return [await compare("share_check", 2.2, subject, context)];
  },
};

/**
 * Sealing and opening a frame with a payload of 24 bytes: two sealed messages, the header's and the payload's. Half of the
 * frame is one message; the dearer direction is the row's.
 */
export const aeadRow: Measurement = {
  name: "aead",
  async measure({ repetitions, say }) {
    const addon = new FrameLoop(requireAddon(say));
    const standIn = new FrameLoop(loadNative("js"));
    const subjects = { ...addon.subjects("addon"), ...standIn.subjects("js") };
    const times = timeInTurns(subjects, repetitions * BATCHES_PER_REPETITION);
    const frame = (name: string) => significant(times[name]!, 3);
    say(
      `aead: a frame with a 24-byte payload, addon: seal ${frame("addon-seal")} µs, open ${frame("addon-open")} µs`,
    );
    say(`aead: the same, stand-in: seal ${frame("js-seal")} µs, open ${frame("js-open")} µs`);
    const dearer = (backend: string) => Math.max(times[`${backend}-seal`]!, times[`${backend}-open`]!) / 2;
    return [row("aead", "µs", dearer("addon"), 0.8, dearer("js"))];
  },
};

/** Seals frames, and opens what was sealed, in order, as a connection does. */
class FrameLoop {
  readonly #native: Native;
  readonly #frame = new Uint8Array(HEADER_SIZE + MESSAGE_SIZE);
  readonly #header = new Uint8Array(HEADER_SIZE);
  readonly #payload = new Uint8Array(MESSAGE_SIZE);
  #sealed = Buffer.alloc(0);
  #cipher!: FrameCipher;

  constructor(native: Native) {
    this.#native = native;
  }

  subjects(name: string): Record<string, Subject> {
    const size = sealedFrameSize(MESSAGE_SIZE);
    const prepare = (count: number): void => {
      this.#sealed = Buffer.alloc(count * size);
      this.#cipher = this.#native.createCipher(new Uint8Array(32));
    };
    const seal = (count: number): void => {
      for (let at = 0; at < count * size; at += size) this.#cipher.sealFrame(this.#frame, this.#sealed, at);
    };
    return {
      [`${name}-seal`]: { prepare, run: seal },
      [`${name}-open`]: {
        prepare: (count) => {
          prepare(count);
          seal(count);
          this.#cipher = this.#native.createCipher(new Uint8Array(32));
        },
        run: (count) => {
          for (let at = 0; at < count * size; at += size) this.#open(at);
        },
      },
    };
  }

  #open(at: number): void {
    const whole =
      this.#cipher.openHeader(this.#sealed, at, this.#header) &&
      this.#cipher.openPayload(this.#sealed, at + 22, MESSAGE_SIZE, this.#payload);
    if (!whole) throw new Error("a frame did not open");
  }
}

async function compare(
  name: string,
  budget: number,
  subject: (native: Native) => Subject,
  { repetitions, say }: BenchContext,
): Promise<Row> {
  const subjects = { addon: subject(requireAddon(say)), js: subject(loadNative("js")) };
  const times = timeInTurns(subjects, repetitions * BATCHES_PER_REPETITION);
  return row(name, "µs", times.addon, budget, times.js);
}

/** The addon; where it does not load, the stand-in is measured against itself. */
function requireAddon(say: (line: string) => void): Native {
  const native = loadNative("auto");
  if (native.backend !== "addon") say("the addon does not load: its rows show the stand-in");
  return native;
}
