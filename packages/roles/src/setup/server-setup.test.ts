import { noMetrics, silentLogger } from "@lode/ports";
import { common, extensionsNegotiation, messageTable, mining, Protocol } from "@lode/protocol";
import { VirtualClock } from "@lode/testing/clock";
import { ScriptedMiner } from "@lode/testing/pool";
import type { FrameConnection } from "@lode/transport";
import { memoryPair } from "@lode/transport/testing";
import { describe, expect, it } from "vitest";
import { readerCounters } from "../session/message-reader.ts";
import type { ExtensionPolicy } from "./extension-negotiation.ts";
import { noExtensions } from "./extension-negotiation.ts";
import { ServerSetup, type SetupPeer, setupDefinitions } from "./server-setup.ts";

const decoder = messageTable({ ...setupDefinitions, CloseChannel: mining.CloseChannel });

function serve(extensions: ExtensionPolicy = noExtensions, onMessage: (name: string) => void = () => {}) {
  const clock = new VirtualClock();
  const [server, client] = memoryPair(clock);
  const log: string[] = [];
  const peers: SetupPeer[] = [];
  const counts = { discarded: 0, malformed: 0, exceptions: 0 };
  const counters = {
    discarded: { inc: () => void counts.discarded++ },
    malformed: { inc: () => void counts.malformed++ },
    exceptions: { inc: () => void counts.exceptions++ },
  };
  new ServerSetup(
    server,
    {
      protocol: Protocol.mining,
      supportedFlags: 0b111,
      successFlags: (requested) => requested & 2,
      extensions,
      deadlineMs: 10_000,
      decoder,
      open: (peer) => {
        peers.push(peer);
        return {
          onMessage: (message) => {
            if (message.name !== "CloseChannel") {
              peer.onLateSetup(message);
              return;
            }
            log.push(message.name);
            onMessage(message.name);
          },
          onClose: (reason) => log.push(`closed ${reason}`),
        };
      },
      onAbandoned: (connection: FrameConnection, reason) => {
        expect(connection).toBe(server);
        log.push(`abandoned ${reason}`);
      },
    },
    { clock, logger: silentLogger, counters },
  );
  const miner = new ScriptedMiner(client, () => clock.settle());
  const close = () => miner.send(mining.CloseChannel, { channelId: 2, reasonCode: "" });
  return { clock, miner, log, peers, counts, close };
}

describe("setup of a server's connection", () => {
  it("answers SetupConnection with version 2 and the flags of the role", () => {
    const { miner, peers, clock } = serve();
    miner.setup({ flags: 0b110, vendor: "bitaxe", firmware: "v2" });
    expect(miner.take("SetupConnectionSuccess")).toEqual({ usedVersion: 2, flags: 2 });
    expect(peers[0]).toMatchObject({ flags: 0b110, vendor: "bitaxe", firmware: "v2", endpointPort: 3333 });
    clock.advance(100_000);
    expect([miner.closed, clock.pendingTimers]).toEqual([null, 0]);
  });

  it("accepts any version range that includes 2", () => {
    const { miner } = serve();
    miner.setup({ minVersion: 1, maxVersion: 9 });
    expect(miner.take("SetupConnectionSuccess").usedVersion).toBe(2);
  });

  it.each([
    ["another protocol", { protocol: 1 }, "unsupported-protocol", 0],
    ["a range below 2", { minVersion: 0, maxVersion: 1 }, "protocol-version-mismatch", 0],
    ["a range above 2", { minVersion: 3, maxVersion: 9 }, "protocol-version-mismatch", 0],
    [
      "unknown flags, all of which it names",
      { flags: 0xffff_ffff },
      "unsupported-feature-flags",
      0xffff_fff8,
    ],
  ])("refuses %s, then closes", (_what, fields, errorCode, flags) => {
    const { miner, log, counts } = serve();
    miner.setup(fields);
    expect(miner.take("SetupConnectionError")).toEqual({ flags, errorCode });
    expect(miner.closed).toBe("peer-closed");
    expect(log).toEqual(["abandoned setup-refused"]);
    expect(counts).toEqual({ discarded: 0, malformed: 0, exceptions: 0 });
  });

  it("closes a connection whose first message is another one", () => {
    const { miner, log, close } = serve();
    close();
    expect(miner.takeNames()).toEqual([]);
    expect(log).toEqual(["abandoned setup-missing"]);
  });

  it("closes a connection that sets up twice", () => {
    const { miner, log } = serve();
    miner.setUp().setup();
    expect(miner.takeNames()).toEqual([]);
    expect(log).toEqual(["closed setup-repeated"]);
  });

  it("closes a connection that sets up again after it has begun", () => {
    const { miner, log, close } = serve();
    miner.setUp();
    close();
    miner.setup().takeNames();
    expect(log).toEqual(["CloseChannel", "closed setup-repeated"]);
  });

  it("waits ten seconds for SetupConnection and no longer", () => {
    const { clock, miner, log } = serve();
    clock.advance(9_999);
    expect(miner.closed).toBeNull();
    clock.advance(1);
    expect(miner.closed).toBe("peer-closed");
    expect(log).toEqual(["abandoned setup-timeout"]);
  });

  it("discards unknown message types and unknown extensions in every state", () => {
    const { miner, counts, log } = serve();
    const junk = Uint8Array.of(1, 2, 3);
    miner.sendFrame({ extensionType: 0, channelMsg: false, msgType: 0x7f }, junk);
    miner.setUp();
    miner.sendFrame({ extensionType: 0x4321, channelMsg: true, msgType: 0 }, junk);
    miner.sendFrame({ extensionType: 0, channelMsg: true, msgType: 0x15 }, junk);
    expect([miner.takeNames(), miner.closed, log]).toEqual([[], null, []]);
    expect(counts.discarded).toBe(3);
  });

  it("closes with protocol-error on a message that cannot be decoded", () => {
    const { miner, counts, log } = serve();
    miner.setUp().sendPayload(mining.CloseChannel, Uint8Array.of(1, 2));
    miner.takeNames();
    expect(log).toEqual(["closed protocol-error"]);
    expect(counts.malformed).toBe(1);
  });

  it("contains an exception of the session and looks at nothing after it", () => {
    const { miner, counts, log, close } = serve(noExtensions, () => {
      throw new RangeError("bug");
    });
    miner.setUp();
    close();
    close();
    miner.takeNames();
    expect(log).toEqual(["CloseChannel", "closed internal-error"]);
    expect(counts.exceptions).toBe(1);
  });

  it("passes on every message of the role, and the end", () => {
    const { miner, log, close, clock } = serve();
    miner.setUp();
    close();
    clock.settle();
    miner.connection.close("done");
    clock.settle();
    expect(log).toEqual(["CloseChannel", "closed peer-closed"]);
  });
});

describe("negotiation of extensions", () => {
  const ask = (miner: ScriptedMiner, requestedExtensions: number[], requestId = 7) =>
    miner.send(extensionsNegotiation.RequestExtensions, { requestId, requestedExtensions });

  it("refuses everything where nothing is supported, and the client may go on", () => {
    const { miner, log, close, clock } = serve();
    ask(miner.setUp(), [2, 3, 2]);
    const expected = { requestId: 7, unsupportedExtensions: [2, 3], requiredExtensions: [] };
    expect(miner.take("RequestExtensionsError")).toEqual(expected);
    close();
    clock.settle();
    expect(log).toEqual(["CloseChannel"]);
  });

  it("grants the supported ones among those asked for", () => {
    const { miner, peers } = serve({ supported: [2, 5], required: [] });
    ask(miner.setUp(), [3, 2]);
    expect(miner.take("RequestExtensionsSuccess")).toEqual({ requestId: 7, supportedExtensions: [2] });
    expect([...peers[0]!.extensions.granted]).toEqual([2]);
  });

  it("names what it requires, lets the client ask again, and serves it then", () => {
    const { miner, log, close, clock } = serve({ supported: [2, 5], required: [5] });
    ask(miner.setUp(), [2, 3]);
    const expected = { requestId: 7, unsupportedExtensions: [3], requiredExtensions: [5] };
    expect(miner.take("RequestExtensionsError")).toEqual(expected);
    ask(miner, [2, 5], 8);
    expect(miner.take("RequestExtensionsSuccess")).toEqual({ requestId: 8, supportedExtensions: [2, 5] });
    close();
    clock.settle();
    expect(log).toEqual(["CloseChannel"]);
  });

  it("disconnects a client that goes on without what is required", () => {
    const { miner, log, close, clock } = serve({ supported: [5], required: [5] });
    miner.setUp();
    close();
    clock.settle();
    expect(log).toEqual(["closed required-extensions-missing"]);
  });

  it("grants nothing any more once the client has begun", () => {
    const { miner, close, peers } = serve({ supported: [2], required: [] });
    miner.setUp();
    close();
    ask(miner, [2]);
    expect(miner.take("RequestExtensionsError").unsupportedExtensions).toEqual([2]);
    expect(peers[0]!.extensions.granted.size).toBe(0);
  });

  it("does not accept RequestExtensions before SetupConnection", () => {
    const { miner, log } = serve();
    ask(miner, [2]).takeNames();
    expect(log).toEqual(["abandoned setup-missing"]);
  });
});

describe("counters of a role", () => {
  it("are declared once each, with the role as label", () => {
    const names: string[] = [];
    readerCounters(
      {
        ...noMetrics,
        counter: (name, _help, labels) => {
          names.push(name, JSON.stringify(labels));
          return { inc() {} };
        },
      },
      "mining-server",
    );
    const role = '{"role":"mining-server"}';
    expect(names).toEqual([
      ...["lode_messages_discarded_total", role],
      ...["lode_messages_malformed_total", role],
      ...["lode_session_exceptions_total", role],
    ]);
  });
});

it("a common message of the server is unknown to it", () => {
  expect(decoder.lookup(0, common.SetupConnectionSuccess.msgType)).toBeUndefined();
});
