/** Entry of a load generator's process: built JavaScript, forked by `spawnLoad`. Ends with the process that forked it. */
import { native } from "@lode/native";
import { silentLogger, systemClock, systemRandom } from "@lode/ports";
import { type Load, startLoad } from "./load.ts";
import type { LoadReply, LoadRequest } from "./remote-protocol.ts";
import { startMeter } from "./used-time.ts";

let load: Load | undefined;

function reply(message: LoadReply): void {
  process.send?.(message);
}

function running(): Load {
  if (load === undefined) throw new Error("the load was not started");
  return load;
}

async function handle(request: LoadRequest): Promise<void> {
  switch (request.kind) {
    case "start": {
      const authorityKey =
        request.authorityKey === null ? null : new Uint8Array(Buffer.from(request.authorityKey, "hex"));
      const meter = startMeter();
      load = await startLoad({
        ...request.target,
        authorityKey,
        native,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
      });
      reply({ kind: "started", used: meter() });
      break;
    }
    case "saturate":
      reply({ kind: "report", report: await running().saturate(request.seconds) });
      break;
    case "pace":
      reply({ kind: "report", report: await running().pace(request.seconds, request.sharesPerSecond) });
      break;
    case "watch": {
      const everywhere = running().watch(request.stamp);
      reply({ kind: "armed" });
      reply({ kind: "arrivals", arrivals: await everywhere });
      break;
    }
    case "storm":
      reply({ kind: "storm", storm: await running().storm() });
      break;
    case "close":
      await load?.close();
      process.disconnect();
      break;
  }
}

process.on("message", (request: LoadRequest) => {
  handle(request).catch((error: unknown) => reply({ kind: "failed", message: String(error) }));
});
process.on("disconnect", () => process.exit(0));
