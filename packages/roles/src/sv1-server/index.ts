/** Stratum V1 towards miners: the handshake in any order, jobs, answers. */
export {
  type Sv1Allowance,
  type Sv1CloseReason,
  type Sv1ServerSettings,
  sv1CloseReasons,
  sv1ServerDefaults,
} from "./settings.ts";
export { targetOfDifficulty, toldDifficulty } from "./sv1-difficulty.ts";
export { EXTRANONCE1_SIZE, type Sv1Host, Sv1Server, type Sv1ServerDeps } from "./sv1-server.ts";
export { Sv1Session, type Sv1SessionOwner } from "./sv1-session.ts";
export type { Sv1MinerWishes, Sv1Share, Sv1Work } from "./sv1-work.ts";
