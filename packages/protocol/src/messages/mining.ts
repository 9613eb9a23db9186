/** Messages of the mining protocol (SV2 5.3). */
export * from "./mining-channels.ts";
export * from "./mining-jobs.ts";
export * from "./mining-shares.ts";
