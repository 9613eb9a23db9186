import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExtranonceAllocator, ExtranonceError } from "./extranonce-allocator.ts";

const drain = (allocator: ExtranonceAllocator) => {
  const prefixes: Uint8Array[] = [];
  for (let next = allocator.allocate(); next !== undefined; next = allocator.allocate()) prefixes.push(next);
  return prefixes;
};
const thrownBy = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    return error instanceof ExtranonceError ? error.code : error;
  }
  return undefined;
};

describe("extranonce prefixes", () => {
  it("are the server id and a big-endian index from 0 up", () => {
    const allocator = new ExtranonceAllocator({ serverId: 0xab });
    expect(allocator.allocate()).toEqual(Uint8Array.of(0xab, 0, 0, 0));
    for (let i = 0; i < 0x0201; i++) allocator.allocate();
    expect(allocator.allocate()).toEqual(Uint8Array.of(0xab, 0, 0x02, 0x02));
    expect(allocator.allocated).toBe(0x0203);
  });

  it("run out exactly at the capacity and come back after a release", () => {
    for (const capacity of [1, 31, 32, 33, 100]) {
      const allocator = new ExtranonceAllocator({ serverId: 1, capacity });
      const all = drain(allocator);
      expect(new Set(all.map(String)).size).toBe(capacity);
      const victim = all[capacity >> 1]!;
      allocator.release(victim);
      expect(allocator.allocate()).toEqual(victim);
      expect(allocator.allocate()).toBeUndefined();
    }
  });

  it("reach the last index of three bytes", () => {
    const allocator = new ExtranonceAllocator({ serverId: 255 });
    let last: Uint8Array | undefined;
    for (let i = 0; i < 1 << 24; i++) last = allocator.allocate();
    expect(last).toEqual(Uint8Array.of(255, 255, 255, 255));
    expect(allocator.allocate()).toBeUndefined();
    allocator.release(last!);
    expect(allocator.allocate()).toEqual(last);
  });

  it("are refused back when they are not out: foreign, short, out of range, or released already", () => {
    const allocator = new ExtranonceAllocator({ serverId: 1, capacity: 40 });
    const held = allocator.allocate()!;
    for (const bad of [
      [2, 0, 0, 0],
      [1, 0, 0, 1],
      [1, 0, 0, 39],
      [1, 0, 0, 40],
      [1, 0, 0, 63],
      [1, 255, 255, 255],
      [1, 0, 0],
      [],
    ]) {
      expect(thrownBy(() => allocator.release(Uint8Array.from(bad)))).toBe("not-allocated");
    }
    allocator.release(Uint8Array.of(...held, ...new Uint8Array(16)));
    expect(thrownBy(() => allocator.release(held))).toBe("not-allocated");
    expect(allocator.allocated).toBe(0);
  });

  it("need a server id of one byte and a capacity of three", () => {
    for (const serverId of [-1, 256, 0.5]) {
      expect(thrownBy(() => new ExtranonceAllocator({ serverId }))).toBe("invalid-server-id");
    }
    for (const capacity of [0, 1.5, 2 ** 24 + 1]) {
      expect(thrownBy(() => new ExtranonceAllocator({ serverId: 0, capacity }))).toBe("invalid-capacity");
    }
  });

  it("that were just released are given out last, even when the search stands right before them", () => {
    const allocator = new ExtranonceAllocator({ serverId: 1, capacity: 96 });
    const all = drain(allocator);
    for (const index of [10, 20, 70]) allocator.release(all[index]!);
    expect(allocator.allocate()).toEqual(all[10]);
    allocator.release(all[15]!);
    expect(drain(allocator)).toEqual([all[20], all[70], all[15]]);
  });

  it("are never held twice, and none comes back before all that were never used had their turn", () => {
    const action = fc.oneof(
      { weight: 3, arbitrary: fc.constant(-1) },
      { weight: 2, arbitrary: fc.nat(1000) },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.array(action, { maxLength: 600 }),
        (capacity, actions) => {
          const allocator = new ExtranonceAllocator({ serverId: 1, capacity });
          const held: Uint8Array[] = [];
          const used = new Set<string>();
          const free = new Set(Array.from({ length: capacity }, (_, i) => String(Uint8Array.of(1, 0, 0, i))));
          for (const each of actions) {
            if (each < 0) {
              const prefix = allocator.allocate();
              expect(prefix === undefined).toBe(free.size === 0);
              if (prefix === undefined) continue;
              const name = String(prefix);
              expect(free.delete(name)).toBe(true);
              held.push(prefix);
              if (used.has(name)) expect(used.size).toBe(capacity);
              used.add(name);
            } else if (held.length > 0) {
              const [prefix] = held.splice(each % held.length, 1);
              free.add(String(prefix));
              allocator.release(prefix!);
            }
            expect(allocator.allocated).toBe(held.length);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
