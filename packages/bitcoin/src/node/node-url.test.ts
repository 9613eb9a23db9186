import { describe, expect, it } from "vitest";
import { parseNodeUrl } from "./node-url.ts";

describe("a node's URL", () => {
  it.each([
    ["http://127.0.0.1:8332", "http://127.0.0.1:8332/", "", ""],
    ["https://node.example/wallet/pool", "https://node.example/wallet/pool", "", ""],
    ["http://u:p@[::1]:8332", "http://[::1]:8332/", "u", "p"],
    ["http://u:50%25off@n:1", "http://n:1/", "u", "50%off"],
    ["http://u:a%2Fb%3Fc%23d%40e%3Af@n:1", "http://n:1/", "u", "a/b?c#d@e:f"],
    // The URL standard lets the last @ end the credentials.
    ["http://u:hun@ter2@n:1", "http://n:1/", "u", "hun@ter2"],
    ["http://u@n:1", "http://n:1/", "u", ""],
  ])("%s", (text, url, user, password) => {
    const parsed = parseNodeUrl(text);
    expect({ ...parsed, url: parsed.url.href }).toEqual({ url, user, password });
  });

  it.each([
    ["127.0.0.1:8332", "must start with http://"],
    ["ftp://n", "must start with http://"],
    ["http://", "cannot be read"],
    ["http://u:50%off@127.0.0.1:8332", "percent-encode"],
    ["http://u:hun/ter2@n:1", "percent-encode"],
    ["http://u:12/ter2@n:1", "percent-encode"],
    ["http://u:12?ter2@n:1", "percent-encode"],
    ["http://u:12#ter2@n:1", "percent-encode"],
    ["http://n:8332/?", "percent-encode"],
    ["http://n:8332/?x=y", "has a ? or #"],
    ["http://n:8332#x", "has a ? or #"],
    ["http://:hunter2@n:1", "no user"],
  ])("%s is refused in a sentence that does not repeat it", (text, why) => {
    const parse = () => parseNodeUrl(text);
    expect(parse).toThrow(why);
    expect(parse).toThrow(expect.objectContaining({ code: "invalid-node-url" }));
    expect(parse).not.toThrow(/ter2|50%off/);
  });
});
