import { VirtualClock } from "@lode/testing/clock";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultListenLimits, type ListenLimits } from "../connection/limits.ts";
import { Admission } from "./admission.ts";
import type { Ticket } from "./ticket.ts";

const admission = (limits: Partial<ListenLimits>, clock = new VirtualClock()): Admission =>
  new Admission({ ...defaultListenLimits, ...limits }, clock);

/** A ticket counted with its address's subnet, or why there is none. */
function enter(door: Admission, address: string): Ticket | string {
  const ticket = door.admit(() => {}, address);
  if (typeof ticket === "string") return ticket;
  const refusal = ticket.count(address);
  if (refusal === null) return ticket;
  ticket.release();
  return refusal;
}

function ticket(result: Ticket | string): Ticket {
  if (typeof result === "string") throw new Error(result);
  return result;
}

describe("admission", () => {
  it("bounds sockets in all", () => {
    const door = admission({ connections: 2 });
    const first = ticket(enter(door, "192.0.2.1"));
    ticket(enter(door, "192.0.2.2"));
    expect(enter(door, "192.0.2.3")).toBe("too-many-connections");
    first.release();
    ticket(enter(door, "192.0.2.3"));
    expect(door.connections).toBe(2);
  });

  it("bounds sockets per address, and per IPv6 customer", () => {
    const door = admission({ connectionsPerSubnet: 1 });
    ticket(enter(door, "192.0.2.1"));
    expect(enter(door, "192.0.2.1")).toBe("too-many-connections-per-subnet");
    ticket(enter(door, "192.0.2.2"));
    ticket(enter(door, "2001:db8::1"));
    expect(enter(door, "2001:db8::2")).toBe("too-many-connections-per-subnet");
    expect(door.connections).toBe(3);
  });

  it("counts by subnets of the configured size", () => {
    const door = admission({ connectionsPerSubnet: 1, subnetBits: { ipv4: 24, ipv6: 48 } });
    ticket(enter(door, "192.0.2.1"));
    expect(enter(door, "192.0.2.200")).toBe("too-many-connections-per-subnet");
    ticket(enter(door, "192.0.3.1"));
    ticket(enter(door, "2001:db8:0:1::1"));
    expect(enter(door, "2001:db8:0:2::1")).toBe("too-many-connections-per-subnet");
  });

  it("bounds handshakes in flight, in all and per address", () => {
    const door = admission({ handshakes: 2, handshakesPerSubnet: 1 });
    const first = ticket(enter(door, "192.0.2.1"));
    expect(enter(door, "192.0.2.1")).toBe("too-many-handshakes-per-subnet");
    ticket(enter(door, "192.0.2.2"));
    expect(enter(door, "192.0.2.3")).toBe("too-many-handshakes");
    first.handshakeDone();
    ticket(enter(door, "192.0.2.1"));
  });

  it("bounds how fast sockets come from a subnet", () => {
    const clock = new VirtualClock();
    const door = admission({ arrivalsPerSubnet: { burst: 3, perSecond: 1 } }, clock);
    for (let i = 0; i < 3; i++) ticket(enter(door, "192.0.2.1")).release();
    expect(enter(door, "192.0.2.1")).toBe("too-many-arrivals-per-subnet");
    ticket(enter(door, "192.0.2.2"));
    clock.advance(1_000);
    ticket(enter(door, "192.0.2.1"));
    expect(enter(door, "192.0.2.1")).toBe("too-many-arrivals-per-subnet");
  });

  it("lets a newcomer have the slot of whoever has been silent longest, where handshakes are full", () => {
    const clock = new VirtualClock();
    const door = admission({ handshakes: 3, evictAfterMs: 2_000 }, clock);
    const evicted: number[] = [];
    const come = (id: number): Ticket | string => door.admit(() => evicted.push(id), null);
    ticket(come(1)).keyCame();
    ticket(come(2));
    clock.advance(1_000);
    ticket(come(3));
    expect(come(4)).toBe("too-many-handshakes");
    clock.advance(1_000);
    ticket(come(5));
    expect([evicted, door.handshakes]).toEqual([[2], 3]);
    expect(come(6)).toBe("too-many-handshakes");
    clock.advance(1_000);
    ticket(come(7));
    expect([evicted, door.handshakes, door.connections]).toEqual([[2, 3], 3, 3]);
  });

  it("lets a newcomer have the slot of a connection that has done nothing, where it is full", () => {
    const clock = new VirtualClock();
    const door = admission({ connections: 3, connectionsPerSubnet: 2 }, clock);
    const evicted: string[] = [];
    const open = (id: string, address: string, frames = 2): Ticket => {
      const one = ticket(enter(door, address));
      one.keyCame();
      one.handshakeDone();
      one.opened({ remoteAddress: address, receivedFrames: frames, destroy: () => evicted.push(id) });
      return one;
    };
    const lazy = open("lazy", "192.0.2.1");
    const worker = open("worker", "192.0.2.2", 3);
    clock.advance(60_000);
    open("young", "192.0.2.2");
    clock.advance(59_999);
    expect(enter(door, "192.0.2.3")).toBe("too-many-connections");
    clock.advance(1);
    const proven: string[] = [];
    door.sweep(({ remoteAddress }) => proven.push(remoteAddress));
    door.sweep(({ remoteAddress }) => proven.push(remoteAddress));
    expect([proven, worker.isProven, lazy.isProven]).toEqual([["192.0.2.2"], true, false]);
    open("newcomer", "192.0.2.3");
    expect([evicted, door.connections]).toEqual([["lazy"], 3]);
    lazy.release();
    expect([door.connections, door.subnets]).toEqual([3, 2]);
    clock.advance(60_000);
    open("neighbour", "192.0.2.2");
    expect([evicted, door.connections]).toEqual([["lazy", "young"], 3]);
    clock.advance(1_000_000);
    open("a", "192.0.2.2");
    open("b", "192.0.2.3");
    expect([evicted, door.connections]).toEqual([["lazy", "young", "newcomer", "neighbour"], 3]);
  });

  it("lets nobody fill it with connections that do nothing, however often they come anew", () => {
    const clock = new VirtualClock();
    const door = admission({ connections: 100, connectionsPerSubnet: 60 }, clock);
    const open = (address: string, receivedFrames = 0): Ticket | null => {
      const one = enter(door, address);
      if (typeof one === "string") return null;
      one.keyCame();
      one.handshakeDone();
      one.opened({ remoteAddress: address, receivedFrames, destroy() {} });
      return one;
    };
    for (let i = 0; i < 30; i++) open(`198.51.100.${i}`, 3);
    let newcomers = 0;
    for (let second = 0; second < 60; second++) {
      for (let i = 0; i < 10; i++) open(i % 2 === 0 ? "192.0.2.1" : "192.0.2.2");
      if (open(`203.0.113.${second}`) !== null) newcomers += 1;
      clock.advance(1_000);
    }
    expect(door.connections).toBe(100);
    expect(newcomers).toBeGreaterThan(30);
  });

  it("takes slots within a subnet where the subnet is full, and leaves others alone", () => {
    const clock = new VirtualClock();
    const door = admission({ handshakesPerSubnet: 2, evictAfterMs: 2_000 }, clock);
    const evicted: string[] = [];
    const come = (address: string, id: string): string | null => {
      const one = ticket(door.admit(() => evicted.push(id), null));
      return one.count(address);
    };
    come("192.0.2.9", "other");
    come("192.0.2.1", "a");
    come("192.0.2.1", "b");
    expect(come("192.0.2.1", "c")).toBe("too-many-handshakes-per-subnet");
    clock.advance(2_000);
    expect(come("192.0.2.1", "d")).toBeNull();
    expect(come("192.0.2.1", "e")).toBeNull();
    expect(evicted).toEqual(["a", "b"]);
    expect(come("192.0.2.1", "f")).toBe("too-many-handshakes-per-subnet");
  });

  it("counts sockets without a seat in all only", () => {
    const door = admission({ connections: 3, connectionsPerSubnet: 1 });
    const uncounted = [door.admit(() => {}, null), door.admit(() => {}, null)].map(ticket);
    expect([door.connections, door.handshakes, door.subnets]).toEqual([2, 2, 0]);
    ticket(enter(door, "192.0.2.1"));
    expect(door.admit(() => {}, null)).toBe("too-many-connections");
    for (const one of uncounted) one.release();
    expect([door.connections, door.handshakes, door.subnets]).toEqual([1, 1, 1]);
  });

  it("seats a ticket once, and never after its end", () => {
    const door = admission({ connectionsPerSubnet: 1 });
    const one = ticket(door.admit(() => {}, null));
    expect([one.count("192.0.2.1"), one.count("192.0.2.2")]).toEqual([null, null]);
    one.release();
    expect(one.count("192.0.2.1")).toBeNull();
    expect([door.connections, door.handshakes, door.subnets]).toEqual([0, 0, 0]);
  });

  it("always counts what is open and forgets subnets without a socket, whatever the order of events", () => {
    const step = fc.record({
      kind: fc.constantFrom("enter", "uncounted", "handshakeDone", "release"),
      pick: fc.nat(30),
      address: fc.constantFrom("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const limits = { connections: 9, connectionsPerSubnet: 4, handshakes: 6, handshakesPerSubnet: 3 };
        const door = admission(limits);
        const model: { ticket: Ticket; subnet: string | null; shaking: boolean; open: boolean }[] = [];
        for (const { kind, pick, address } of steps) {
          const chosen = model[pick % Math.max(1, model.length)];
          if (kind === "enter" || kind === "uncounted") {
            const result = kind === "enter" ? enter(door, address) : door.admit(() => {}, null);
            const subnet = kind === "uncounted" ? null : address.startsWith("2001") ? "2001" : address;
            const mine = model.filter((entry) => entry.open && entry.subnet === subnet && subnet !== null);
            const open = model.filter((entry) => entry.open);
            const full =
              open.length >= limits.connections ||
              open.filter((entry) => entry.shaking).length >= limits.handshakes ||
              mine.length >= limits.connectionsPerSubnet ||
              mine.filter((entry) => entry.shaking).length >= limits.handshakesPerSubnet;
            expect(typeof result === "string").toBe(full);
            if (typeof result !== "string") model.push({ ticket: result, subnet, shaking: true, open: true });
          } else if (chosen !== undefined) {
            chosen.ticket[kind as "handshakeDone" | "release"]();
            chosen.shaking = false;
            if (kind === "release") chosen.open = false;
          }
          const open = model.filter((entry) => entry.open);
          expect(door.connections).toBe(open.length);
          expect(door.handshakes).toBe(open.filter((entry) => entry.shaking).length);
          expect(door.subnets).toBe(new Set(open.flatMap(({ subnet }) => subnet ?? [])).size);
        }
      }),
      { numRuns: 150 },
    );
  });
});
