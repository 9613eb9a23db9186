import { ExtranonceAllocator } from "@lode/mining";
import { native } from "@lode/native";
import { CodedError, silentLogger, systemClock, systemRandom } from "@lode/ports";
import { common, encodeFrame, mining, PROTOCOL_VERSION, Protocol } from "@lode/protocol";
import { MiningServer, minerMaxLength } from "@lode/roles";
import { createMetrics, loadConfig } from "@lode/service";
import {
  createInlineHandshaker,
  dial,
  type FrameConnection,
  generateKeypair,
  listen,
  ServerIdentity,
} from "@lode/transport";
import { afterEach, describe, expect, it, vi } from "vitest";
import { listenerLimits, miningLimits } from "./limits-from-config.ts";
import { poolServerSchema } from "./pool-server-config.ts";

const setup = encodeFrame(common.SetupConnection, {
  protocol: Protocol.mining,
  minVersion: PROTOCOL_VERSION,
  maxVersion: PROTOCOL_VERSION,
  flags: 0,
  endpointHost: "pool.example",
  endpointPort: 3333,
  vendor: "hostile",
  hardwareVersion: "",
  firmware: "",
  deviceId: "",
});
const opening = encodeFrame(mining.OpenStandardMiningChannel, {
  requestId: 1,
  userIdentity: "nobody",
  nominalHashRate: 1,
  maxTarget: new Uint8Array(32).fill(0xff),
});
/** A SetupConnection whose payload ends too early. */
const malformed = Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 2);

interface Attack {
  readonly frames: readonly Uint8Array[];
  /** Limits that make it short. */
  readonly set?: readonly string[];
}

/** What each peer does, by what the pool calls it. */
const attacks: Readonly<Record<string, Attack>> = {
  "protocol-error": { frames: [malformed] },
  "setup-missing": { frames: [opening] },
  "setup-repeated": { frames: [setup, setup] },
  "frame-too-long": { frames: [Uint8Array.of(0, 0, 0, 0, 0, 1, ...new Uint8Array(65_536))] },
  "too-many-openings": {
    frames: [setup, ...new Array<Uint8Array>(30).fill(opening)],
    set: [
      "limits.openings_burst=10",
      "limits.openings_per_sec=0",
      "limits.max_channels_per_connection=5",
      "limits.invalid_messages_burst=1000",
    ],
  },
  "too-many-invalid-messages": {
    frames: [
      setup,
      ...new Array<Uint8Array>(11).fill(
        encodeFrame(mining.UpdateChannel, {
          channelId: 77,
          nominalHashRate: 1,
          maximumTarget: new Uint8Array(32).fill(0xff),
        }),
      ),
    ],
    set: ["limits.invalid_messages_burst=10"],
  },
};

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});
const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 15_000, interval: 1 });

/** A mining server behind a listener, both with the limits of a configuration. */
async function openPool(...set: string[]) {
  const { limits } = loadConfig({ schema: poolServerSchema, set });
  const metrics = createMetrics({ defaults: false });
  const ports = { clock: systemClock, logger: silentLogger, metrics };
  const server = new MiningServer(
    {
      ...ports,
      jobFactory: {
        build: () => {
          throw new Error("there is no template");
        },
      },
      extranonces: new ExtranonceAllocator({ serverId: 1 }),
      identify: () => {
        throw new CodedError({ code: "unknown-user" });
      },
      sink: { record() {} },
      onBlock() {},
      admission: () => null,
    },
    miningLimits(limits),
  );
  const identity = ServerIdentity.create({
    authoritySecret: generateKeypair(systemRandom).secretKey,
    random: systemRandom,
    clock: systemClock,
  });
  const listener = await listen({
    ...ports,
    host: "127.0.0.1",
    port: 0,
    handshaker: createInlineHandshaker(identity, { random: systemRandom }),
    native,
    maxLength: minerMaxLength,
    ...listenerLimits(limits, ports),
    onConnection: (connection) => server.accept(connection),
  });
  opened.push({ close: () => server.drain({ windowMs: 0 }) }, listener);

  const call = async (
    frames: readonly Uint8Array[],
  ): Promise<{ peer: FrameConnection; ended: () => boolean } | null> => {
    const peer = await dial({
      ...ports,
      host: "127.0.0.1",
      port: listener.port,
      authorityKey: null,
      native,
      random: systemRandom,
      maxLength: () => 70_000,
    }).catch(() => null);
    if (peer === null) return null;
    opened.push({ close: () => peer.destroy("test-over") });
    let over = false;
    peer.start({
      onFrame() {},
      onClose() {
        over = true;
      },
    });
    for (const frame of frames) peer.send(frame);
    return { peer, ended: () => over };
  };
  const value = async (line: string): Promise<string | undefined> =>
    (await metrics.text())
      .split("\n")
      .find((row) => row.startsWith(`${line} `))
      ?.split(" ")
      .at(-1);
  return { listener, call, value };
}

describe("hostile peers at a mining server", () => {
  it.each(Object.keys(attacks))("each %s is a strike, and the fifth a ban", async (reason) => {
    const { frames, set = [] } = attacks[reason]!;
    const { call, value } = await openPool("limits.bans.exempt_from=[]", "limits.bans.grace_sec=0", ...set);
    const honest = await call([setup]);
    for (let i = 0; i < 5; i++) {
      const attacker = await call(frames);
      await until(() => attacker?.ended() === true);
    }
    const strikes = async () => expect(await value(`lode_ban_strikes_total{reason="${reason}"}`)).toBe("5");
    await vi.waitFor(strikes, { timeout: 15_000, interval: 5 });
    expect(await value("lode_bans_in_force")).toBe("1");
    expect(await call([setup])).toBeNull();
    expect(honest?.ended()).toBe(false);
  });

  it("a miner with another configuration than the pool wants is refused for ever, but not banned", async () => {
    const { call, value, listener } = await openPool("limits.bans.exempt_from=[]", "limits.bans.grace_sec=0");
    const otherVersion = setup.slice();
    otherVersion[7] = 9; // min_version
    otherVersion[9] = 9; // max_version
    for (let i = 0; i < 12; i++) {
      const miner = await call([otherVersion]);
      await until(() => miner?.ended() === true);
    }
    await until(() => listener.connections === 0);
    expect(await value("lode_bans_in_force")).toBe("0");
    expect(await value('lode_mining_connections_closed_total{reason="setup-refused"}')).toBe("12");
  });
});
