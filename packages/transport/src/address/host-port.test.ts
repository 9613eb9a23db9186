import { expect, it } from "vitest";
import { splitHostPort } from "./host-port.ts";

it.each([
  ["127.0.0.1:3333", "127.0.0.1", 3333],
  ["pool.example:0", "pool.example", 0],
  ["[::1]:8442", "::1", 8442],
])("splits %s", (text, host, port) => {
  expect(splitHostPort(text)).toEqual({ host, port });
});
