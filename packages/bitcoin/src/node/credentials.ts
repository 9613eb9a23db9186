import { readFile } from "node:fs/promises";
import { NodeRpcError } from "./rpc-error.ts";

/** Where HTTP Basic credentials come from. */
export interface Credentials {
  /** Value of the `authorization` header. */
  current(): Promise<string>;
  /** After a 401 on `refused`: other credentials to try once, or undefined when there are none. */
  renewed(refused: string): Promise<string | undefined>;
}

/** A fixed user and password. */
export function passwordCredentials(user: string, password: string): Credentials {
  const header = basic(`${user}:${password}`);
  return { current: async () => header, renewed: async () => undefined };
}

/** The cookie file, which a node writes anew at every start: kept in memory, read again after every 401. */
export function cookieCredentials(path: string): Credentials {
  let header: string | undefined;
  const read = async () => {
    try {
      header = basic((await readFile(path, "utf8")).trim());
      return header;
    } catch (error) {
      header = undefined;
      const errno = (error as NodeJS.ErrnoException).code ?? "unknown";
      throw new NodeRpcError({ code: "no-cookie", path, errno }, `cannot read cookie file ${path}: ${errno}`);
    }
  };
  return {
    current: async () => header ?? (await read()),
    async renewed(refused) {
      const fresh = await read();
      return fresh === refused ? undefined : fresh;
    },
  };
}

function basic(userAndPassword: string): string {
  return `Basic ${Buffer.from(userAndPassword).toString("base64")}`;
}
