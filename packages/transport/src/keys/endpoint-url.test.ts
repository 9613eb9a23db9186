import { describe, expect, it } from "vitest";
import { formatEndpointUrl, parseEndpointUrl } from "./endpoint-url.ts";
import { KeyError } from "./key-error.ts";

const KEY = "9bXiEd8boQVhq7WddEcERUL5tyyJVFYdU8th3HfbNXK3Yw6GRXh"; // SV2 4.7.1
const KEY_HEX = "76637000979c1c11af0c300bcd8c7fe48610fce9b9c11e3daee35ae0b08a7455";

describe("endpoint URLs", () => {
  it.each([
    [`stratum2+tcp://thepool.com:34254/${KEY}`, "thepool.com", 34254, true],
    [`stratum2+tcp://203.0.113.7:3333/${KEY}`, "203.0.113.7", 3333, true],
    [`stratum2+tcp://[2001:db8::1]:3333/${KEY}`, "2001:db8::1", 3333, true],
    ["stratum2+tcp://localhost:1", "localhost", 1, false],
    ["stratum2+tcp://[::1]:65535", "::1", 65535, false],
  ])("come back as they were: %s", (url, host, port, keyed) => {
    const endpoint = parseEndpointUrl(url);
    expect(endpoint.host).toBe(host);
    expect(endpoint.port).toBe(port);
    const key = endpoint.authorityKey;
    expect(key === null ? null : Buffer.from(key).toString("hex")).toBe(keyed ? KEY_HEX : null);
    expect(formatEndpointUrl(endpoint)).toBe(url);
  });

  it("may end in a slash", () => {
    expect(parseEndpointUrl("stratum2+tcp://pool:1/").authorityKey).toBeNull();
    expect(parseEndpointUrl(`STRATUM2+TCP://pool:1/${KEY}/`).authorityKey).not.toBeNull();
  });

  it.each([
    ["stratum+tcp://pool:1", "scheme"],
    ["pool:1", "scheme"],
    ["", "scheme"],
    ["stratum2+tcp://pool", "port"],
    ["stratum2+tcp://[::1]", "port"],
    ["stratum2+tcp://pool:", "port"],
    ["stratum2+tcp://pool:0", "port"],
    ["stratum2+tcp://pool:65536", "port"],
    ["stratum2+tcp://pool:1e3", "port"],
    ["stratum2+tcp://pool:-1", "port"],
    ["stratum2+tcp://:1", "host"],
    ["stratum2+tcp://::1:1", "host"],
    ["stratum2+tcp://[pool]:1", "host"],
    ["stratum2+tcp://[::1:1", "host"],
    ["stratum2+tcp://user@pool:1", "host"],
    ["stratum2+tcp://po ol:1", "host"],
    [`stratum2+tcp://pool:1/${KEY}/extra`, "key"],
  ])("are refused: %s", (url, part) => {
    try {
      parseEndpointUrl(url);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(KeyError);
      expect((error as KeyError).type).toEqual({ code: "bad-endpoint", part });
    }
  });

  it("report what is wrong with the key", () => {
    expect(() => parseEndpointUrl(`stratum2+tcp://pool:1/${KEY.slice(0, -1)}x`)).toThrow("checksum is wrong");
  });

  it("are not written for a host that cannot be read back", () => {
    expect(() => formatEndpointUrl({ host: "a/b", port: 1, authorityKey: null })).toThrow(
      "the host is wrong",
    );
    expect(() => formatEndpointUrl({ host: "pool", port: 0, authorityKey: null })).toThrow(
      "the port is wrong",
    );
  });
});
