/** What tests share: a virtual clock, repeatable randomness and scripted peers. Imported by tests and simulations only. */
export {
  type ReceivedFrame,
  ScriptError,
  ScriptedMiner,
  type ServerFields,
  type ServerMessage,
} from "./scripted-miner.ts";
export { VirtualClock, VirtualClockError } from "./virtual-clock.ts";
export { seededRandom } from "./virtual-clock-random.ts";
