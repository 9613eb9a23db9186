import { PoolHost } from "../pool-host.ts";
import type { PoolRequest } from "../pool-protocol.ts";
import { ADDRESS } from "../share-rows.ts";
import type { MeasuredServer } from "./measured-server.ts";
import type { BenchTemplateServer } from "./template-server.ts";

/** Starts Lode's pool with its template client in it. */
export async function startLodePool(
  store: PoolRequest["store"],
  { address, publicKey }: BenchTemplateServer,
  profileDir: string | undefined,
): Promise<MeasuredServer> {
  const host = await PoolHost.start({
    store,
    templates: { kind: "server", address, publicKey },
    native: "auto",
    profileDir,
  });
  return {
    pid: host.pid,
    port: host.port,
    authorityKey: host.authorityKey,
    userIdentity: ADDRESS,
    answeredTogether: 1,
    async collect() {
      const { heapUsed, external } = await host.ask("collect");
      return heapUsed + external;
    },
    stop: () => host.stop(),
  };
}
