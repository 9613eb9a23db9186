import { createServer } from "node:net";
import { ExitError, explainSystemError } from "./exit.ts";

/**
 * Fails where a port could not be listened on, before anything slow is started. The port is free again afterwards: as long
 * as the process cannot serve, connects are refused, and health checks of load balancers see it.
 *
 * @param doing for the message: `listen for miners on 0.0.0.0:3333`
 * @param setting which chooses another port: `--listen`, `pool.listen_address`
 * @throws ExitError
 */
export async function checkPort(
  at: { readonly host: string; readonly port: number },
  doing: string,
  setting: string,
): Promise<void> {
  if (at.port === 0) return;
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: at.host, port: at.port, exclusive: true }, resolve);
    });
  } catch (error) {
    const explained = explainSystemError(error, doing);
    if (!(explained instanceof ExitError)) throw explained;
    throw new ExitError(explained.type.exitCode, `${explained.message} (${setting})`, { cause: error });
  }
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}
