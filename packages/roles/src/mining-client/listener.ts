import type { mining } from "@lode/protocol";
import type { ClientSetupResult } from "../setup/client-setup.ts";
import type { ClientChannel, ServerViolation } from "./client-channel.ts";
import type { ActiveJob } from "./client-job.ts";
import type { MiningServerMessage } from "./server-messages.ts";

/** What happens at a mining client. Every method may be left out. */
export interface MiningClientListener {
  onSetup?(result: ClientSetupResult): void;
  /** The connection ended before it was set up. */
  onRefused?(reason: string, errorCode: string | undefined): void;
  onOpened?(channel: ClientChannel, requestId: number): void;
  onOpenRefused?(requestId: number, errorCode: string): void;
  /** There is a new job to mine on: all earlier ones are over when `newTip`. */
  onJob?(channel: ClientChannel, job: ActiveJob, newTip: boolean): void;
  /** Jobs to come have this target. */
  onTarget?(channel: ClientChannel): void;
  onAccepted?(channel: ClientChannel, answer: mining.SubmitSharesSuccess): void;
  onRejected?(channel: ClientChannel, answer: mining.SubmitSharesError): void;
  onUpdateRefused?(channel: ClientChannel, errorCode: string): void;
  /** The server closed a channel. */
  onChannelClosed?(channel: ClientChannel, reasonCode: string): void;
  /** The server broke a rule; the message was ignored. */
  onViolation?(violation: ServerViolation, message: MiningServerMessage["name"], channelId: number): void;
  onClose?(reason: string): void;
}
