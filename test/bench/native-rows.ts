import { loadNative, type Native } from "@lode/native";
import { type Subject, timeInTurns } from "./interleave.ts";
import { type BenchContext, type Measurement, type Row, row, significant } from "./row.ts";

type Subjects = typeof import("./native-subjects.ts");

/** Batches of 25 ms per repetition asked for. */
const BATCHES_PER_REPETITION = 8;

/** Double SHA-256 of a header. */
export const sha256dRow: Measurement = {
  name: "sha256d",
  measure: (context) => compare("sha256d", 0.2, context, (subjects) => subjects.sha256d),
};

/** The full check of an extended share: 12 levels, a coinbase of 250 bytes. */
export const shareCheckRow: Measurement = {
  name: "share_check",
  measure: (context) => compare("share_check", 2.2, context, (subjects) => subjects.shareCheck),
};

/** The check of a standard share, whose merkle root is known: the header alone. */
export const standardShareCheckRow: Measurement = {
  name: "share_check_standard",
  measure: (context) =>
    compare("share_check_standard", null, context, (subjects) => subjects.standardShareCheck),
};

/**
 * Sealing and opening a frame with a payload of 24 bytes: two sealed messages, the header's and the payload's. Half of the
 * frame is one message; the dearer direction is the row's.
 */
export const aeadRow: Measurement = {
  name: "aead",
  async measure({ repetitions, say }) {
    const [addon, standIn] = await bothBackends(say);
    const times = timeInTurns(
      {
        seal: addon.subjects.sealFrames(addon.native),
        open: addon.subjects.openFrames(addon.native),
        standInSeal: standIn.subjects.sealFrames(standIn.native),
        standInOpen: standIn.subjects.openFrames(standIn.native),
      },
      repetitions * BATCHES_PER_REPETITION,
    );
    const us = (name: keyof typeof times) => significant(times[name], 3);
    say(`aead: a frame with a 24-byte payload: seal ${us("seal")} µs, open ${us("open")} µs`);
    say(`aead: the same by the stand-in: seal ${us("standInSeal")} µs, open ${us("standInOpen")} µs`);
    const value = Math.max(times.seal, times.open) / 2;
    return [row("aead", "µs", value, 0.8, Math.max(times.standInSeal, times.standInOpen) / 2)];
  },
};

async function compare(
  name: string,
  budget: number | null,
  { repetitions, say }: BenchContext,
  choose: (subjects: Subjects) => (native: Native) => Subject,
): Promise<Row[]> {
  const [addon, standIn] = await bothBackends(say);
  const times = timeInTurns(
    {
      addon: choose(addon.subjects)(addon.native),
      standIn: choose(standIn.subjects)(standIn.native),
    },
    repetitions * BATCHES_PER_REPETITION,
  );
  return [row(name, "µs", times.addon, budget, times.standIn)];
}

/** The addon and the stand-in; where the addon does not load, the stand-in is measured against itself. */
async function bothBackends(say: (line: string) => void) {
  const fast = loadNative("auto");
  if (fast.backend !== "addon") say("the addon does not load: its rows show the stand-in");
  return [
    { native: fast, subjects: await copyOfSubjects("addon") },
    { native: loadNative("js"), subjects: await copyOfSubjects("js") },
  ] as const;
}

/**
 * A module instance per backend: a loop that meets two backends is compiled for both and slower than one in a process that
 * has loaded a single one, as every process of Lode has.
 */
function copyOfSubjects(backend: string): Promise<Subjects> {
  return import(`./native-subjects.ts?backend=${backend}`) as Promise<Subjects>;
}
