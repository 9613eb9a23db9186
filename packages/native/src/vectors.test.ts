import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import bolt8 from "../vectors/bolt8-transport.json" with { type: "json" };
import mainnet from "../vectors/mainnet-blocks.json" with { type: "json" };
import rfc8439 from "../vectors/rfc8439-chacha20.json" with { type: "json" };
import cavs from "../vectors/sha256.json" with { type: "json" };
import { backends } from "./backends-under-test.ts";
import { SHARE_MEETS_FIRST, SHARE_MEETS_SECOND } from "./contract.ts";

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
const fromDisplay = (display: string) => bytes(display).reverse();

/** The little-endian target a compact form stands for. */
function targetOf(nbits: number): Uint8Array {
  const target = new Uint8Array(32);
  const size = nbits >>> 24;
  for (let index = 0; index < 3; index++) target[size - 3 + index] = (nbits >>> (8 * index)) & 0xff;
  return target;
}

for (const { name, native, cipherAt, skipped } of backends) {
  describe.skipIf(skipped)(`third-party vectors: ${name}`, () => {
    it.each(cavs.vectors)("hashes NIST's message '$message' twice", ({ message, digest }) => {
      const twice = createHash("sha256").update(bytes(digest)).digest("hex");
      expect(hex(native.sha256d(bytes(message)))).toBe(twice);
    });

    it("hashes 'hello' as the Bitcoin protocol documentation does", () => {
      const hash = native.sha256d(new TextEncoder().encode("hello"));
      expect(hex(hash)).toBe("9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50");
    });

    it.each(mainnet.blocks)("hashes the header of block $height", (block) => {
      const header = new Uint8Array(80);
      const view = new DataView(header.buffer);
      header.set(fromDisplay(block.prevHash), 4);
      header.set(fromDisplay(block.merkleRoot), 36);
      view.setUint32(0, block.version, true);
      view.setUint32(68, block.ntime, true);
      view.setUint32(72, block.nbits, true);
      view.setUint32(76, block.nonce, true);
      expect(hex(native.sha256d(header).reverse())).toBe(block.hash);
    });

    it.each(mainnet.blocks)("finds block $height from its merkle root", (block) => {
      const { version, ntime, nbits, nonce } = block;
      const empty = new Uint8Array(0);
      const job = native.createJob({
        coinbaseTxPrefix: empty,
        coinbaseTxSuffix: empty,
        merklePath: empty,
        prevHash: fromDisplay(block.prevHash),
        nbits,
      });
      const [root, network, hash] = [fromDisplay(block.merkleRoot), targetOf(nbits), new Uint8Array(32)];
      const expected = fromDisplay(block.hash);
      expect(job.checkStandardShare(root, version, ntime, nonce, network, expected, hash)).toBe(
        SHARE_MEETS_FIRST | SHARE_MEETS_SECOND,
      );
      expect(hash).toEqual(expected);
      root[0]! ^= 1;
      expect(job.checkStandardShare(root, version, ntime, nonce, network, null, hash)).toBe(0);
    });

    it.each(mainnet.blocks.filter((block) => block.coinbaseTx !== undefined))(
      "finds block $height from its coinbase, however the transaction is split",
      ({ coinbaseTx = "", txids = [], ...block }) => {
        const leaves = txids.map(fromDisplay);
        const path: Uint8Array[] = leaves.slice(1, 2);
        // Four transactions: the sibling of the coinbase, then the hash of the other two.
        if (leaves.length === 4) path.push(native.sha256d(Buffer.concat(leaves.slice(2))));
        const coinbase = bytes(coinbaseTx);
        for (const [at, size] of [
          [0, 0],
          [42, 8],
          [44, 4],
          [64, 100],
          [coinbase.length, 0],
        ] as const) {
          const extranonce = coinbase.slice(at, at + size);
          const job = native.createJob({
            coinbaseTxPrefix: coinbase.slice(0, at),
            coinbaseTxSuffix: coinbase.slice(at + size),
            merklePath: new Uint8Array(Buffer.concat(path)),
            prevHash: fromDisplay(block.prevHash),
            nbits: block.nbits,
          });
          const hash = new Uint8Array(32);
          const { version, ntime, nonce } = block;
          const network = targetOf(block.nbits);
          expect(hex(job.merkleRoot(extranonce).reverse())).toBe(block.merkleRoot);
          const met = job.checkShare(
            extranonce,
            version,
            ntime,
            nonce,
            network,
            fromDisplay(block.hash),
            hash,
          );
          expect(met).toBe(SHARE_MEETS_FIRST | SHARE_MEETS_SECOND);
          expect(hex(hash.reverse())).toBe(block.hash);
          expect(job.checkShare(extranonce, version, ntime, nonce + 1, network, null, hash)).toBe(0);
        }
      },
    );

    it("opens BOLT 8's transport messages, which use the same nonces and no associated data", () => {
      const cipher = native.createCipher(bytes(bolt8.key));
      for (const { counter, plaintext, ciphertext } of bolt8.messages) {
        for (const opener of [cipher, cipherAt(bytes(bolt8.key), BigInt(counter))]) {
          const out = new Uint8Array(plaintext.length / 2);
          expect(opener.openPayload(bytes(ciphertext), 0, out.length, out)).toBe(true);
          expect(hex(out)).toBe(plaintext);
        }
      }
    });

    it("seals zeros to RFC 8439's keystream", () => {
      const sealed = new Uint8Array(22);
      native.createCipher(bytes(rfc8439.key)).sealFrame(new Uint8Array(6), sealed, 0);
      expect(hex(sealed.subarray(0, 6))).toBe(rfc8439.keystream.slice(0, 12));
    });
  });
}
