/** Stands in the place of what is not shown. */
export const REDACTED = "(redacted)";

/**
 * A URL with its password hidden, whatever characters it has: the password ends at the last `@` before the path, as the URL
 * standard reads it. What is no URL is hidden whole.
 */
export function withoutPassword(url: string): string {
  if (url === "") return "";
  const [, scheme, user, place = ""] = /^([a-z][a-z+.-]*:\/\/)(?:([^/?#\\]*)@)?([^@#]*)$/i.exec(url) ?? [];
  // libpq takes a URL without a host.
  const whole =
    user !== undefined && /^([/?]|$)/.test(place) ? url.replace(/@(?=[/?]|$)/, "@localhost") : url;
  if (scheme === undefined || !URL.canParse(whole)) return REDACTED;
  if (user === undefined) return url;
  const name = user.includes(":") ? `${user.slice(0, user.indexOf(":"))}:${REDACTED}` : user;
  return `${scheme}${name}@${place}`;
}

/** True when something of a text has to be hidden. */
export function hasPassword(url: unknown): boolean {
  return typeof url === "string" && withoutPassword(url) !== url;
}
