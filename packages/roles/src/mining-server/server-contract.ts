import type {
  ExtranonceAllocator,
  FoundBlock,
  Identity,
  JobFactory,
  PayeeBook,
  ShareSink,
} from "@lode/mining";
import type { Clock, Logger, Metrics } from "@lode/ports";

/** What a mining server needs from its process. */
export interface MiningServerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Makes jobs of the templates that `MiningServer.onTemplate` is given. */
  readonly jobFactory: Pick<JobFactory, "build">;
  readonly extranonces: ExtranonceAllocator;
  /** Whom blocks pay; the pool alone if absent. */
  readonly payees?: Pick<PayeeBook, "of" | "hold" | "letGo">;
  /** Who is paid for a channel. @throws CodedError, `unknown-user` or `invalid-user-identity` */
  readonly identify: (userIdentity: string) => Identity;
  /** Subnet whose channels are counted together; null: not counted. Without it every address is a subnet. */
  readonly subnetOf?: (remoteAddress: string) => string | null;
  /** Takes accepted shares; they are answered after `MiningServer.acknowledge`. */
  readonly sink: ShareSink;
  /** Called at once, before the share that found it is answered. Must not throw; an exception is logged and dropped. */
  readonly onBlock: (found: FoundBlock) => void;
  /** Why no new channels are opened now, an error code for the client; null when they are. */
  readonly admission: () => string | null;
}

/** What `MiningServer.stats` tells. */
export interface MiningServerStats {
  /** Connections that are set up. */
  readonly connections: number;
  readonly channels: number;
  readonly standardChannels: number;
  readonly extendedChannels: number;
  /** Shares since the start. */
  readonly accepted: number;
  readonly rejected: number;
  /** Hashes per second, estimated from accepted work of the last ten minutes. */
  readonly hashrate: number;
}
