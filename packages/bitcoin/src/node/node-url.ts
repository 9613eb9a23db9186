import { CodedError } from "@lode/ports";

/** Options that name no node or no credentials, or several. The message is for people and never repeats the URL. */
export type NodeOptionsErrorType = { code: "invalid-node-url" | "no-credentials" | "ambiguous-credentials" };
/** Thrown by {@link parseNodeUrl} and by the constructor of `NodeRpc`. */
export class NodeOptionsError extends CodedError<NodeOptionsErrorType> {}

/** Where a node is, and the credentials that its URL carries. */
export interface NodeUrl {
  /** Without credentials, for logs and for the request itself. */
  readonly url: URL;
  /** Empty when the URL carries none. */
  readonly user: string;
  readonly password: string;
}

const ENCODE =
  "in a user name or password, percent-encode the characters / ? # @ : and % (%2F %3F %23 %40 %3A %25)";

/**
 * Reads `http://host:port` and `http://user:password@host:port`, percent-encoded.
 *
 * @throws NodeOptionsError `invalid-node-url`
 */
export function parseNodeUrl(text: string): NodeUrl {
  if (!/^https?:\/\//i.test(text)) throw invalid("must start with http:// or https://");
  if (!URL.canParse(text))
    throw invalid(`cannot be read; expected http://user:password@host:port; ${ENCODE}`);
  const url = new URL(text);
  if (url.search !== "" || url.hash !== "" || /[?#]/.test(text)) throw invalid(`has a ? or #; ${ENCODE}`);
  if (url.pathname.includes("@")) throw invalid(`has an @ behind a /; ${ENCODE}`);
  const [user, password] = [decoded(url.username), decoded(url.password)];
  if (user === "" && password !== "") throw invalid("has a password and no user");
  url.username = "";
  url.password = "";
  return { url, user, password };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`has a % that begins no percent-encoded character; ${ENCODE}`);
  }
}

function invalid(what: string): NodeOptionsError {
  return new NodeOptionsError({ code: "invalid-node-url" }, `the node's URL ${what}`);
}
