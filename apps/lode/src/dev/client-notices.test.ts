import { silentLogger } from "@lode/ports";
import { VirtualClock } from "@lode/testing/clock";
import { describe, expect, it } from "vitest";
import { clientNotices } from "./client-notices.ts";

function setUp() {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const logger = clientNotices(silentLogger, clock, (line) => lines.push(line));
  return { clock, lines, logger };
}

describe("notices for the person in front of lode dev", () => {
  it("say who was turned away and why, in words", () => {
    const { lines, logger } = setUp();
    logger.info({ remote_address: "192.0.2.7", reason: "sv1-peer" }, "handshake failed");
    logger.info(
      {
        user_identity: "bc1qexample.rig",
        error_code: "invalid-user-identity",
        detail: "an address of mainnet; this pool mines on regtest",
      },
      "channel refused",
    );
    logger.info({ conn_id: 1 }, "connection ended");
    expect(lines).toEqual([
      "a Stratum V1 miner knocked at the Stratum V2 port: choose SV2 in its settings, or use the Stratum V1 port (192.0.2.7)",
      'a miner was refused: user name "bc1qexample.rig" is an address of mainnet; this pool mines on regtest',
    ]);
  });

  it("come once a minute for each kind, with the number of those kept back", () => {
    const { clock, lines, logger } = setUp();
    for (let i = 0; i < 5; i++) logger.info({ reason: "http-peer" }, "handshake failed");
    clock.advance(60_000);
    logger.info({ reason: "http-peer" }, "handshake failed");
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch(/\(and 4 more since\)$/);
  });
});
