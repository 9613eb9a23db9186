import { connect } from "node:net";
import { native } from "@lode/native";
import { type Logger, silentLogger, systemClock, systemRandom } from "@lode/ports";
import { miningServerDefaults, miningServerEnds } from "@lode/roles";
import { createMetrics, loadConfig } from "@lode/service";
import {
  createInlineHandshaker,
  defaultListenLimits,
  dial,
  type FrameConnection,
  generateKeypair,
  listen,
  ServerIdentity,
} from "@lode/transport";
import { afterEach, describe, expect, it, vi } from "vitest";
import { listenerLimits, miningLimits, subnetOf } from "./limits-from-config.ts";
import { poolServerSchema } from "./pool-server-config.ts";

const limitsOf = (...set: string[]) => loadConfig({ schema: poolServerSchema, set }).limits;
const quiet = () => ({
  clock: systemClock,
  logger: silentLogger,
  metrics: createMetrics({ defaults: false }),
});

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 15_000, interval: 1 });

/** A pool's door with the limits of a configuration; each connection is closed as `behave` says. */
async function openDoor(set: string[], behave: (connection: FrameConnection) => void) {
  const metrics = createMetrics({ defaults: false });
  const lines: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    info: (fields, text) => lines.push(`${text} ${JSON.stringify(fields)}`),
    warn: (fields, text) => lines.push(`${text} ${JSON.stringify(fields)}`),
  };
  const identity = ServerIdentity.create({
    authoritySecret: generateKeypair(systemRandom).secretKey,
    random: systemRandom,
    clock: systemClock,
  });
  const listener = await listen({
    host: "127.0.0.1",
    port: 0,
    handshaker: createInlineHandshaker(identity, { random: systemRandom }),
    native,
    clock: systemClock,
    logger,
    metrics,
    maxLength: () => undefined,
    ...listenerLimits(limitsOf(...set), { clock: systemClock, logger, metrics }),
    onConnection: (connection) => {
      opened.push({ close: () => connection.destroy("test-over") });
      connection.start({ onFrame() {}, onClose() {} });
      behave(connection);
    },
  });
  opened.push(listener);
  const call = async (): Promise<string> => {
    let reason: string | null = null;
    const connection = await dial({
      host: "127.0.0.1",
      port: listener.port,
      authorityKey: null,
      native,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      maxLength: () => undefined,
    }).catch(() => null);
    if (connection === null) return "refused";
    opened.push({ close: () => connection.destroy("test-over") });
    connection.start({
      onFrame() {},
      onClose: (why) => {
        reason = why;
      },
    });
    await until(() => reason !== null);
    return "ended";
  };
  const value = async (line: string): Promise<string | undefined> =>
    (await metrics.text())
      .split("\n")
      .find((row) => row.startsWith(`${line} `))
      ?.split(" ")
      .at(-1);
  return { listener, call, value, lines };
}

describe("limits by default", () => {
  it("are those of the parts", () => {
    const { limits, exemptFrom, proxyProtocolFrom } = listenerLimits(limitsOf(), quiet());
    expect({ ...defaultListenLimits, ...limits }).toEqual({
      ...defaultListenLimits,
      arrivalsPerSubnet: { burst: 20_000, perSecond: 200 },
    });
    expect([exemptFrom, proxyProtocolFrom]).toEqual([[], []]);
    const mining = miningLimits(limitsOf());
    expect(mining).toEqual(expect.objectContaining({ maxChannels: miningServerDefaults.maxChannels }));
    expect({ ...miningServerDefaults, ...mining }).toEqual(miningServerDefaults);
  });

  it("reach the parts when they are set", () => {
    const set = limitsOf(
      "limits.max_connections=30",
      "limits.max_connections_per_subnet=20",
      "limits.ipv6_subnet_bits=48",
      "limits.setup_timeout_sec=7",
      "limits.openings_burst=9",
      "limits.openings_per_sec=0.5",
      "limits.write_queue_bytes=1048576",
    );
    expect(listenerLimits(set, quiet()).limits).toMatchObject({
      connections: 30,
      connectionsPerSubnet: 20,
      subnetBits: { ipv4: 32, ipv6: 48 },
    });
    expect(miningLimits(set)).toMatchObject({
      setupTimeoutMs: 7_000,
      fanOutQueueBytes: 262_144,
      openings: { burst: 9, perSecond: 0.5 },
    });
  });

  it("count channels by subnets of the configured size, and those of exempt addresses not at all", () => {
    const subnet = subnetOf(limitsOf('limits.exempt_from=["10.0.0.0/8"]', "limits.ipv4_subnet_bits=24"));
    expect(["192.0.2.77", "2001:db8::1", "10.1.1.1"].map(subnet)).toEqual([
      "192.0.2.0/24",
      "2001:db8::/64",
      null,
    ]);
  });

  it("never ban loopback, where everybody may stand behind one address", () => {
    const { watch, admit } = listenerLimits(limitsOf("limits.bans.grace_sec=0"), quiet());
    for (let i = 0; i < 100; i++) {
      watch?.ended("127.0.0.1", "protocol-error", false);
      watch?.ended("::1", "protocol-error", false);
      watch?.ended("192.0.2.1", "protocol-error", false);
    }
    expect(["127.0.0.1", "::1", "192.0.2.1"].map((address) => admit?.(address))).toEqual([
      null,
      null,
      "banned",
    ]);
  });
});

describe("bans", () => {
  it("can be turned off", () => {
    const { watch, admit } = listenerLimits(limitsOf("limits.bans.enabled=false"), quiet());
    expect([watch, admit]).toEqual([undefined, undefined]);
  });

  it("count no end that may be an accident or is our own decision", () => {
    const innocent = Object.entries(miningServerEnds).filter(([, { strike }]) => !strike);
    const reasons = innocent.map(([reason]) => reason);
    expect(reasons).toEqual(
      expect.arrayContaining([
        ...["setup-timeout", "setup-refused", "no-channel", "draining", "shares-not-recorded"],
        ...["peer-closed", "connection-reset", "write-stalled", "write-queue-full", "frame-timeout"],
      ]),
    );
    const { watch, admit } = listenerLimits(limitsOf(), quiet());
    for (const reason of reasons) {
      for (let i = 0; i < 50; i++) watch?.ended("192.0.2.1", reason, false);
    }
    expect(admit?.("192.0.2.1")).toBeNull();
  });

  it("keep away who misbehaves again and again, tell it in metrics and log, and spare what is connected", async () => {
    let honest = true;
    const kept: FrameConnection[] = [];
    const { listener, call, value, lines } = await openDoor(
      ["limits.bans.exempt_from=[]", "limits.bans.grace_sec=0", "limits.bans.strikes=3"],
      (connection) => {
        if (honest) kept.push(connection);
        else connection.close("protocol-error");
      },
    );
    void call();
    await until(() => kept.length === 1);
    honest = false;
    for (let i = 0; i < 3; i++) expect(await call()).toBe("ended");
    await until(() => lines.some((line) => line.startsWith("subnet banned")));
    expect(await call()).toBe("refused");
    expect(listener.connections).toBe(1);
    expect(lines.filter((line) => line.startsWith("subnet banned"))).toEqual([
      'subnet banned {"subnet":"127.0.0.1","reason":"protocol-error","strikes":3,"seconds":60}',
    ]);
    expect(lines).toContain('connection refused {"remote_address":"127.0.0.1","reason":"banned"}');
    expect(await value('lode_connections_refused_total{reason="banned"}')).toBe("1");
    expect(await value('lode_ban_strikes_total{reason="protocol-error"}')).toBe("3");
    expect(await value("lode_bans_in_force")).toBe("1");
  });

  it("are not earned by probes and by other protocols", async () => {
    const { listener, value, call } = await openDoor(
      ["limits.bans.exempt_from=[]", "limits.bans.grace_sec=0", "limits.bans.strikes=1"],
      (connection) => connection.close("draining"),
    );
    const say = async (bytes: string): Promise<void> => {
      const socket = connect(listener.port, "127.0.0.1")
        .on("error", () => {})
        .resume();
      if (bytes === "") socket.end();
      else socket.write(Buffer.from(bytes, "latin1"));
      await until(() => socket.closed);
    };
    for (let i = 0; i < 5; i++) {
      await say("");
      await say('{"id":1,"method":"mining.subscribe","params":["cgminer/4.11"]}\n');
      await say(`\x16\x03\x01\x02\x00\x01${"\x01".repeat(80)}`);
      await say("\xff".repeat(65));
    }
    expect(await value("lode_connection_probes_total")).toBe("5");
    for (const reason of ["sv1-peer", "tls-peer", "early-data"]) {
      expect(await value(`lode_handshake_failures_total{reason="${reason}"}`)).toBe("5");
    }
    expect(await call()).toBe("ended");
  });
});
