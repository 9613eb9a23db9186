/** A figure that is compared, with how much of the reference pool's it may be. */
export interface Goal {
  readonly figure: string;
  readonly unit: string;
  /** Null: compared, but nothing was promised. */
  readonly atMost: number | null;
  /** The reference's figure it is held against, where that has another name. */
  readonly against?: string;
}

/** What is compared, in the order of the table. */
export const GOALS: readonly Goal[] = [
  { figure: "share", unit: "µs", atMost: 0.6 },
  { figure: "share_standard", unit: "µs", atMost: 0.6 },
  { figure: "share_durable", unit: "µs", atMost: 1, against: "share" },
  { figure: "newcomer", unit: "ms", atMost: 1 },
  { figure: "memory", unit: "kB", atMost: 0.4 },
  { figure: "tip_cpu", unit: "µs", atMost: 0.2 },
  { figure: "tip_last", unit: "ms", atMost: null },
  { figure: "tip_first", unit: "ms", atMost: null },
  { figure: "refresh_cpu", unit: "µs", atMost: null },
  { figure: "refresh_last", unit: "ms", atMost: null },
  { figure: "refresh_first", unit: "ms", atMost: null },
];
