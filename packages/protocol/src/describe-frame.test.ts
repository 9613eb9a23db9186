import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frameArbitrary } from "./arbitraries.ts";
import {
  common,
  describeFrame,
  encodeFrame,
  encodeUserIdentity,
  formatFrame,
  mining,
  parseFrameHeader,
  templateDistribution,
} from "./index.ts";

const share = encodeFrame(
  mining.SubmitSharesExtended,
  {
    channelId: 2,
    sequenceNumber: 7,
    jobId: 3,
    nonce: 0xdeadbeef,
    ntime: 1_700_000_000,
    version: 0x2000_0000,
    extranonce: Uint8Array.of(1, 2, 3),
  },
  encodeUserIdentity("rig-7"),
);

describe("describeFrame", () => {
  it("lists every field with its place, and the TLVs", () => {
    expect(describeFrame(share)).toEqual({
      message: "SubmitSharesExtended",
      protocol: "mining",
      section: "5.3.12",
      header: { extensionType: 0, channelMsg: true, msgType: 0x1b, length: 38 },
      fields: [
        { name: "channel_id", type: "U32", offset: 6, length: 4, value: 2 },
        { name: "sequence_number", type: "U32", offset: 10, length: 4, value: 7 },
        { name: "job_id", type: "U32", offset: 14, length: 4, value: 3 },
        { name: "nonce", type: "U32", offset: 18, length: 4, value: 0xdeadbeef },
        { name: "ntime", type: "U32", offset: 22, length: 4, value: 1_700_000_000 },
        { name: "version", type: "U32", offset: 26, length: 4, value: 0x2000_0000 },
        { name: "extranonce", type: "B0_32", offset: 30, length: 4, value: "010203" },
      ],
      tlvs: [{ extensionType: 2, fieldType: 1, offset: 34, length: 10, value: "7269672d37" }],
      undecoded: "",
      missing: 0,
      surplus: 0,
      notes: [],
      error: null,
    });
  });

  it("describes a cut frame as far as it goes", () => {
    expect(describeFrame(share.subarray(0, 32))).toMatchObject({
      message: "SubmitSharesExtended",
      fields: { length: 6 },
      undecoded: "0301",
      missing: 12,
      error: { code: "truncated", offset: 31, field: "extranonce", needed: 3, available: 1 },
    });
    expect(describeFrame(share.subarray(0, 4))).toMatchObject({
      message: null,
      header: null,
      undecoded: "00801b26",
      error: { code: "truncated", field: "header" },
    });
  });

  it("shows the payload of an unknown message and counts what follows the frame", () => {
    expect(describeFrame(Uint8Array.of(0, 0x40, 0x99, 2, 0, 0, 0xaa, 0xbb, 0xcc))).toMatchObject({
      message: null,
      header: { extensionType: 0x4000, channelMsg: false, msgType: 0x99, length: 2 },
      undecoded: "aabb",
      surplus: 1,
      error: null,
    });
  });

  it("places an error in the TLVs behind the fields", () => {
    const frame = encodeFrame(common.ChannelEndpointChanged, { channelId: 1 }, Uint8Array.of(2, 0, 1));
    expect(describeFrame(frame)).toMatchObject({
      fields: { length: 1 },
      undecoded: "020001",
      error: { code: "truncated", offset: 10, field: "tlv" },
    });
  });

  it("notes a channel_msg bit and a length that are not as they should be", () => {
    const frame = encodeFrame(common.Reconnect, { newHost: "", newPort: 0 }, new Uint8Array(2000));
    frame[1] = 0x80;
    expect(describeFrame(frame).notes).toEqual([
      "channel_msg is 1, SV2 chapter 08 says 0",
      "msg_length is above 770, the most that is accepted for this message",
    ]);
  });

  it("is plain JSON, 64-bit integers and odd floats included", () => {
    const template = encodeFrame(templateDistribution.RequestTransactionData, { templateId: 2n ** 64n - 1n });
    expect(describeFrame(template).fields[0]?.value).toBe("18446744073709551615");
    const update = encodeFrame(mining.UpdateChannel, {
      channelId: 1,
      nominalHashRate: Number.NaN,
      maximumTarget: new Uint8Array(32),
    });
    const description = describeFrame(update);
    expect(description.fields[1]?.value).toBe("NaN");
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
  });

  it("never throws, whatever the bytes, and finds every byte of a valid frame", () => {
    fc.assert(
      fc.property(frameArbitrary, fc.nat(), fc.nat(255), (frame, position, byte) => {
        const { fields, tlvs, error } = describeFrame(frame);
        expect(error).toBeNull();
        const sizes = [...fields, ...tlvs].map((part) => part.length);
        expect(sizes.reduce((sum, size) => sum + size, 6)).toBe(frame.length);
        frame[position % frame.length] = byte;
        expect(formatFrame(describeFrame(frame))).toMatch(/\n$/);
        expect(formatFrame(describeFrame(frame.subarray(0, position % frame.length)))).toMatch(/\n$/);
      }),
      { numRuns: 100 },
    );
  });
});

describe("formatFrame", () => {
  it("is a table for people", () => {
    expect(formatFrame(describeFrame(share))).toMatchInlineSnapshot(`
      "SubmitSharesExtended (mining, SV2 5.3.12)
      extension_type 0x0000  channel_msg 1  msg_type 0x1b  msg_length 38

      offset  length  type   field            value
           6       4  U32    channel_id       2
          10       4  U32    sequence_number  7
          14       4  U32    job_id           3
          18       4  U32    nonce            3735928559 (0xdeadbeef)
          22       4  U32    ntime            1700000000 (0x6553f100)
          26       4  U32    version          536870912 (0x20000000)
          30       4  B0_32  extranonce       010203 (3 bytes)
          34      10  TLV    0x0002|0x01      7269672d37 (5 bytes) "rig-7"
      "
    `);
  });

  it("writes hashes as explorers do and lists the elements of sequences", () => {
    const hash = Uint8Array.from({ length: 32 }, (_, index) => index);
    const text = formatFrame(
      describeFrame(
        encodeFrame(mining.NewExtendedMiningJob, {
          channelId: 1,
          jobId: 9,
          minNtime: null,
          version: 0x2000_0000,
          versionRollingAllowed: true,
          merklePath: [hash, hash],
          coinbaseTxPrefix: new Uint8Array(120),
          coinbaseTxSuffix: new Uint8Array(0),
        }),
      ),
    );
    expect(text).toMatchInlineSnapshot(`
      "NewExtendedMiningJob (mining, SV2 5.3.16)
      extension_type 0x0000  channel_msg 1  msg_type 0x1f  msg_length 203

      offset  length  type            field                    value
           6       4  U32             channel_id               1
          10       4  U32             job_id                   9
          14       1  OPTION[U32]     min_ntime                none
          15       4  U32             version                  536870912 (0x20000000)
          19       1  BOOL            version_rolling_allowed  true
          20      65  SEQ0_255[U256]  merkle_path              2 elements
                                        [0]                    0x1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100
                                        [1]                    0x1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100
          85     122  B0_64K          coinbase_tx_prefix       0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000… (120 bytes)
         207       2  B0_64K          coinbase_tx_suffix       empty
      "
    `);
  });

  it("quotes and escapes text from the network", () => {
    const errorCode = 'a\u001b[2J\u202e\u0085"\n';
    const text = formatFrame(
      describeFrame(encodeFrame(common.SetupConnectionError, { flags: 0, errorCode })),
    );
    expect(text).toContain(String.raw`"a\u001b[2J\u{202e}\u{85}\"\n"`);
    expect(text).not.toContain("\u001b");
  });

  it("says what is wrong with a malformed frame", () => {
    expect(formatFrame(describeFrame(share.subarray(0, 32)))).toMatchInlineSnapshot(`
      "SubmitSharesExtended (mining, SV2 5.3.12)
      extension_type 0x0000  channel_msg 1  msg_type 0x1b  msg_length 38

      offset  length  type  field            value
           6       4  U32   channel_id       2
          10       4  U32   sequence_number  7
          14       4  U32   job_id           3
          18       4  U32   nonce            3735928559 (0xdeadbeef)
          22       4  U32   ntime            1700000000 (0x6553f100)
          26       4  U32   version          536870912 (0x20000000)

      error at offset 31: extranonce needs 3 bytes, 1 left (truncated)
      not decoded: 0301 (2 bytes)
      12 bytes of the payload are missing
      "
    `);
    expect(formatFrame(describeFrame(Uint8Array.of(1, 2)))).toMatchInlineSnapshot(`
      "No whole frame header

      error at offset 0: a frame header has 6 bytes, 2 left (truncated)
      not decoded: 0102 (2 bytes)
      "
    `);
  });

  it("agrees with the header", () => {
    expect(formatFrame(describeFrame(share))).toContain(`msg_length ${parseFrameHeader(share).length}`);
  });
});
