import { describe, expect, it } from "vitest";
import { statusText } from "./proxy-status.ts";

describe("lode proxy status", () => {
  it("tells pools and miners in columns", () => {
    const text = statusText({
      upstream: "home",
      upstreams: [
        { name: "home", state: "active", channels: 1 },
        { name: "backup", state: "not-tried", channels: 0 },
      ],
      connections: 2,
      sv2_connections: 0,
      accepted: 12,
      rejected: 1,
      miners: [
        {
          remote_address: "192.0.2.7",
          user: "bc1q.rig1",
          user_agent: "cgminer/4.11.1",
          authorized: true,
          difficulty: 1023.99999,
          hashrate: 98.7e12,
          accepted: 12,
          rejected: 1,
          rejected_by: { "stale-share": 1 },
          answer_seconds: 0.0042,
        },
      ],
    });
    expect(text).toBe(`pool    state      channels
home    active     1
backup  not-tried  0

2 connections on Stratum V1, 0 on Stratum V2; 12 shares accepted, 1 rejected

miner      firmware        from       hash rate  difficulty  accepted  rejected       answer
bc1q.rig1  cgminer/4.11.1  192.0.2.7  98.7 TH/s  1024        12        1 stale-share  4 ms
`);
  });
});
