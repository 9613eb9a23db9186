import { readdirSync, readFileSync } from "node:fs";
import { shareErrors } from "@lode/mining";
import { mining } from "@lode/protocol";
import {
  customJobErrorCodes,
  miningEnds,
  openErrorCodes,
  sessionEnds,
  templateEnds,
  unknownChannel,
  updateErrorCodes,
} from "@lode/roles";
import { ScriptedPool } from "@lode/testing/pool";
import { transportEnds } from "@lode/transport";
import { describe, expect, it } from "vitest";
import { readConformance } from "./conformance-table.ts";

/** Codes of a mining server by the message that carries them, as headings of docs/conformance.md. */
const codes: Readonly<Record<string, readonly string[]>> = {
  "SetupConnection.Error": ["unsupported-protocol", "protocol-version-mismatch", "unsupported-feature-flags"],
  // Those of a pool that lacks something come from `lode pool` itself.
  "OpenMiningChannel.Error": [...Object.keys(openErrorCodes), "pool-not-ready", "pool-draining"],
  "UpdateChannel.Error": Object.keys(updateErrorCodes),
  "SubmitShares.Error": [unknownChannel, ...Object.values(shareErrors)],
  "SetCustomMiningJob.Error": Object.keys(customJobErrorCodes),
  CloseChannel: Object.keys({ ...sessionEnds, ...miningEnds }),
};

/** Every code that appears in the pool's sources where codes are given, so that a new one cannot be forgotten above. */
const poolSource = readFileSync(new URL("../../apps/pool-server/src/pool.ts", import.meta.url), "utf8");

describe("codes and reasons", () => {
  it("every code a server can send is printable ASCII without control characters", () => {
    for (const code of Object.values(codes).flat()) expect(code).toMatch(/^[\x21-\x7e]{1,63}$/);
  });

  it("every code a server can send stands in docs/conformance.md with its meaning", () => {
    const document = readFileSync(new URL("../../docs/conformance.md", import.meta.url), "utf8");
    const documented = readConformance(document).codes;
    for (const [message, known] of Object.entries(codes)) {
      expect([message, documented.get(message)?.toSorted()]).toEqual([message, known.toSorted()]);
    }
    const ofThePool = poolSource.matchAll(/(?:return|\? ) ?"([a-z-]+)"/g);
    for (const [, code] of ofThePool) expect(Object.values(codes).flat()).toContain(code);
  });

  it("every reason for an end is given somewhere", () => {
    const sources = ["packages", "apps"]
      .flatMap((part) => {
        const root = new URL(`../../${part}/`, import.meta.url).pathname;
        return readdirSync(root, { recursive: true, encoding: "utf8" }).map((file) => root + file);
      })
      .filter((file) => /\/src\/.*(?<!\.test|end-reasons)\.ts$/.test(file) && !file.includes("/testing/"))
      .map((file) => readFileSync(file, "utf8"))
      .join("\n");
    const reasons = Object.keys({ ...transportEnds, ...sessionEnds, ...miningEnds, ...templateEnds });
    expect(reasons.filter((reason) => !sources.includes(`"${reason}"`))).toEqual([]);
  });

  it("a reason that nobody knows closes the channel like any other and is logged in printable ASCII", () => {
    const lines: string[] = [];
    const write = (fields: object, message: string) =>
      void lines.push(`${JSON.stringify(fields)} ${message}`);
    const pool = new ScriptedPool({
      deps: { logger: { debug: write, info: write, warn: write, error: write } },
    });
    const reasons = ["", "\u0000\u001b[2J\r\nforged line", "ünknown", "x".repeat(255)];
    const miner = pool.connect().setUp();
    for (const [index, reasonCode] of reasons.entries()) {
      miner.openExtended();
      miner.takeNames();
      miner.send(mining.CloseChannel, { channelId: index + 2, reasonCode });
      expect([miner.takeNames(), miner.closed, pool.server.stats().channels]).toEqual([[], null, 0]);
    }
    expect(lines.length).toBeGreaterThan(reasons.length);
    for (const line of lines) {
      expect(line).toMatch(/^[\x20-\x7e]*$/);
      expect(line).not.toContain("\\u00");
      expect(line.length).toBeLessThan(500);
    }
  });
});
