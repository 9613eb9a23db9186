import { describe, expect, it } from "vitest";
import { isLoopback } from "./loopback.ts";

describe("the loopback", () => {
  it.each(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST", "tp.localhost"])(
    "is %s",
    (host) => expect(isLoopback(host)).toBe(true),
  );

  it.each(["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "localhost.example", "tp", "127.0.0.1.example", ""])(
    "is not %s",
    (host) => expect(isLoopback(host)).toBe(false),
  );
});
