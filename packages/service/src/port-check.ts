import { createServer } from "node:net";
import { explainSystemError } from "./exit.ts";

/**
 * Fails where a port could not be listened on, before anything slow is started. The port is free again afterwards: as long
 * as the process cannot serve, connects are refused, and health checks of load balancers see it.
 *
 * @param doing for the message: `listen for miners on 0.0.0.0:3333`
 * @throws ExitError
 */
export async function checkPort(
  at: { readonly host: string; readonly port: number },
  doing: string,
): Promise<void> {
  if (at.port === 0) return;
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: at.host, port: at.port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw explainSystemError(error, doing);
  }
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}
