import { expect, it } from "vitest";
import { Prng } from "./random.ts";

it("a seed fixes the choices of a run, and streams of one seed differ", () => {
  const draw = (seed: number, stream?: number) => [...new Prng(seed, stream).bytes(32)];
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(draw(7, 1)).not.toEqual(draw(7, 2));
});
