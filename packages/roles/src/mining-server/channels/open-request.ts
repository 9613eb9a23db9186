import { bytesToTarget } from "@lode/bitcoin";
import {
  Channel,
  ChannelError,
  type Identity,
  instantOf,
  type Payee,
  ROLLABLE_EXTRANONCE_SIZE,
} from "@lode/mining";
import { CodedError } from "@lode/ports";
import { encodeFrame, MiningFlags, mining } from "@lode/protocol";
import { type OpenErrorCode, openErrorCodes } from "../session/error-codes.ts";
import type { SessionContext } from "../session/session-context.ts";
import type { ChannelGroups } from "./channel-groups.ts";
import type { ChannelHolder } from "./channel-registry.ts";
import type { OpenRequest } from "./open-queue.ts";

/** Where a request came from. */
export interface RequestingConnection extends ChannelHolder {
  readonly connectionId: number;
  /** Of SetupConnection. */
  readonly flags: number;
  readonly groups: Pick<ChannelGroups, "has" | "payees">;
}

/** A refusal that goes to the client as OpenMiningChannel.Error. `admission()` may bring codes of its own. */
class OpenRefused extends CodedError<{ code: OpenErrorCode | (string & {}) }> {}

/** Why there is no channel: the code for the client, and what the log may add to it. */
export interface OpenRefusal {
  readonly errorCode: string;
  readonly detail: string;
}

/** The channel a client asked for, without a job yet, or the refusal (SV2 5.3.2, 5.3.4, 5.3.6). */
export function openChannel(
  context: SessionContext,
  opening: OpenRequest,
  connection: RequestingConnection,
  channelId: number,
): Channel | OpenRefusal {
  const full = fullFor(context, connection, channelId);
  // First, and without an exception: this is what crowds are told.
  if (full !== undefined) return noRoom(full);
  try {
    checkKind(opening, connection.flags);
    const identity = identityOf(context, opening.userIdentity);
    checkAdmission(context, connection);
    const payee = payeeOf(context, connection, identity);
    if (!context.accounts.admit(identity.payoutScript, connection.subnet)) {
      throw new OpenRefused({ code: "too-many-accounts" }, "the new accounts of this hour are used up");
    }
    return createChannel(context, opening, connection.connectionId, channelId, identity, payee);
  } catch (error) {
    if (!(error instanceof OpenRefused || error instanceof ChannelError)) throw error;
    return { errorCode: error.code, detail: error.message };
  }
}

/** Whether a refusal is the client's own fault: it would be refused on any day. */
export function isClientsFault(errorCode: string): boolean {
  return errorCode in openErrorCodes && !poolsFault.has(errorCode);
}

/** The client can do nothing about these; codes of `admission()` are of the kind too. */
const poolsFault: ReadonlySet<string> = new Set<OpenErrorCode>([
  "channel-capacity-exhausted",
  "too-many-accounts",
  "no-template",
]);

function checkKind({ minExtranonceSize }: OpenRequest, flags: number): void {
  if (minExtranonceSize === null) {
    if ((flags & MiningFlags.requiresWorkSelection) !== 0) {
      throw new OpenRefused({ code: "standard-channels-not-supported-for-custom-work" });
    }
  } else if ((flags & MiningFlags.requiresStandardJobs) !== 0) {
    throw new OpenRefused({ code: "extended-channels-not-supported-for-standard-jobs" });
  } else if (minExtranonceSize > ROLLABLE_EXTRANONCE_SIZE) {
    throw new OpenRefused({ code: "min-extranonce-size-too-large" });
  }
}

function identityOf(context: SessionContext, userIdentity: string): Identity {
  try {
    return context.identify(userIdentity);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const code = error.code in openErrorCodes ? error.code : "invalid-user-identity";
    throw new OpenRefused({ code }, error.message);
  }
}

function checkAdmission(context: SessionContext, connection: RequestingConnection): void {
  const refusal = context.admission();
  if (refusal !== null) throw new OpenRefused({ code: refusal });
  const getsJobs = (connection.flags & MiningFlags.requiresWorkSelection) === 0;
  if (getsJobs && context.supply.newest === undefined) throw new OpenRefused({ code: "no-template" });
}

/** Whom the channel's blocks pay, if there is room for one more. */
function payeeOf(
  { payees }: SessionContext,
  { groups, subnet }: RequestingConnection,
  identity: Identity,
): Payee {
  const payee = payees.book.of(identity);
  const full = groups.has(payee) ? undefined : payees.fullFor(payee, groups.payees, subnet);
  if (full !== undefined) throw new OpenRefused({ code: "channel-capacity-exhausted" }, full);
  return payee;
}

function noRoom(detail: string): OpenRefusal {
  return { errorCode: "channel-capacity-exhausted" satisfies OpenErrorCode, detail };
}

/** Which cap is in the way of another channel. */
function fullFor(
  { channels, settings }: SessionContext,
  connection: RequestingConnection,
  channelId: number,
): string | undefined {
  if (connection.counts.channels >= settings.maxChannelsPerConnection) {
    return "max_channels_per_connection is reached";
  }
  // Channel ids are a U32 and never used twice on a connection (SV2 5.2).
  if (channelId > 0xffff_ffff) return "the connection's channel ids are used up";
  return channels.fullFor(connection);
}

function createChannel(
  context: SessionContext,
  opening: OpenRequest,
  connectionId: number,
  id: number,
  identity: Identity,
  payee: Payee,
): Channel {
  const extranoncePrefix = context.supply.allocate();
  if (extranoncePrefix === undefined) {
    throw new OpenRefused({ code: "channel-capacity-exhausted" }, "all extranonce prefixes are in use");
  }
  try {
    return new Channel({
      settings: context.settings.channel,
      connectionId,
      id,
      kind: opening.minExtranonceSize === null ? "standard" : "extended",
      identity,
      payee,
      extranoncePrefix,
      nominalHashrate: opening.nominalHashRate,
      maxTarget: bytesToTarget(opening.maxTarget),
      now: instantOf(context.clock),
    });
  } catch (error) {
    context.supply.release(extranoncePrefix);
    throw error;
  }
}

/** The Success message for a channel whose target is settled (SV2 5.3.3, 5.3.5). */
export function openSuccess(requestId: number, channel: Channel, groupChannelId: number): Uint8Array {
  const { id: channelId, targetBytes: target, extranoncePrefix, extranonceSize } = channel;
  const fields = { requestId, channelId, target, extranoncePrefix, groupChannelId };
  return channel.kind === "standard"
    ? encodeFrame(mining.OpenStandardMiningChannelSuccess, fields)
    : encodeFrame(mining.OpenExtendedMiningChannelSuccess, { ...fields, extranonceSize });
}
