import { describe, expect, it } from "vitest";
import { startAdminServer } from "./admin-server.ts";
import { createMetrics } from "./metrics.ts";

const fine = { live: () => [], ready: () => [], started: () => [] };

describe("the admin server", () => {
  it("answers health with the reasons, and metrics as text", async () => {
    let reasons: string[] = ["no-template"];
    const metrics = createMetrics({ defaults: false });
    metrics.gauge("b", "B.").set(1);
    const server = await startAdminServer({
      host: "127.0.0.1",
      port: 0,
      metrics,
      checks: { ...fine, ready: () => reasons, notes: () => ["shares-not-recorded"] },
    });
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
      return { status: response.status, body: await response.text() };
    };
    try {
      expect(await get("/livez")).toEqual({ status: 200, body: '{"ok":true,"reasons":[]}' });
      expect(await get("/readyz")).toEqual({
        status: 503,
        body: '{"ok":false,"reasons":["no-template"],"notes":["shares-not-recorded"]}',
      });
      reasons = [];
      expect(await get("/readyz")).toEqual({
        status: 200,
        body: '{"ok":true,"reasons":[],"notes":["shares-not-recorded"]}',
      });
      expect((await get("/metrics")).body).toContain("b 1");
      expect((await get("/other")).status).toBe(404);
    } finally {
      await server.close();
    }
  });

  it("says what to do when its port is in use", async () => {
    const options = { host: "127.0.0.1", metrics: createMetrics({ defaults: false }), checks: fine };
    const first = await startAdminServer({ ...options, port: 0 });
    try {
      await expect(startAdminServer({ ...options, port: first.port })).rejects.toMatchObject({
        message: expect.stringMatching(/the port is in use.*choose another port/),
        type: { code: "exit", exitCode: 69 },
      });
    } finally {
      await first.close();
    }
  });
});
