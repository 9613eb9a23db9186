import type { PoolStatus } from "@lode/pool-server";

/** One line about a running pool, for a terminal or a log. */
export function statusLine(status: PoolStatus): string {
  return [
    `up ${duration(status.uptimeSeconds)}`,
    `height ${status.height}`,
    `shares ${status.acceptedShares} accepted / ${status.rejectedShares} rejected`,
    hashrate(status.hashrate),
    `blocks ${status.blocksAccepted}`,
    `miners ${status.connections}`,
  ].join("  ");
}

/** `1:02:03`; minutes and seconds always, hours when there are any. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(whole / 3600);
  return hours === 0 ? parts.join(":") : `${hours}:${parts.join(":")}`;
}

/** Hashes per second with three significant digits and a unit: `19.8 kH/s`. */
export function hashrate(hashesPerSecond: number): string {
  const units = ["H/s", "kH/s", "MH/s", "GH/s", "TH/s", "PH/s", "EH/s", "ZH/s"];
  let value = Math.max(hashesPerSecond, 0);
  let unit = 0;
  // 999.5 would be shown as 1000 with three digits.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

/** Where status lines go: rewritten in place every second on a terminal, a plain line now and then elsewhere. */
export interface StatusOutput {
  readonly isTerminal: boolean;
  readonly write: (text: string) => void;
}

const TERMINAL_EVERY_MS = 1_000;
const PIPED_EVERY_MS = 10_000;

export function statusInterval(output: StatusOutput): number {
  return output.isTerminal ? TERMINAL_EVERY_MS : PIPED_EVERY_MS;
}

/** Writes a status line; on a terminal it replaces the last one (ECMA-48: carriage return, erase line). */
export function showStatus(output: StatusOutput, status: PoolStatus): void {
  const line = statusLine(status);
  output.write(output.isTerminal ? `\r\u001b[2K${line}` : `${line}\n`);
}

/** Leaves the line of a terminal, so that what follows does not overwrite it. */
export function endStatus(output: StatusOutput): void {
  if (output.isTerminal) output.write("\n");
}

/** Writes a line of its own; on a terminal in place of the status line, which comes back within a second. */
export function showNotice(output: StatusOutput, text: string): void {
  output.write(output.isTerminal ? `\r\u001b[2K${text}\n` : `${text}\n`);
}
