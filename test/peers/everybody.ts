import { Bitaxe, BraiinsOs, NerdQAxe, ReferenceTranslator } from "@lode/testing/peers";
import type { Tunable } from "./hour.ts";
import { PeerWorld, type PeerWorldOptions } from "./peer-world.ts";

/** One of every kind, all at one pool. */
export function everybody(options: PeerWorldOptions = {}): {
  world: PeerWorld;
  devices: { device: Tunable; hashrate: number }[];
} {
  const world = new PeerWorld(options);
  return { world, devices: connectAll(world) };
}

/** One of every kind, connected to a pool that is there. */
export function connectAll(world: PeerWorld): { device: Tunable; hashrate: number }[] {
  const devices: { device: Tunable; hashrate: number }[] = [];
  const own = (device: Tunable, hashrate: number) => void devices.push({ device, hashrate });
  for (const kind of ["standard", "extended"] as const) {
    for (const firmware of ["2.14", "2.15"] as const) {
      const name = `bitaxe-${kind}-${firmware}`;
      own(world.add(new Bitaxe({ ...world.options(name), kind, firmware, hashrate: 1e12 })), 1e12);
    }
  }
  for (const firmware of ["2026-06", "2026-09"] as const) {
    own(
      world.add(new NerdQAxe({ ...world.options(`nerd-${firmware}`), firmware, hashrate: 1.5e12 })),
      1.5e12,
    );
  }
  for (const flags of [0, 1] as const) {
    own(world.add(new BraiinsOs({ ...world.options(`braiins-${flags}`), flags, hashrate: 0.8e12 })), 0.8e12);
  }
  for (const aggregated of [true, false]) {
    for (const vardiff of [true, false]) {
      const name = `translator-${aggregated ? "one" : "many"}-${vardiff}`;
      const translator = world.add(
        new ReferenceTranslator({ ...world.options(name), aggregated, vardiff, minHashrate: 0.2e12 }),
      );
      for (let index = 0; index < 3; index++) own(translator.join(`rig${index}`, 0.2e12), 0.2e12);
    }
  }
  return devices;
}
