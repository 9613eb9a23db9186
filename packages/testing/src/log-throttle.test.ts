import { type Logger, throttledLogger } from "@lode/ports";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "./virtual-clock.ts";

function setUp(options: { burst?: number; intervalMs?: number; texts?: number } = {}) {
  const time = new VirtualClock();
  const written: string[] = [];
  const level =
    (name: string) =>
    (fields: object, message: string): void => {
      written.push(`${name} ${message} ${JSON.stringify(fields)}`);
    };
  const sink: Logger = {
    debug: level("debug"),
    info: level("info"),
    warn: level("warn"),
    error: level("error"),
  };
  const logger = throttledLogger(sink, { clock: time, burst: 3, intervalMs: 1_000, ...options });
  return { logger, time, written };
}

describe("a throttled logger", () => {
  it("passes a burst, then holds back and tells how much", () => {
    const { logger, time, written } = setUp();
    for (let i = 0; i < 10; i++) logger.warn({ i }, "refused");
    expect(written).toEqual(['warn refused {"i":0}', 'warn refused {"i":1}', 'warn refused {"i":2}']);
    time.advance(1_000);
    expect(written.slice(3)).toEqual(['warn refused {"i":9,"suppressed":6}']);
    time.advance(60_000);
    expect(written).toHaveLength(4);
    expect(time.pendingTimers).toBe(0);
  });

  it("writes one line an interval while the flood lasts, and loses no count", () => {
    const { logger, time, written } = setUp();
    for (let i = 0; i < 10_000; i++) {
      logger.info({}, "flood");
      time.advance(1);
    }
    logger.flush();
    expect(written.length).toBeLessThanOrEqual(3 + 10 + 1);
    const counted = written
      .map((line) => 1 + Number(/"suppressed":(\d+)/.exec(line)?.[1] ?? 0))
      .reduce((sum, lines) => sum + lines, 0);
    expect(counted).toBe(10_000);
  });

  it("has its burst again after a quiet time", () => {
    const { logger, time, written } = setUp();
    for (let i = 0; i < 4; i++) logger.info({}, "now and then");
    time.advance(10_000);
    written.length = 0;
    for (let i = 0; i < 4; i++) logger.info({}, "now and then");
    expect(written).toHaveLength(3);
  });

  it("keeps texts and levels apart", () => {
    const { logger, written } = setUp({ burst: 1 });
    logger.info({}, "a");
    logger.warn({}, "a");
    logger.error({}, "b");
    logger.debug({}, "b");
    logger.debug({}, "b");
    expect(written).toEqual(["info a {}", "warn a {}", "error b {}", "debug b {}"]);
  });

  it("remembers a bounded number of texts; the others share", () => {
    const { logger, written } = setUp({ burst: 1, texts: 2 });
    for (let i = 0; i < 1_000; i++) logger.info({}, `text ${i}`);
    expect(written).toEqual(["info text 0 {}", "info text 1 {}", "info other lines {}"]);
  });

  it("holds nothing back at its flush", () => {
    const { logger, time, written } = setUp({ burst: 1 });
    logger.info({ a: 1 }, "x");
    logger.info({ a: 2 }, "x");
    logger.flush();
    expect(written).toEqual(['info x {"a":1}', 'info x {"a":2}']);
    expect(time.pendingTimers).toBe(0);
  });
});
