/** What every process needs: configuration, log, metrics, health over HTTP, and a life cycle with signals. */
export { type AdminServer, type HealthChecks, startAdminServer } from "./admin-server.ts";
export { ConfigError, suggestion } from "./config/config-error.ts";
export { configMarkdown, exampleConfig, formatConfig } from "./config/describe-config.ts";
export { hostPortProblem } from "./config/host-port.ts";
export { type LoadConfigOptions, loadConfig } from "./config/load-config.ts";
export { type KeyProblem, problemOf } from "./config/problems.ts";
export { refined } from "./config/refined.ts";
export { decodeText, readSecretFile } from "./config/secret-file.ts";
export {
  adminSection,
  authorityKeys,
  hostPort,
  logSection,
  networkKey,
  nodeKeys,
  oneOf,
  section,
} from "./config/sections.ts";
export { withoutPassword } from "./config/url-password.ts";
export { type ConnectionCheck, checkConnections } from "./connection-checks.ts";
export { directoryProblem } from "./directory-check.ts";
export { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
export { ExitCode, ExitError, explainSystemError } from "./exit.ts";
export {
  describeFailure,
  type LifeCycleOptions,
  type ProcessPort,
  type Running,
  runUntilStopped,
} from "./life-cycle.ts";
export { type CreateLoggerOptions, createLogger, type LogLevel, usesColor } from "./logger.ts";
export { makeDirectory } from "./make-directory.ts";
export { createMetrics, type MetricDescription, MetricError, type MetricsRegistry } from "./metrics.ts";
export { checkPort } from "./port-check.ts";
export { preferEventLoop } from "./process-tuning.ts";
