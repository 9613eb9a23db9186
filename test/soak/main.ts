import { parseArgs } from "node:util";
import { say, wholeNumber } from "../shell-run.ts";
import { attackKinds } from "./attack/attack-plan.ts";
import { runSoak } from "./run-soak.ts";
import { describe } from "./summary.ts";

const HELP = `Usage: npm run soak -- --minutes N [options]

Lets honest miners work on a real pool process for a long time, in peace and under attack.

  --minutes N      length of the main stretch; with --hostile a calm stretch of a tenth comes before it (10)
  --calm N         length of that calm stretch in minutes instead
  --hostile        attack the pool in every way at once
  --honest N       honest connections; one in ten has three channels (1000)
  --seed N         choices of miners and attackers (random, printed)
  --attack-cpu N   cores that the attackers may take together (0.35)
  --strength N     how many attackers, as a part of their full number (1)
  --only A,B       only these attacks: ${attackKinds.map(({ name }) => name).join(", ")}
  --profile DIR    write a CPU profile of the pool there
  --json           the summary as one line of JSON on standard output
  --help           this text

Interrupted (SIGINT, SIGTERM), it ends early and adds up what there is.
Exit code 0: every invariant holds. 1: otherwise. Progress goes to standard error.
`;

const CALM_PART = 0.1;
const MIN_CALM_SECONDS = 30;

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    say("interrupted: adding up");
    interrupted.abort();
  });
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    calm: { type: "string" },
    hostile: { type: "boolean", default: false },
    honest: { type: "string", default: "1000" },
    seed: { type: "string" },
    "attack-cpu": { type: "string", default: "0.35" },
    strength: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    profile: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  const seconds = positive("minutes", values.minutes) * 60;
  try {
    const summary = await runSoak({
      seconds,
      calmSeconds:
        values.calm === undefined
          ? Math.max(MIN_CALM_SECONDS, seconds * CALM_PART)
          : positive("calm", values.calm) * 60,
      hostile: values.hostile,
      honest: wholeNumber("honest", values.honest),
      seed: wholeNumber("seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 32))),
      attackCores: positive("attack-cpu", values["attack-cpu"]),
      strength: positive("strength", values.strength),
      only: chosen(values.only),
      every: { tip: 60_000, refresh: 20_000, sample: 10_000, newcomer: 2_000, probe: 1_000 },
      warmUpMs: 20_000,
      arrivalMs: 5_000,
      settleMs: 20_000,
      profileDir: values.profile,
      signal: interrupted.signal,
      say,
    });
    process.stdout.write(`${values.json ? JSON.stringify(summary) : describe(summary)}\n`);
    if (values.json) say(describe(summary));
    process.exitCode = summary.broken.length === 0 ? 0 : 1;
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exitCode = 1;
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  say(`--${name} takes a number above 0`);
  process.exit(2);
}

function chosen(text: string): string[] {
  const names = text === "" ? [] : text.split(",");
  const unknown = names.find((name) => attackKinds.every((kind) => kind.name !== name));
  if (unknown === undefined) return names;
  say(`no attack is called ${unknown}`);
  process.exit(2);
}
