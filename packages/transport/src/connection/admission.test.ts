import { describe, expect, it } from "vitest";
import { Admission, type Ticket } from "./admission.ts";
import { defaultListenLimits } from "./limits.ts";

const admission = (limits: Partial<typeof defaultListenLimits>): Admission =>
  new Admission({ ...defaultListenLimits, ...limits });
const ticket = (result: Ticket | string): Ticket => {
  if (typeof result === "string") throw new Error(result);
  return result;
};

describe("admission", () => {
  it("bounds sockets in all", () => {
    const door = admission({ connections: 2 });
    const first = ticket(door.admit("192.0.2.1"));
    ticket(door.admit("192.0.2.2"));
    expect(door.admit("192.0.2.3")).toBe("too-many-connections");
    first.release();
    ticket(door.admit("192.0.2.3"));
    expect(door.connections).toBe(2);
  });

  it("bounds sockets per address, and per IPv6 customer", () => {
    const door = admission({ connectionsPerAddress: 1 });
    ticket(door.admit("192.0.2.1"));
    expect(door.admit("192.0.2.1")).toBe("too-many-connections-per-address");
    ticket(door.admit("192.0.2.2"));
    ticket(door.admit("2001:db8::1"));
    expect(door.admit("2001:db8::2")).toBe("too-many-connections-per-address");
  });

  it("bounds handshakes in flight, in all and per address", () => {
    const door = admission({ handshakes: 2, handshakesPerAddress: 1 });
    const first = ticket(door.admit("192.0.2.1"));
    expect(door.admit("192.0.2.1")).toBe("too-many-handshakes-per-address");
    ticket(door.admit("192.0.2.2"));
    expect(door.admit("192.0.2.3")).toBe("too-many-handshakes");
    first.handshakeDone();
    ticket(door.admit("192.0.2.1"));
  });

  it("counts every end once, in whatever order it is told", () => {
    const door = admission({});
    const one = ticket(door.admit("192.0.2.1"));
    one.release();
    one.handshakeDone();
    one.release();
    expect([door.connections, door.handshakes]).toEqual([0, 0]);
    const two = ticket(door.admit("192.0.2.1"));
    two.handshakeDone();
    two.handshakeDone();
    expect([door.connections, door.handshakes]).toEqual([1, 0]);
    two.release();
    expect([door.connections, door.handshakes]).toEqual([0, 0]);
  });
});
