import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { devNull } from "node:os";
import { buffer } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { backends } from "./backends-under-test.ts";
import type { Native } from "./contract.ts";

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

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

/** Sends until the system takes no more: the bytes it took. */
function fill(native: Native, fd: number, data: Uint8Array): number {
  let taken = 0;
  for (let last = 1; last > 0; taken += last) last = native.sendNow(fd, data, data.length);
  return taken;
}

/** POSIX alone gives out descriptors. */
const usable = process.platform !== "win32";

for (const { name, native, skipped } of backends) {
  const direct = native.backend === "addon" && usable;
  describe.skipIf(skipped)(`sending at once: ${name}`, () => {
    it.skipIf(direct)("takes nothing: there is only the ordinary way", async () => {
      const { near, far } = await pair();
      expect(native.sendNow(1, randomBytes(10), 10)).toBe(0);
      near.end("ordinary");
      expect(await buffer(far)).toEqual(Buffer.from("ordinary"));
    });

    it.runIf(direct)(
      "brings the first bytes of the data to the peer, before what is written later",
      async () => {
        const { near, far, fd } = await pair();
        const data = randomBytes(100);
        expect(native.sendNow(fd, data, 60)).toBe(60);
        expect(native.sendNow(fd, data, 0)).toBe(0);
        near.end(data.subarray(60));
        expect(Buffer.compare(await buffer(far), data)).toBe(0);
      },
    );

    it.runIf(direct)("takes what fits and no more, and does not wait", async () => {
      const { near, far, fd } = await pair();
      const data = randomBytes(100_000);
      const taken = fill(native, fd, data);
      expect(taken).toBeGreaterThan(0);
      near.end();
      const arrived = await buffer(far);
      expect(arrived.length).toBe(taken);
      for (let at = 0; at < 1_000 && at < taken; at++) expect(arrived[at]).toBe(data[at]);
    });

    it.runIf(direct)("takes nothing for a peer that is gone, and raises no signal", async () => {
      const { near, far, fd } = await pair();
      far.resetAndDestroy();
      const data = randomBytes(10);
      let taken = 10;
      for (let turn = 0; turn < 100 && taken > 0; turn++) {
        taken = native.sendNow(fd, data, 10);
        if (taken > 0) await setImmediate();
      }
      expect(taken).toBe(0);
      const failed = once(near, "error");
      near.write(data);
      expect((await failed)[0]).toHaveProperty("code", expect.stringMatching("EPIPE|ECONNRESET"));
    });

    it("takes nothing for a descriptor that is no socket, or closed, or out of range", () => {
      const file = openSync(devNull, "r");
      expect(native.sendNow(file, randomBytes(10), 10)).toBe(0);
      closeSync(file);
      for (const fd of [0xffff_ffff, 0x7fff_ffff, 0x8000_0000]) {
        expect(native.sendNow(fd, randomBytes(10), 10)).toBe(0);
      }
    });
  });
}
