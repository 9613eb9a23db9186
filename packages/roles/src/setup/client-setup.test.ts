import { noMetrics, silentLogger } from "@lode/ports";
import {
  common,
  encodeFrame,
  extensionsNegotiation,
  type Fields,
  type MessageDefinition,
  messageTable,
  mining,
} from "@lode/protocol";
import { VirtualClock } from "@lode/testing/clock";
import { memoryPair } from "@lode/transport/testing";
import { describe, expect, it } from "vitest";
import { readerCounters } from "../session/message-reader.ts";
import { ClientSetup, setupAnswerDefinitions } from "./client-setup.ts";
import { setupDefinitions } from "./server-setup.ts";

const fromClient = messageTable(setupDefinitions);

/** A client against a server that sends what the test says. */
function connect(extensions: number[] = []) {
  const clock = new VirtualClock();
  const [server, client] = memoryPair(clock);
  const received: unknown[] = [];
  const log: string[] = [];
  server.start({
    onFrame: (header, payload) => received.push(fromClient.decode(header, payload)?.fields),
    onClose: (reason) => log.push(`server saw ${reason}`),
  });
  const setup = new ClientSetup(
    client,
    {
      request: { protocol: 0, flags: 4, vendor: "lode-test", extensions },
      acceptedFlags: 2,
      deadlineMs: 5_000,
      extensionsDeadlineMs: 2_000,
      decoder: messageTable({ ...setupAnswerDefinitions, SetTarget: mining.SetTarget }),
      open: ({ flags, extensions: granted }) => {
        log.push(`open flags=${flags} extensions=[${[...granted]}]`);
        return {
          onMessage: ({ name }) => log.push(name),
          onClose: (reason) => log.push(`closed ${reason}`),
        };
      },
      onRefused: (reason, code) => log.push(`refused ${reason} ${code}`),
    },
    { clock, logger: silentLogger, counters: readerCounters(noMetrics, "test") },
  );
  clock.settle();
  const answer = <D extends MessageDefinition>(definition: D, fields: Fields<D>) => {
    server.send(encodeFrame(definition, fields));
    clock.settle();
  };
  return { clock, setup, received, log, answer };
}

const success = { usedVersion: 2, flags: 0 };
const target = { channelId: 2, maximumTarget: new Uint8Array(32) };

describe("setup of a client's connection", () => {
  it("says who it is and opens its session on Success", () => {
    const { received, log, answer, setup, clock } = connect();
    expect(received).toEqual([
      {
        protocol: 0,
        minVersion: 2,
        maxVersion: 2,
        flags: 4,
        endpointHost: "",
        endpointPort: 0,
        vendor: "lode-test",
        hardwareVersion: "",
        firmware: "",
        deviceId: "",
      },
    ]);
    answer(common.SetupConnectionSuccess, { usedVersion: 2, flags: 2 });
    answer(mining.SetTarget, target);
    setup.end("done");
    clock.settle();
    expect(log).toEqual(["open flags=2 extensions=[]", "SetTarget", "server saw peer-closed", "closed done"]);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([
    [
      "Error, whose code it reports escaped",
      common.SetupConnectionError,
      { flags: 1, errorCode: "no\n" },
      "no?",
    ],
    [
      "another version",
      common.SetupConnectionSuccess,
      { usedVersion: 3, flags: 0 },
      "protocol-version-mismatch",
    ],
    [
      "flags it cannot live with",
      common.SetupConnectionSuccess,
      { usedVersion: 2, flags: 1 },
      "unsupported-feature-flags",
    ],
  ])("gives up on %s", (_what, definition, fields, code) => {
    const { log, answer } = connect();
    answer(definition as MessageDefinition, fields);
    expect(log).toContain(`refused setup-refused ${code}`);
  });

  it("gives up on silence", () => {
    const { log, clock } = connect();
    clock.advance(5_000);
    expect(log).toContain("refused setup-timeout undefined");
  });

  it("gives up on a server that begins before it answered", () => {
    const { log, answer } = connect();
    answer(mining.SetTarget, target);
    expect(log).toContain("refused setup-missing undefined");
  });

  it("asks for extensions after Success and opens with what it asked for and was granted", () => {
    const { received, log, answer } = connect([2, 3]);
    answer(common.SetupConnectionSuccess, success);
    expect(received[1]).toEqual({ requestId: 0, requestedExtensions: [2, 3] });
    expect(log).toEqual([]);
    answer(extensionsNegotiation.RequestExtensionsSuccess, { requestId: 0, supportedExtensions: [2, 9] });
    expect(log).toEqual(["open flags=0 extensions=[2]"]);
  });

  it("goes on without extensions when none is supported", () => {
    const { log, answer } = connect([2]);
    answer(common.SetupConnectionSuccess, success);
    const refusal = { requestId: 0, unsupportedExtensions: [2], requiredExtensions: [] };
    answer(extensionsNegotiation.RequestExtensionsError, refusal);
    expect(log).toEqual(["open flags=0 extensions=[]"]);
  });

  it("gives up when the server requires what it did not ask for", () => {
    const { log, answer } = connect([2]);
    answer(common.SetupConnectionSuccess, success);
    const refusal = { requestId: 0, unsupportedExtensions: [], requiredExtensions: [5] };
    answer(extensionsNegotiation.RequestExtensionsError, refusal);
    expect(log).toContain("refused setup-refused required-extensions-missing");
  });

  it("goes on without extensions when the server never answers the request, or answers something else", () => {
    const silent = connect([2]);
    silent.answer(common.SetupConnectionSuccess, success);
    silent.clock.advance(2_000);
    expect(silent.log).toEqual(["open flags=0 extensions=[]"]);
    const hasty = connect([2]);
    hasty.answer(common.SetupConnectionSuccess, success);
    hasty.answer(mining.SetTarget, target);
    hasty.clock.advance(10_000);
    expect(hasty.log).toEqual(["open flags=0 extensions=[]", "SetTarget"]);
  });
});
