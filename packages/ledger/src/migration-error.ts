import { CodedError } from "@lode/ports";

/** Why migrations cannot run or do not fit the database. `file` is the name inside the folder. */
export type MigrationErrorType =
  /** The folder cannot be read or holds no migrations. */
  | { readonly code: "no-migrations"; readonly directory: string }
  /** A name that is not `0001_what_it_does.sql`, or a number used twice. */
  | { readonly code: "bad-name"; readonly file: string }
  /** An applied file was changed since. Migrations are never edited: add a new one. */
  | { readonly code: "checksum-changed"; readonly file: string }
  /** A new file has a lower number than one that is applied already. */
  | { readonly code: "out-of-order"; readonly file: string }
  /** A newer release changed the database so that this one cannot run on it. */
  | {
      readonly code: "database-too-new";
      readonly file: string;
      readonly oldestRelease: string;
      readonly release: string;
    }
  /** The server refused a file; nothing of it is applied (files without a transaction aside). */
  | { readonly code: "failed"; readonly file: string; readonly sqlstate: string | null }
  /** Files wait to be applied: run `lode db migrate`. */
  | { readonly code: "pending"; readonly file: string; readonly count: number };

/** Thrown by the migration runner. */
export class MigrationError extends CodedError<MigrationErrorType> {}
