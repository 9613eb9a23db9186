import { Buffer } from "node:buffer";
import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import vectors from "../../../vectors/proxy-protocol.json" with { type: "json" };
import {
  isProxySignature,
  MAX_PROXY_REMAINDER,
  PROXY_PREFIX_SIZE,
  ProxyHeaderError,
  parseProxyHeader,
  proxyRemainder,
} from "./proxy-header.ts";

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const SIGNATURE = bytesOf("0d0a0d0a000d0a515549540a");

/** A header around a block. */
const header = (command: number, family: number, block: Uint8Array): Uint8Array =>
  Uint8Array.of(...SIGNATURE, 0x20 | command, family, block.length >> 8, block.length & 255, ...block);

describe("a PROXY header of version 2", () => {
  it.each(vectors.headers)("is read: $name", ({ hex, address, port }) => {
    const bytes = bytesOf(hex);
    expect(isProxySignature(bytes)).toBe(true);
    expect(PROXY_PREFIX_SIZE + proxyRemainder(bytes.subarray(0, PROXY_PREFIX_SIZE))).toBe(bytes.length);
    expect(parseProxyHeader(bytes)).toEqual(
      address === null ? { kind: "own" } : { kind: "proxied", address, port },
    );
  });

  it.each(vectors.rejected)("is refused: $name", ({ hex, code }) => {
    expect(() => parseProxyHeader(bytesOf(hex))).toThrow(
      expect.objectContaining({ type: expect.objectContaining({ code }) }),
    );
  });

  it("tells IPv4-mapped addresses as IPv4", () => {
    const mapped = bytesOf(`${"00000000000000000000ffffc0000207".padEnd(64, "0")}1f900050`);
    expect(parseProxyHeader(header(1, 0x21, mapped))).toEqual({
      kind: "proxied",
      address: "192.0.2.7",
      port: 8080,
    });
  });

  it("has its length checked before anything is kept", () => {
    const prefix = (length: number) => Uint8Array.of(...SIGNATURE, 0x21, 0x11, length >> 8, length & 255);
    expect(proxyRemainder(prefix(MAX_PROXY_REMAINDER))).toBe(MAX_PROXY_REMAINDER);
    expect(() => proxyRemainder(prefix(MAX_PROXY_REMAINDER + 1))).toThrow(
      expect.objectContaining({
        type: { code: "proxy-header-too-long", length: MAX_PROXY_REMAINDER + 1, limit: MAX_PROXY_REMAINDER },
      }),
    );
  });

  it("gives back what was put in, whatever TLVs follow", () => {
    const octets = fc.uint8Array({ minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(
        octets,
        octets,
        fc.integer({ min: 0, max: 65_535 }),
        fc.uint8Array({ maxLength: 300 }),
        (from, to, port, tlvs) => {
          const block = Uint8Array.of(...from, ...to, port >> 8, port & 255, 0x0d, 0x05, ...tlvs);
          expect(parseProxyHeader(header(1, 0x11, block))).toEqual({
            kind: "proxied",
            address: from.join("."),
            port,
          });
        },
      ),
      { numRuns: 100 },
    );
  });

  it("never fails but with one of its codes, whatever bytes come, and only tells addresses", () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ maxLength: 80 }).map((tail) => Uint8Array.of(...SIGNATURE, ...tail)),
      fc.tuple(fc.constantFrom(...vectors.headers), fc.nat(300), fc.nat(255)).map(([{ hex }, at, value]) => {
        const bytes = bytesOf(hex);
        bytes[at % bytes.length] = value;
        return bytes;
      }),
      fc
        .tuple(fc.nat(15), fc.nat(255), fc.uint8Array({ maxLength: 60 }))
        .map(([command, family, block]) => header(command, family, block)),
    );
    fc.assert(
      fc.property(hostile, (bytes) => {
        try {
          const source = parseProxyHeader(bytes);
          if (source.kind === "proxied") {
            expect(isIP(source.address)).not.toBe(0);
            expect(source.port).toBeLessThanOrEqual(65_535);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ProxyHeaderError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
