import { CodedError } from "@lode/ports";
import { miningServerDefaults } from "@lode/roles";
import { ConfigError, loadConfig } from "@lode/service";
import { defaultListenLimits } from "@lode/transport";
import { describe, expect, it } from "vitest";
import { poolSettings } from "./parts-from-config.ts";
import { identifier } from "./payout-config.ts";
import { poolServerSchema } from "./pool-server-config.ts";

const load = (...set: string[]) => loadConfig({ schema: poolServerSchema, set });

/** What is wrong with a configuration, as a person reads it. */
function problems(...set: string[]): readonly string[] {
  try {
    load(...set);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe("the configuration's limits", () => {
  it("have by default the patience that proxies need", () => {
    const { limits } = load();
    expect(limits).toMatchObject({
      maxConnections: defaultListenLimits.connections,
      handshakeTimeoutSec: 10,
      setupTimeoutSec: 10,
      firstChannelTimeoutSec: 600,
      maxChannelsPerConnection: 10_000,
      ipv4SubnetBits: 32,
      ipv6SubnetBits: 64,
      readFramesPerSec: 5_000,
      readFramesBurst: 20_000,
      readBytesPerSec: 2_000_000,
      readBytesBurst: 8_000_000,
      openingsBurst: miningServerDefaults.openings.burst,
      exemptFrom: [],
      proxyProtocolFrom: [],
      bans: { enabled: true, strikes: 5, windowSec: 600, firstBanSec: 60, longestBanSec: 3_600 },
    });
  });

  it("are keys like all others", () => {
    const { limits } = loadConfig({
      schema: poolServerSchema,
      env: {
        LODE_LIMITS__PROXY_PROTOCOL_FROM: '["10.0.0.0/8", "2001:db8::/32"]',
        LODE_LIMITS__BANS__ENABLED: "false",
      },
      set: ["limits.max_connections=50", "limits.max_connections_per_subnet=50"],
    });
    expect(limits).toMatchObject({
      maxConnections: 50,
      proxyProtocolFrom: ["10.0.0.0/8", "2001:db8::/32"],
      bans: { enabled: false },
    });
  });

  it.each([
    [
      ["limits.max_connections=100"],
      "limits: max_connections_per_subnet (10000) is above max_connections (100): lower the one or raise the other",
    ],
    [
      ["limits.max_handshakes=10"],
      "limits: max_handshakes_per_subnet (2048) is above max_handshakes (10): lower the one or raise the other",
    ],
    [
      ["limits.max_channels=5"],
      "limits: max_channels_per_subnet (25000) is above max_channels (5): lower the one or raise the other",
    ],
    [
      ["limits.max_channels_per_subnet=5"],
      "limits: max_channels_per_connection (10000) is above max_channels_per_subnet (5): lower the one or raise the other",
    ],
    [
      ["limits.read_frames_burst=100"],
      "limits: read_frames_per_sec (5000) is above read_frames_burst (100): lower the one or raise the other",
    ],
    [
      ["limits.bans.first_ban_sec=7200"],
      "limits: bans.first_ban_sec (7200) is above bans.longest_ban_sec (3600)",
    ],
    [
      ['limits.proxy_protocol_from=["10.0.0.0/8", "10.0.0.0/33"]'],
      'limits.proxy_protocol_from.1: "10.0.0.0/33" is neither an IP address nor a subnet such as 10.0.0.0/8 or 2001:db8::/32',
    ],
    [
      ['limits.bans.exempt_from=["lb.example"]'],
      'limits.bans.exempt_from.0: "lb.example" is neither an IP address nor a subnet such as 10.0.0.0/8 or 2001:db8::/32',
    ],
    [["limits.ban.strikes=1"], '--set limits.ban.strikes: unknown key limits.ban (did you mean "bans"?)'],
    [
      ["limits.max_connections=0"],
      "limits.max_connections (--set limits.max_connections): must be a whole number from 1 to 1000000, not 0",
    ],
  ])("must make sense together: %j", (set, problem) => {
    expect(problems(...set)).toEqual([problem]);
  });
});

describe("the configuration's accounts", () => {
  const ADDRESS = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";

  it("are who miners may be", () => {
    const reward = `pool.coinbase_reward_script=${ADDRESS}`;
    const named = `accounts.named=[{"name": "alice", "address": "${ADDRESS}"}]`;
    const identify = identifier(load("accounts.mode=both", named, reward));
    expect(identify("alice.rig")).toMatchObject({ worker: "rig" });
    expect(() => identifier(load(reward))("alice")).toThrow(CodedError);
  });
});

describe("the configuration's extensions", () => {
  it("support the names of workers and require nothing by default", () => {
    const { pool } = load();
    expect([pool.supportedExtensions, pool.requiredExtensions]).toEqual([[2], []]);
  });

  it("reach the mining server", () => {
    const config = load("pool.required_extensions=[2]", "limits.max_channels_per_connection=7");
    expect(poolSettings(config, new Uint8Array(22)).mining).toMatchObject({
      extensions: { supported: [2], required: [2] },
      maxChannelsPerConnection: 7,
    });
  });

  it.each([
    [
      ["pool.supported_extensions=[]", "pool.required_extensions=[2]"],
      "pool: required_extensions has 2, which supported_extensions does not have",
    ],
    [
      ["pool.supported_extensions=[2, 3]"],
      "pool.supported_extensions.1: there is no extension 3 here; known: 2 (names of workers in each share)",
    ],
  ])("must be ones that can be had: %j", (set, problem) => {
    expect(problems(...set)).toEqual([problem]);
  });
});
