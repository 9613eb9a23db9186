import { expect, it } from "vitest";
import { printable } from "./printable.ts";

it("keeps printable ASCII and replaces everything a terminal or a log could trip over", () => {
  expect(printable("bitaxe v2.1 (BM1370)")).toBe("bitaxe v2.1 (BM1370)");
  expect(printable("a\n\u001b[31mb\u202e\u0000é")).toBe("a??[31mb???");
});

it("cuts long text and shows that it did", () => {
  expect(printable("x".repeat(65))).toBe(`${"x".repeat(64)}...`);
  expect(printable("x".repeat(64))).toBe("x".repeat(64));
});
