import { Bitaxe, ReferenceTranslator } from "@lode/testing/peers";
import { expect, it } from "vitest";
import { expectContent, mineThroughEverything } from "../peers/hour.ts";
import { PeerWorld } from "../peers/peer-world.ts";

const HASHRATE = 1.2e12;

it("a Bitaxe mines through tips, templates, retargets and refreshes without a wrong rejection", () => {
  const world = new PeerWorld();
  const device = world.add(new Bitaxe({ ...world.options("axe"), kind: "extended", hashrate: HASHRATE }));
  mineThroughEverything(world, [{ device, hashrate: HASHRATE }]);
  expectContent(device);
  expect(world.pool.complaints).toEqual([]);
});

it("so does the reference translator with two SV1 miners behind it", () => {
  const world = new PeerWorld();
  const farm = { ...world.options("farm"), minHashrate: 0.3e12, aggregated: true };
  const translator = world.add(new ReferenceTranslator(farm));
  const devices = ["rig1", "rig2"].map((name) => ({
    device: translator.join(name, HASHRATE),
    hashrate: HASHRATE,
  }));
  mineThroughEverything(world, devices);
  expectContent(translator);
  expect(world.pool.complaints).toEqual([]);
});
