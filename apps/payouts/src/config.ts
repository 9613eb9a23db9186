import { adminSection, logSection, section } from "@lode/service";
import Type, { type Static } from "typebox";

const ppm = (description: string, fallback: number) =>
  Type.Integer({ description, default: fallback, minimum: 0, maximum: 1_000_000 });

/** Everything an operator can set on the process that keeps the books. */
export const payoutsSchema = section({
  payouts: section({
    windowBlocks: Type.Integer({
      description:
        "Length of the PPLNS window in expected blocks of work. A longer one pays more evenly and later. Takes effect with the next slice.",
      default: 8,
      minimum: 1,
      maximum: 100,
    }),
    feePpm: ppm(
      "The pool's fee, parts per million: 20000 is 2 %. Holds for shares from the change on.",
      20_000,
    ),
    customFeePpm: ppm(
      "The same for shares on jobs whose transactions the miner chose (share class 1).",
      10_000,
    ),
    sliceSec: Type.Integer({
      description:
        "How long a slice of shares lasts at most, seconds. 0: a two-thousandth of the window, between 10 s and 10 min.",
      default: 0,
      minimum: 0,
      maximum: 3_600,
    }),
    dataDir: Type.String({
      description:
        "Where slice and block files are written, by which `lode audit replay` computes blocks again.",
      default: "./lode-audit",
    }),
  }),
  database: section({
    url: Type.String({
      description: "The pool's Postgres: postgres://user:password@host:port/database",
      default: "postgres://lode@127.0.0.1:5432/lode",
      secret: true,
      url: true,
    }),
  }),
  admin: adminSection("127.0.0.1:9092"),
  log: logSection,
});

/** A configuration that fits {@link payoutsSchema}. */
export type PayoutsConfig = Static<typeof payoutsSchema>;
