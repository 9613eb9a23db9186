/**
 * A structured log. `fields` use snake_case names fixed across the project (`conn_id`, `channel_id`, `job_id`,
 * `user_identity`, `err`). Text from the network is cut and escaped by the caller. Nothing per share above debug.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = () => {};

/** Drops everything. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
