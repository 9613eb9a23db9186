import type { Channel, FoundBlock, Identity, ShareSink } from "@lode/mining";
import type { Clock, Logger } from "@lode/ports";
import type { ChannelRegistry } from "../channels/channel-registry.ts";
import type { NewAccounts } from "../channels/new-accounts.ts";
import type { OpenQueue } from "../channels/open-queue.ts";
import type { PayeesInUse } from "../channels/payees-in-use.ts";
import type { HashrateMeter } from "../hashrate-meter.ts";
import type { JobSupply } from "../jobs/job-supply.ts";
import type { ClosingQueue } from "../pacing/closing-queue.ts";
import type { ServerMetrics } from "../server-metrics.ts";
import type { MiningServerSettings } from "../settings.ts";

/** What the sessions of one server share. */
export interface SessionContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: MiningServerSettings;
  readonly metrics: ServerMetrics;
  readonly supply: JobSupply;
  readonly channels: ChannelRegistry;
  readonly payees: PayeesInUse;
  readonly accounts: NewAccounts;
  readonly openings: OpenQueue;
  readonly closings: ClosingQueue;
  readonly sink: ShareSink;
  readonly rate: HashrateMeter;
  /** Subnet whose channels are counted together; null: not counted. */
  subnetOf(remoteAddress: string): string | null;
  /** @throws CodedError, `unknown-user` or `invalid-user-identity` */
  identify(userIdentity: string): Identity;
  onBlock(found: FoundBlock): void;
  /** Why no new channels are opened now, an error code; null when they are. */
  admission(): string | null;
  /** `channel` should have another target, but not now: `MiningSession.retarget` is called for it later. */
  retargetLater(channel: Channel): void;
  /** `channel` needs jobs so often that it must be visited at every step. */
  onFrequentJobs(channel: Channel): void;
}
