import type { Clock, Timer } from "./clock.ts";
import type { Logger } from "./logger.ts";

/** What {@link throttledLogger} takes. */
export interface LogThrottleOptions {
  readonly clock: Clock;
  /** Lines of one text that pass before any is held back. */
  readonly burst?: number;
  /** After the burst, one line of a text passes in this time, milliseconds. */
  readonly intervalMs?: number;
  /** Texts that are told apart; all later ones share one budget. */
  readonly texts?: number;
}

/** A logger that cannot be made to write without bound. */
export interface ThrottledLogger extends Logger {
  /** Writes the counts of what was held back now; for the end of the process. */
  flush(): void;
}

type Level = keyof Logger;

/** The lines of one level and text. */
interface Line {
  readonly level: Level;
  readonly text: string;
  /** Lines that may pass now. */
  allowance: number;
  /** When `allowance` was right, monotonic milliseconds. */
  at: number;
  /** Lines held back since the last that was written. */
  suppressed: number;
  /** The fields of the last one held back. */
  last: object;
}

/** What stands for the texts that are not told apart. */
const OTHER = "other lines";

/**
 * Bounds the lines that strangers can cause: each message text (with its level) may pass `burst` times at once and once in
 * every `intervalMs` from then on. What is held back is counted: the next line of that text carries `suppressed`, the number
 * of lines before it that were not written; when none comes, the last one held back does after an interval. Message texts
 * must be constants of the code, which they are.
 */
export function throttledLogger(logger: Logger, options: LogThrottleOptions): ThrottledLogger {
  const { clock, burst = 20, intervalMs = 10_000, texts = 256 } = options;
  const lines = new Map<string, Line>();
  let timer: Timer | null = null;

  const lineOf = (level: Level, text: string): Line => {
    let line = lines.get(`${level} ${text}`);
    if (line === undefined) {
      if (lines.size >= texts && text !== OTHER) return lineOf(level, OTHER);
      line = { level, text, allowance: burst, at: clock.monotonic(), suppressed: 0, last: {} };
      lines.set(`${level} ${text}`, line);
    }
    return line;
  };

  const write = (level: Level, fields: object, text: string): void => {
    const line = lineOf(level, text);
    const now = clock.monotonic();
    line.allowance = Math.min(burst, line.allowance + (now - line.at) / intervalMs);
    line.at = now;
    if (line.allowance < 1) {
      line.suppressed += 1;
      line.last = fields;
      timer ??= clock.after(intervalMs, flush);
      return;
    }
    line.allowance -= 1;
    pass(line, fields, line.suppressed);
  };

  const pass = (line: Line, fields: object, suppressed: number): void => {
    line.suppressed = 0;
    line.last = {};
    logger[line.level](suppressed === 0 ? fields : { ...fields, suppressed }, line.text);
  };

  /** The last line that was held back passes after all, in place of the next. */
  const flush = (): void => {
    timer?.cancel();
    timer = null;
    for (const line of lines.values()) {
      if (line.suppressed === 0) continue;
      line.allowance = 0;
      line.at = clock.monotonic();
      pass(line, line.last, line.suppressed - 1);
    }
  };

  return {
    debug: (fields, message) => write("debug", fields, message),
    info: (fields, message) => write("info", fields, message),
    warn: (fields, message) => write("warn", fields, message),
    error: (fields, message) => write("error", fields, message),
    flush,
  };
}
