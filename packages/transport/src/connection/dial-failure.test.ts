import { describe, expect, it } from "vitest";
import { HandshakeError, type HandshakeErrorType } from "../noise/handshake-error.ts";
import { explainDialFailure } from "./dial-failure.ts";
import { TransportError, type TransportErrorType } from "./transport-error.ts";

const peer = { host: "::1", port: 3333, what: "the pool", keySetting: "--connect" };

describe("what a failed dial means", () => {
  it.each<[TransportErrorType, string]>([
    [
      { code: "unreachable", cause: "ECONNREFUSED" },
      "nothing listens at [::1]:3333 (ECONNREFUSED): is the pool running",
    ],
    [{ code: "unreachable", cause: "ENOTFOUND" }, "there is no host ::1"],
    [{ code: "unreachable", cause: "EHOSTUNREACH" }, "cannot be reached (EHOSTUNREACH)"],
    [{ code: "unreachable", cause: "ECONNRESET" }, "closed the connection in the handshake"],
    [{ code: "connect-timeout" }, "does a firewall let it through?"],
    [{ code: "handshake-timeout" }, "is that the Stratum V2 port of the pool?"],
    [{ code: "closed-in-handshake" }, "has it banned this address?"],
  ])("%j may pass", (type, sentence) => {
    expect(explainDialFailure(new TransportError(type), peer)).toMatchObject({
      message: expect.stringContaining(sentence),
      type: { code: type.code, temporary: true },
    });
  });

  it.each<[HandshakeErrorType, string, boolean]>([
    [{ code: "wrong-authority" }, "[::1]:3333 has another authority key than --connect says", false],
    [{ code: "forged", part: "static-key" }, "does not speak Stratum V2", false],
    [{ code: "bad-length", expected: 234, actual: 5 }, "does not speak Stratum V2", false],
    [{ code: "expired", notValidAfter: 1, now: 2 }, "are both clocks right?", true],
    [{ code: "not-yet-valid", validFrom: 2, now: 1 }, "are both clocks right?", true],
  ])("%j", (type, sentence, temporary) => {
    expect(explainDialFailure(new HandshakeError(type), peer)).toMatchObject({
      message: expect.stringContaining(sentence),
      type: { code: type.code, temporary },
    });
  });

  it("is not said of other errors", () => {
    for (const error of [new TypeError("a bug"), new TransportError({ code: "listener-closed" })])
      expect(explainDialFailure(error, peer)).toBe(error);
  });
});
