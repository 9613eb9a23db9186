export { NoPostgresError } from "./binaries.ts";
export type { PostgresLocation } from "./location.ts";
export {
  type EmbeddedPostgres,
  PostgresError,
  type StartPostgresOptions,
  startPostgres,
} from "./postgres.ts";
export { NoUserError, type PostgresUser } from "./run-as.ts";
