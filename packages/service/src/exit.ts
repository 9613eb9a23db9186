import { CodedError } from "@lode/ports";

/** Exit codes of every Lode process (BSD sysexits where they fit). */
export const ExitCode = {
  /** Did what it was asked for; also drained after SIGTERM. */
  ok: 0,
  /** Failed while running. */
  failure: 1,
  /** Wrong command line. */
  usage: 2,
  /** Something it needs is not there: database, node, port. */
  unavailable: 69,
  /** A bug, or a state that must not be. */
  internal: 70,
  /** Wrong configuration. */
  config: 78,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends the process with a message for people and an exit code; the message says what to do. */
export class ExitError extends CodedError<{ code: "exit"; exitCode: ExitCode }> {
  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super({ code: "exit", exitCode }, message, options);
  }
}

interface SystemError extends Error {
  code?: unknown;
  path?: string;
  port?: number;
  address?: string;
}

/**
 * Says what a system error means and how to mend it: ports in use, directories that cannot be written. Other errors come
 * back as they are.
 *
 * @param doing what was tried, for the start of the message: `listen for miners on 0.0.0.0:3333`
 */
export function explainSystemError(error: unknown, doing: string): unknown {
  if (!(error instanceof Error)) return error;
  const { code, path } = error as SystemError;
  const where = path === undefined ? "" : ` ${path}`;
  const advice: Record<string, string> = {
    EADDRINUSE: "the port is in use: stop the program that listens there, or choose another port",
    EADDRNOTAVAIL: "this machine has no such address: choose one of its own, or 0.0.0.0 for all of them",
    ENOTFOUND: "no address is known by that name: choose an address of this machine",
    EAI_AGAIN: "the name cannot be looked up now: choose an address of this machine",
    EACCES: `no permission${where}: choose another place, or give this user the right to it`,
    EPERM: `not permitted${where}: choose another place, or give this user the right to it`,
    EROFS: `the file system is read-only${where}: choose a directory that can be written`,
    ENOSPC: `the disk is full${where}: make room, or choose another directory`,
    ENOENT: `not found:${where}`,
    EEXIST: `something else is in the way:${where}`,
    ENOTDIR: `not a directory:${where}`,
  };
  const text = typeof code === "string" ? advice[code] : undefined;
  if (text === undefined) return error;
  return new ExitError(ExitCode.unavailable, `cannot ${doing}: ${text}`, { cause: error });
}
