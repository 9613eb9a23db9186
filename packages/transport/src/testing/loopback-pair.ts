import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

const sockets: Socket[] = [];

/** For tests: both ends of a TCP connection within this process, `near` as a listener hands it over (paused). */
export async function loopbackPair(): Promise<{ readonly near: Socket; readonly far: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const far = connect({ port: address.port, host: "127.0.0.1", allowHalfOpen: true });
  const [near] = (await once(server, "connection")) as [Socket];
  server.close();
  sockets.push(far, near);
  return { near, far };
}

/** For tests: ends every pair there is, at once. */
export function closeLoopbackPairs(): void {
  for (const socket of sockets.splice(0)) socket.destroy();
}
