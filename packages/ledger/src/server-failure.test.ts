import { describe, expect, it } from "vitest";
import { classifyFailure, isReplicationWarning, sqlstateOf } from "./server-failure.ts";

/** An error as the driver makes it of the server's answer. */
function serverError(code: string): Error {
  return Object.assign(new Error("refused"), { code, severity: "ERROR" });
}

describe("what an error of the server means", () => {
  it.each([
    ["53100", "disk-full"],
    ["53300", "resources"],
    ["25006", "read-only"],
    ["57P01", "shutdown"],
    ["57P03", "shutdown"],
    ["57014", "timeout"],
    ["08006", "connection"],
    ["26000", "connection"],
    ["28P01", "access"],
    ["40P01", "contention"],
    ["55P03", "contention"],
    ["58030", "io"],
  ])("%s may pass: %s", (sqlstate, reason) => {
    expect(classifyFailure(serverError(sqlstate))).toEqual({ kind: "transient", reason, sqlstate });
  });

  it.each(["42P01", "42883", "3F000"])("%s says that migrations have not run", (sqlstate) => {
    expect(classifyFailure(serverError(sqlstate))).toEqual({ kind: "schema-missing", sqlstate });
  });

  it.each(["42601", "42501", "22003", "23505", "3D000"])("%s is refused for good", (sqlstate) => {
    expect(classifyFailure(serverError(sqlstate))).toEqual({ kind: "refused", sqlstate });
  });

  it.each([
    Object.assign(new Error("reset"), { code: "ECONNRESET" }),
    Object.assign(new Error("a system error of five letters"), { code: "EPIPE" }),
    new Error("plain"),
    "not even an error",
  ])("without the server's word it is the connection: %s", (error) => {
    expect(sqlstateOf(error)).toBeNull();
    expect(classifyFailure(error)).toEqual({ kind: "transient", reason: "connection", sqlstate: null });
  });

  it("tells a given-up wait for a standby from other warnings", () => {
    expect(isReplicationWarning({ code: "01000", routine: "SyncRepWaitForLSN" })).toBe(true);
    expect(isReplicationWarning({ code: "01000", routine: "ExecuteDoStmt" })).toBe(false);
  });
});
