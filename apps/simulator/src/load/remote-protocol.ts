import type { LoadTarget } from "./load.ts";
import type { LoadReport } from "./load-report.ts";
import type { StormReport } from "./storm.ts";
import type { UsedTime } from "./used-time.ts";
import type { Arrivals } from "./work-watch.ts";

/** What the generator's process is asked; one request at a time. */
export type LoadRequest =
  | {
      readonly kind: "start";
      readonly target: Omit<LoadTarget, "authorityKey">;
      readonly authorityKey: string | null;
    }
  | { readonly kind: "saturate"; readonly seconds: number }
  | { readonly kind: "pace"; readonly seconds: number; readonly sharesPerSecond: number }
  /** Answered twice: `armed` at once, `arrivals` when every connection has the template. */
  | { readonly kind: "watch"; readonly stamp: number }
  | { readonly kind: "storm" }
  | { readonly kind: "close" };

/** What it answers. Keys are hex. */
export type LoadReply =
  | { readonly kind: "started"; readonly used: UsedTime }
  | { readonly kind: "report"; readonly report: LoadReport }
  | { readonly kind: "armed" }
  | { readonly kind: "arrivals"; readonly arrivals: Arrivals }
  | { readonly kind: "storm"; readonly storm: StormReport }
  | { readonly kind: "failed"; readonly message: string };
