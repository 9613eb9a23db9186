import { CodedError, type Logger } from "@lode/ports";
import { destination, type LoggerOptions, pino } from "pino";
import pretty from "pino-pretty";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface CreateLoggerOptions {
  readonly level: LogLevel;
  /** `json` for machines, `pretty` for people. */
  readonly format: "json" | "pretty";
  /** File descriptor; standard output by default. */
  readonly fd?: number;
  /** Fields of every line, such as the role. */
  readonly base?: Readonly<Record<string, string>>;
}

/** Values that must never be printed, wherever they come up. */
const REDACTED = ["password", "*.password", "authority_secret_key", "*.authority_secret_key", "url", "*.url"];

/** A JSON log: ISO time, the level as a word, errors with code and stack. */
export function createLogger(options: CreateLoggerOptions): Logger {
  const settings: LoggerOptions = {
    level: options.level,
    base: { ...options.base },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: errorFields },
    redact: REDACTED,
  };
  const fd = options.fd ?? 1;
  const stream =
    options.format === "pretty"
      ? pretty({
          destination: fd,
          colorize: usesColor(fd),
          ignore: "pid,hostname",
          translateTime: "HH:MM:ss",
          singleLine: true,
          // What was logged before an exit must be on the screen.
          sync: true,
        })
      : destination({ dest: fd, sync: true });
  return pino(settings, stream);
}

/**
 * An error with its class, code and message, causes included; our own also with the data of their code. Errors with a code
 * are expected ones of this or another program: their code and message say all. Only others carry their stack.
 */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = pino.stdSerializers.err(error);
  if (error instanceof CodedError) {
    const { code, ...data } = error.type;
    return { type, code, data, message };
  }
  if ("code" in error && typeof error.code === "string") return { type, code: error.code, message };
  return { type, message, stack };
}

/** Colours only on a terminal, and not against the user's wish (no-color.org). */
export function usesColor(fd: number): boolean {
  const isTerminal = fd === 2 ? process.stderr.isTTY : process.stdout.isTTY;
  return isTerminal === true && !process.env["NO_COLOR"];
}
