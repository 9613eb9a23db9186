/**
 * Text from the network, fit for a log line or an error code: printable ASCII stays, everything else becomes `?`, and what
 * is longer than `maxLength` UTF-16 units is cut and shown to be.
 */
export function printable(text: string, maxLength = 64): string {
  const escaped = text.slice(0, maxLength).replace(/[^\x20-\x7e]/g, "?");
  return text.length > maxLength ? `${escaped}...` : escaped;
}
