/** Entry of the honest miners' process. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { serve } from "@lode/testing/process";
import { HonestCrowd } from "./honest-crowd.ts";
import type { HonestReply, HonestRequest } from "./honest-protocol.ts";

const SAMPLING_MS = 5;

let crowd: HonestCrowd | undefined;
const delay = monitorEventLoopDelay({ resolution: SAMPLING_MS });
delay.enable();

function reply(more: Partial<HonestReply> = {}): HonestReply {
  if (crowd === undefined) throw new Error("nobody was gathered");
  const loopP99Ms = Math.max(0, delay.percentile(99) / 1e6 - SAMPLING_MS);
  delay.reset();
  const { channels, book, tally } = crowd;
  const rssMb = process.memoryUsage.rss() / 2 ** 20;
  return { tally: tally.reading(), channels, acknowledged: book.acknowledged, loopP99Ms, rssMb, ...more };
}

serve<HonestRequest, HonestReply>(async (request) => {
  if (request.kind === "gather") {
    const { port, authorityKey, address, ...options } = request;
    crowd = new HonestCrowd({ target: { port, authorityKey, address }, ...options });
    await crowd.gather();
    return reply();
  }
  if (request.kind === "begin") crowd?.begin();
  if (request.kind !== "rest") return reply();
  const unanswered = (await crowd?.rest()) ?? 0;
  const answer = reply({ unanswered, book: crowd?.book.compact() ?? [] });
  crowd?.stop();
  return answer;
});
