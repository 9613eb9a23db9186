import { connect, createServer } from "node:net";
import { native } from "@lode/native";
import { silentLogger, systemClock, systemRandom } from "@lode/ports";
import { encodeFrame, HEADER_SIZE, mining } from "@lode/protocol";
import { minerMaxLength } from "@lode/roles";
import {
  createInlineHandshaker,
  dial,
  type FrameConnection,
  generateKeypair,
  listen,
  ServerIdentity,
} from "@lode/transport";
import { afterEach, expect, it, vi } from "vitest";

const ports = { native, clock: systemClock, random: systemRandom, logger: silentLogger };
const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

/** Somebody between a miner and the pool who writes down every byte. */
async function eavesdropper(port: number): Promise<{ port: number; bytes: () => Buffer }> {
  const heard: Buffer[] = [];
  const relay = createServer((miner) => {
    const pool = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [miner, pool],
      [pool, miner],
    ] as const) {
      from.on("data", (chunk) => {
        heard.push(chunk);
        to.write(chunk);
      });
      from.on("error", () => {}).on("close", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  opened.push(relay);
  const address = relay.address();
  if (address === null || typeof address === "string") throw new TypeError("no port");
  return { port: address.port, bytes: () => Buffer.concat(heard) };
}

it("nothing that a miner or the pool says can be read on the wire, nor whether it says the same twice", async () => {
  const authority = generateKeypair(systemRandom);
  const identity = ServerIdentity.create({ ...ports, authoritySecret: authority.secretKey });
  const share = encodeFrame(mining.SubmitSharesExtended, {
    channelId: 0x0badcafe,
    sequenceNumber: 0x01020304,
    jobId: 0x05060708,
    nonce: 0x090a0b0c,
    ntime: 0x6c6f6465,
    version: 0x2000_0000,
    extranonce: new Uint8Array(16).fill(0x5a),
  });
  const answer = encodeFrame(mining.SubmitSharesSuccess, {
    channelId: 0x0badcafe,
    lastSequenceNumber: 0x01020304,
    newSubmitsAcceptedCount: 1,
    newSharesSum: 0x1122_3344_5566n,
  });
  const listener = await listen({
    ...ports,
    host: "127.0.0.1",
    port: 0,
    handshaker: createInlineHandshaker(identity, { random: systemRandom }),
    maxLength: minerMaxLength,
    onConnection: (connection: FrameConnection) => {
      opened.push({ close: () => connection.destroy("test-over") });
      connection.start({ onFrame: () => connection.send(answer), onClose() {} });
    },
  });
  opened.push(listener);
  const between = await eavesdropper(listener.port);
  const client = await dial({
    ...ports,
    host: "127.0.0.1",
    port: between.port,
    authorityKey: authority.publicKey,
    maxLength: () => undefined,
  });
  opened.push({ close: () => client.destroy("test-over") });
  let answers = 0;
  client.start({ onFrame: () => void answers++, onClose() {} });
  const TIMES = 20;
  for (let time = 0; time < TIMES; time++) client.send(share);
  await vi.waitFor(() => expect(answers).toBe(TIMES), { timeout: 15_000, interval: 5 });

  const wire = between.bytes();
  for (const frame of [share, answer]) {
    for (let at = 0; at + 6 <= frame.length; at++)
      expect(wire.includes(Buffer.from(frame.subarray(at, at + 6)))).toBe(false);
  }
  // 22 bytes of header and the sealed payload, each time other bytes.
  expect(wire.length).toBeGreaterThan(TIMES * (share.length + answer.length + 2 * 32 - 2 * HEADER_SIZE));
  const pieces = new Set<string>();
  for (let at = 0; at + 8 <= wire.length; at++) pieces.add(wire.toString("hex", at, at + 8));
  expect(pieces.size).toBe(wire.length - 7);
});
