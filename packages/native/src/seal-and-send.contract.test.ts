import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { devNull } from "node:os";
import { buffer } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { backends, outcome } from "./backends-under-test.ts";
import { type FrameCipher, NO_DESCRIPTOR, sealedFrameSize } from "./contract.ts";

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const key = new Uint8Array(randomBytes(32));
const MAX_COUNTER = 2n ** 64n - 1n;

/** Both ends of a TCP connection; `near` is the one that sends. */
async function pair() {
  const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const far = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" }).pause();
  const [near] = (await once(server, "connection")) as [Socket];
  server.close();
  sockets.push(
    near,
    far.on("error", () => {}),
  );
  const { fd } = (near as unknown as { _handle: { fd: number } })._handle;
  return { near, far, fd };
}

/** A frame of random bytes but for its length. */
function frame(payload: number): Uint8Array {
  const bytes = new Uint8Array(randomBytes(6 + payload));
  bytes.set([payload & 0xff, (payload >> 8) & 0xff, payload >> 16], 3);
  return bytes;
}

const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

/** The frames sealed one by one. */
function sealed(cipher: FrameCipher, frames: readonly Uint8Array[]): Uint8Array {
  return joined(
    ...frames.map((bytes) => {
      const out = new Uint8Array(sealedFrameSize(bytes.length - 6));
      cipher.sealFrame(bytes, out, 0);
      return out;
    }),
  );
}

/** POSIX alone gives out descriptors. */
const usable = process.platform !== "win32";

for (const { name, native, cipherAt, skipped } of backends) {
  const direct = native.backend === "addon" && usable;
  describe.skipIf(skipped)(`sealing and sending at once: ${name}`, () => {
    it.each([[[0]], [[24, 500]], [[0, 0, 1, 65_519, 65_520, 3]], [[200_000, 0]]])(
      "seals payloads of %j bytes as one by one, and counts on",
      (sizes) => {
        const frames = sizes.map(frame);
        const given = joined(...frames, new Uint8Array(9));
        const reference = native.createCipher(key);
        const cipher = native.createCipher(key);
        for (let time = 0; time < 2; time++) {
          const expected = joined(sealed(reference, frames), new Uint8Array(5).fill(7));
          const out = new Uint8Array(expected.length).fill(7);
          expect(cipher.sealAndSend(NO_DESCRIPTOR, given, given.length - 9, out)).toBe(0);
          expect(Buffer.compare(out, expected)).toBe(0);
        }
      },
    );

    it.runIf(direct)("brings the ciphertext to the peer, before what is written later", async () => {
      const { near, far, fd } = await pair();
      const frames = [frame(100), frame(0), frame(2_000)];
      const expected = sealed(native.createCipher(key), frames);
      const given = joined(...frames);
      const cipher = native.createCipher(key);
      const out = new Uint8Array(expected.length);
      expect(cipher.sealAndSend(fd, given, 0, out)).toBe(0);
      expect(cipher.sealAndSend(fd, given, given.length, out)).toBe(expected.length);
      near.end("later");
      expect(Buffer.compare(await buffer(far), joined(expected, Buffer.from("later")))).toBe(0);
    });

    it.runIf(direct)("hands over what fits and no more, and does not wait", async () => {
      const { near, far, fd } = await pair();
      const cipher = native.createCipher(key);
      const given = frame(100_000);
      const out = new Uint8Array(sealedFrameSize(100_000));
      const sent: Uint8Array[] = [];
      for (let last = out.length; last === out.length; ) {
        last = cipher.sealAndSend(fd, given, given.length, out);
        sent.push(out.slice(0, last));
      }
      near.end();
      const arrived = await buffer(far);
      expect(arrived.length).toBeGreaterThan(0);
      expect(Buffer.compare(arrived, joined(...sent))).toBe(0);
    });

    it.runIf(direct)("sends nothing to a peer that is gone, and raises no signal", async () => {
      const { near, far, fd } = await pair();
      far.resetAndDestroy();
      const cipher = native.createCipher(key);
      const out = new Uint8Array(22);
      let taken = out.length;
      for (let turn = 0; turn < 100 && taken > 0; turn++) {
        taken = cipher.sealAndSend(fd, frame(0), 6, out);
        if (taken > 0) await setImmediate();
      }
      expect(taken).toBe(0);
      const failed = once(near, "error");
      near.write(out);
      expect((await failed)[0]).toHaveProperty("code", expect.stringMatching("EPIPE|ECONNRESET"));
    });

    it.skipIf(direct)("sends nothing: there is only the ordinary way", async () => {
      const { near, far } = await pair();
      expect(native.createCipher(key).sealAndSend(1, frame(0), 6, new Uint8Array(22))).toBe(0);
      near.end("ordinary");
      expect(await buffer(far)).toEqual(Buffer.from("ordinary"));
    });

    it("sends nothing to a descriptor that is no socket, or closed, or out of range", () => {
      const cipher = native.createCipher(key);
      const file = openSync(devNull, "r");
      const out = new Uint8Array(22);
      expect(cipher.sealAndSend(file, frame(0), 6, out)).toBe(0);
      closeSync(file);
      for (const fd of [NO_DESCRIPTOR, 0x7fff_ffff, 0x8000_0000]) {
        expect(cipher.sealAndSend(fd, frame(0), 6, out)).toBe(0);
      }
    });

    it("refuses frames that are cut off, an output that is too short or overlaps, and changes nothing", () => {
      const frames = [frame(30), frame(7)];
      const given = joined(...frames);
      const size = sealedFrameSize(30) + sealedFrameSize(7);
      const expected = sealed(native.createCipher(key), frames);
      const cipher = native.createCipher(key);
      const invalid = { threw: "NativeError", code: "invalid-length" };
      for (let length = 1; length < given.length; length++) {
        if (length === 36) continue;
        const out = new Uint8Array(size);
        const cut = outcome(() => cipher.sealAndSend(NO_DESCRIPTOR, given, length, out));
        expect(cut).toMatchObject({ ...invalid, message: "frames must be whole frames" });
        expect(out).toEqual(new Uint8Array(size));
      }
      const short = new Uint8Array(size - 1);
      expect(outcome(() => cipher.sealAndSend(NO_DESCRIPTOR, given, given.length, short))).toMatchObject(
        invalid,
      );
      expect(short).toEqual(new Uint8Array(size - 1));

      const memory = new Uint8Array(given.length + size);
      memory.set(given);
      const near = memory.subarray(given.length - 1);
      const seal = (out: Uint8Array) =>
        outcome(() => cipher.sealAndSend(NO_DESCRIPTOR, memory, given.length, out));
      expect(seal(near)).toMatchObject({ threw: "NativeError", code: "invalid-argument" });
      expect(memory.subarray(0, given.length)).toEqual(given);
      // Touching is not overlapping.
      expect(seal(memory.subarray(given.length))).toEqual({ returned: 0 });
      expect(memory.subarray(given.length)).toEqual(expected);
    });

    it("refuses to wrap, before it has sealed anything, and answers nothing once it is freed", () => {
      const frames = [frame(0), frame(24)];
      const given = joined(...frames);
      const out = new Uint8Array(84);
      const cipher = cipherAt(key, MAX_COUNTER - 2n);
      const seal = (length: number) => outcome(() => cipher.sealAndSend(NO_DESCRIPTOR, given, length, out));
      expect(seal(given.length)).toMatchObject({ threw: "NativeError", code: "nonce-exhausted" });
      expect(out).toEqual(new Uint8Array(84));
      expect(seal(6)).toEqual({ returned: 0 });
      cipher.free();
      expect(seal(6)).toMatchObject({ threw: "NativeError", code: "freed-handle" });
    });
  });
}
