/** Stratum V1 devices modelled on their sources. */
export { CgMiner, EspMinerV1, NerdMiner, OddMiner } from "./devices.ts";
export { Sv1Device, type Sv1DeviceJob, type Sv1DeviceOptions, type Sv1ServerLine } from "./sv1-device.ts";
export { Sv1Wire, type Sv1WireEnd } from "./sv1-wire.ts";
