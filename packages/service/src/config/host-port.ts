import { isIP } from "node:net";

const HOST_NAME = /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;

/** Why a text is no HOST:PORT, or null when it is one. Port 0 is any free one. */
export function hostPortProblem(text: string): string | null {
  const shown = JSON.stringify(text.slice(0, 80));
  if (text.includes("://")) return `${shown} is a URL; write HOST:PORT alone`;
  const colon = text.lastIndexOf(":");
  const port = text.slice(colon + 1);
  const host = text.slice(0, Math.max(colon, 0));
  if (isIP(text) === 6 || isIP(host) === 6) return `${shown}: an IPv6 address stands in brackets, [::1]:3333`;
  if (colon === -1 || !/^\d{1,5}$/.test(port)) return `${shown} is not HOST:PORT, such as 127.0.0.1:3333`;
  if (Number(port) > 65_535) return `${shown}: a port is at most 65535`;
  if (host === "") return `${shown} names no host; 0.0.0.0${text} means every address of this machine`;
  const bracketed = /^\[(.*)\]$/.exec(host)?.[1];
  const valid = bracketed === undefined ? HOST_NAME.test(host) : isIP(bracketed) === 6;
  return valid ? null : `${shown}: ${JSON.stringify(host.slice(0, 80))} is no host name or address`;
}
