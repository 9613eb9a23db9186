import { arch, availableParallelism, cpus, hostname, platform, totalmem } from "node:os";
import { loadNative } from "@lode/native";
import { loadCurve } from "@lode/transport";

/** Where the figures come from. */
export interface Machine {
  readonly name: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gb: number;
  readonly platform: string;
  readonly node: string;
  readonly openssl: string;
  readonly native_backend: string;
  readonly handshake_backend: string;
}

/** This machine, and what Lode runs on it. */
export function describeMachine(): Machine {
  return {
    name: hostname(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memory_gb: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${arch()}`,
    node: process.version,
    openssl: process.versions.openssl ?? "unknown",
    native_backend: loadNative().backend,
    handshake_backend: loadCurve().backend,
  };
}
