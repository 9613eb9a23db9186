import type { LoadTarget } from "./load.ts";
import type { LoadReport } from "./load-report.ts";

/** What the generator's process is asked; one request at a time. */
export type LoadRequest =
  | {
      readonly kind: "start";
      readonly target: Omit<LoadTarget, "authorityKey">;
      readonly authorityKey: string | null;
    }
  | { readonly kind: "saturate"; readonly seconds: number }
  | { readonly kind: "pace"; readonly seconds: number; readonly sharesPerSecond: number }
  /** Answered twice: `armed` at once, `tip` when every connection has it. */
  | { readonly kind: "next-tip" }
  | { readonly kind: "close" };

/** What it answers. Keys are hex. */
export type LoadReply =
  | { readonly kind: "started" }
  | { readonly kind: "report"; readonly report: LoadReport }
  | { readonly kind: "armed" }
  /** The system's monotonic clock, milliseconds: comparable between processes of one machine. */
  | { readonly kind: "tip"; readonly at: number }
  | { readonly kind: "failed"; readonly message: string };
