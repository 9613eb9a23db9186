import { createServer } from "node:net";
import { expect, it } from "vitest";
import { ExitError } from "./exit.ts";
import { checkPort } from "./port-check.ts";

it("a port that is free stays free, one in use is said with the setting that chooses another", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const check = () => checkPort({ host: "127.0.0.1", port }, "listen for miners", "--listen");
  const error = await check().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ExitError);
  expect((error as ExitError).type.exitCode).toBe(69);
  expect((error as ExitError).message).toMatch(
    /^cannot listen for miners: the port is in use: .* \(--listen\)$/,
  );
  await new Promise((resolve) => server.close(resolve));
  await check();
  await check();
});

it("an address that is none of this machine's is said so", async () => {
  await expect(checkPort({ host: "192.0.2.1", port: 1 }, "listen", "--listen")).rejects.toThrow(
    /no such address: choose .* \(--listen\)$/,
  );
});
