import { describe, expect, it } from "vitest";
import { readDeviceLine } from "./mining-device.ts";
import { PeerLog } from "./peer-log.ts";
import { readTranslatorLine } from "./translator.ts";

// Lines as translator_sv2 0.6.0 and mining_device 0.1.3 print them.
const manager = "INFO translator_sv2::sv2::channel_manager";
const forwarded = (channel: number) =>
  `${manager}: SubmitSharesExtended: valid share, forwarding it to upstream | channel_id: ${channel}, sequence_number: 9 ☑️`;
const answered = (channel: number, sequence: number, code: string) =>
  `WARN translator_sv2: Received: SubmitSharesError(channel_id=${channel}, sequence_number=${sequence}, error_code=${code}) ❌`;
const accepted = (count: number) =>
  `${manager}: Received: SubmitSharesSuccess(channel_id=4, last_sequence_number=41, new_submits_accepted_count=${count}, new_shares_sum=1) ✅`;
const tip = `${manager}: Received: SetNewPrevHash(channel_id=1, job_id=5, prev_hash=U256(00), min_ntime=1, nbits=0x1e0377ae)`;
const target = (channel: number, hex: string) =>
  `${manager}: Received: SetTarget(channel_id=${channel}, maximum_target=U256(${hex}))`;

function read(...lines: string[]): PeerLog {
  const log = new PeerLog();
  for (const line of lines) readTranslatorLine(log, line);
  return log;
}

describe("what a peer prints", () => {
  it("counts accepted shares by what the answers say", () => {
    expect(read(accepted(1), accepted(3)).accepted).toBe(4);
  });

  it("explains a stale share that left before the peer heard of the tip", () => {
    const log = read(forwarded(3), tip, answered(3, 1, "stale-share"));
    expect(log.rejected).toEqual({ "stale-share": 1 });
    expect(log.unexplained).toEqual([]);
  });

  it("does not explain a stale share of the tip the peer knows", () => {
    const log = read(forwarded(3), tip, forwarded(3), answered(3, 2, "stale-share"));
    expect(log.unexplained).toHaveLength(1);
  });

  it("does not take another channel's share for it", () => {
    const log = read(forwarded(2), tip, forwarded(3), answered(3, 1, "stale-share"));
    expect(log.unexplained).toHaveLength(1);
  });

  it("explains no other refusal", () => {
    const log = read(forwarded(3), tip, answered(3, 1, "difficulty-too-low"));
    expect(log.rejected).toEqual({ "difficulty-too-low": 1 });
    expect(log.unexplained).toHaveLength(1);
  });

  it("compares a target with the last of its channel", () => {
    const log = read(target(2, "00ff"), target(3, "000f"), target(2, "00aa"), target(3, "00bb"));
    expect([log.easier, log.harder]).toEqual([1, 1]);
  });

  it("reads the device's targets, which it prints with the least byte first, and skips those of its self-test", () => {
    const log = new PeerLog();
    for (const bytes of ["00".repeat(32), `ff${"00".repeat(30)}01`, `01${"00".repeat(30)}02`]) {
      readDeviceLine(log, `INFO mining_device: Set target to ${bytes}`);
    }
    expect([log.easier, log.harder]).toEqual([1, 0]);
  });
});
