/** Entry of the attackers' process. */
import { setPriority } from "node:os";
import { serve } from "@lode/testing/process";
import { Prng } from "@lode/testing/random";
import { AttackCrowd } from "./attack-crowd.ts";
import { attackKinds } from "./attack-plan.ts";
import type { AttackReply, AttackRequest } from "./attack-protocol.ts";
import { CpuBudget } from "./cpu-budget.ts";

/** A little behind everybody else: low enough that honest miners come first, high enough that the attack is one. */
const NICE = 3;

setPriority(NICE);

let crowd: AttackCrowd | undefined;
let budget = new CpuBudget(1);

serve<AttackRequest, AttackReply>(async (request) => {
  if (request.kind === "begin") {
    budget = new CpuBudget(request.cores);
    crowd = new AttackCrowd({ ...request, prng: new Prng(request.seed, 2), budget });
    const { only } = request;
    crowd.begin(
      attackKinds.filter(({ name }) => only.length === 0 || only.includes(name)),
      request.strength,
      request.arrivalMs,
    );
  }
  if (request.kind === "cease") await crowd?.cease();
  return {
    counts: crowd?.counts ?? {},
    cpuSeconds: budget.used,
    rssMb: process.memoryUsage.rss() / 2 ** 20,
  };
});
