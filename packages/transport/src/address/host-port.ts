/** Where to listen or connect: `host:port`, IPv6 addresses in brackets (`[::1]:3333`). */
export function splitHostPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
}
