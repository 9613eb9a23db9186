import { connect, type Socket } from "node:net";

/** Why a TCP connection was not made: refused by the pool's host, no answer, or nothing left on our own side. */
export type SocketFailure = "unreachable" | "no-local-port";

const CONNECT_WITHIN_MS = 10_000;

/** A TCP connection from a chosen loopback address; never throws, and its later errors are swallowed. Paused. */
export function openSocket(port: number, localAddress: string): Promise<Socket | SocketFailure> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, localAddress, noDelay: true, allowHalfOpen: true });
    const timer = setTimeout(() => socket.destroy(new Error("too slow")), CONNECT_WITHIN_MS);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      const ours = error.code === "EADDRNOTAVAIL" || error.code === "EADDRINUSE" || error.code === "EMFILE";
      resolve(ours ? "no-local-port" : "unreachable");
    });
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.pause();
      resolve(socket);
    });
  });
}

/** Resolves when a moment has passed, without keeping the process alive. */
export function nap(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
