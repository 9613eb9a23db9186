import { bytesToTarget, internalToDisplay, merkleRoot, sha256d, stripCoinbaseWitness } from "@lode/bitcoin";
import { MiningFlags, type mining, PROTOCOL_VERSION, Protocol } from "@lode/protocol";
import { updateErrorCodes } from "@lode/roles";
import type { InvariantName } from "../world/world.ts";
import { HeaderHasher, isAtMost } from "./hashing.ts";
import type { JudgedConnection } from "./judged-connection.ts";
import type { MinerMessage } from "./messages.ts";
import type { Expectation, NaiveChannel, Submission } from "./naive-channel.ts";
import type { FrameEffects } from "./observations.ts";
import { wrongPayout } from "./payouts.ts";
import type { PoolUnderTest } from "./pool-under-test.ts";

/** Looks at what the pool did with the frame. */
type Check = (effects: FrameEffects) => void;

const GROUP = 1;
const ALL_FLAGS =
  MiningFlags.requiresStandardJobs | MiningFlags.requiresWorkSelection | MiningFlags.requiresVersionRolling;

/**
 * What a live connection's frame must lead to, decided before the pool sees it. Once the pool drains it may leave anything
 * aside, but what it does must still be right.
 */
export function judgeFrame(
  connection: JudgedConnection,
  pool: PoolUnderTest,
  message: MinerMessage | "malformed" | undefined,
): Check {
  const rules = new FrameRules(connection, pool);
  const check = rules.expect(message);
  const { draining } = pool;
  return (effects) => {
    if (draining && effects.accepted + effects.rejected.length + effects.sent.length === 0) return;
    check(effects);
  };
}

class FrameRules {
  readonly #connection: JudgedConnection;
  readonly #pool: PoolUnderTest;

  constructor(connection: JudgedConnection, pool: PoolUnderTest) {
    this.#connection = connection;
    this.#pool = pool;
  }

  expect(message: MinerMessage | "malformed" | undefined): Check {
    if (message === undefined) return (effects) => this.#nothingSent("an unknown message", effects);
    if (message === "malformed") return () => this.#mustEnd("a malformed message");
    if (message.name === "SetupConnection") return this.#setup(message.fields);
    if (this.#connection.flags === null) return () => this.#mustEnd(`${message.name} before the setup`);
    switch (message.name) {
      case "RequestExtensions":
        return (effects) => this.#oneOf(effects, ["RequestExtensionsSuccess", "RequestExtensionsError"]);
      case "OpenStandardMiningChannel":
        return this.#open({ ...message.fields, minExtranonceSize: null });
      case "OpenExtendedMiningChannel":
        return this.#open(message.fields);
      case "UpdateChannel":
        return this.#update(message.fields);
      case "CloseChannel":
        return this.#closeChannel(message.fields.channelId);
      case "SetCustomMiningJob":
        return (effects) => this.#oneOf(effects, ["SetCustomMiningJobError"]);
      case "SubmitSharesStandard":
        return this.#share(message.fields.channelId, { ...message.fields, extranonce: null });
      case "SubmitSharesExtended":
        return this.#share(message.fields.channelId, {
          ...message.fields,
          extranonce: message.fields.extranonce.slice(),
        });
    }
  }

  #setup(fields: Extract<MinerMessage, { name: "SetupConnection" }>["fields"]): Check {
    const connection = this.#connection;
    if (connection.flags !== null) return () => this.#mustEnd("a second SetupConnection");
    const { protocol, minVersion, maxVersion, flags } = fields;
    const granted =
      protocol === Protocol.mining &&
      minVersion <= PROTOCOL_VERSION &&
      maxVersion >= PROTOCOL_VERSION &&
      (flags & ~ALL_FLAGS) === 0;
    if (granted) connection.flags = flags;
    return (effects) => {
      this.#oneOf(effects, [granted ? "SetupConnectionSuccess" : "SetupConnectionError"]);
      if (!granted) this.#mustEnd("a refused setup");
    };
  }

  #open(fields: {
    readonly requestId: number;
    readonly userIdentity: string;
    readonly nominalHashRate: number;
    readonly maxTarget: Uint8Array;
    readonly minExtranonceSize: number | null;
  }): Check {
    const connection = this.#connection;
    const pool = this.#pool;
    const { requestId, nominalHashRate, minExtranonceSize } = fields;
    const kind = minExtranonceSize === null ? "standard" : "extended";
    const maxTarget = fields.maxTarget.slice();
    const identity = pool.identityOf(fields.userIdentity);
    const room = pool.roomFor(connection);
    const waiting = connection.requests.get(requestId) ?? [];
    connection.requests.set(requestId, [...waiting, { kind, maxTarget, identity }]);
    const flags = connection.flags ?? 0;
    const valid =
      identity !== null &&
      isRate(nominalHashRate) &&
      bytesToTarget(maxTarget) > 0n &&
      (minExtranonceSize ?? 0) <= 16 &&
      (flags &
        (kind === "standard" ? MiningFlags.requiresWorkSelection : MiningFlags.requiresStandardJobs)) ===
        0;
    const reasons = pool.reasonsToRefuse();
    return (effects) => {
      const opened = effects.sent.some((name) => name.endsWith("ChannelSuccess"));
      const refusal = effects.refusals.find(({ about }) => about === requestId);
      if (effects.sent.length === 0) {
        pool.world.reach("opening waits");
        if (pool.limits.isPatient) this.#wrong("protocol", "a request for a channel got no answer");
      } else if (opened === (refusal !== undefined)) {
        this.#wrong("protocol", `a request for a channel got ${effects.sent.join(", ")}`);
      } else if (opened) {
        if (!valid)
          this.#wrong("protocol", `a channel was opened that is not allowed (${fields.userIdentity})`);
        if (reasons.must.length > 0)
          this.#wrong("protocol", `a channel was opened although ${reasons.must[0]}`);
        if (room === "none") this.#wrong("bounded", "a channel was opened above the cap");
        if (connection.getsJobs && connection.newest?.tip === null)
          this.#wrong("protocol", "a channel without a job");
      } else if (
        valid &&
        reasons.must.length === 0 &&
        reasons.may.length === 0 &&
        (room === "free" || refusal?.errorCode !== "channel-capacity-exhausted")
      ) {
        this.#wrong("right-verdict", `a channel was refused for no reason: ${refusal?.errorCode}`);
      }
    };
  }

  #update(fields: mining.UpdateChannel): Check {
    const connection = this.#connection;
    const { channelId, nominalHashRate } = fields;
    const maximumTarget = fields.maximumTarget.slice();
    const channel = connection.channels.get(channelId);
    const valid = isRate(nominalHashRate) && bytesToTarget(maximumTarget) > 0n;
    const silent = channel === undefined && this.#wasOpen(channelId);
    if (channel !== undefined && valid) {
      // Draining, the pool may leave the message aside.
      const looser = this.#pool.draining && isAtMost(maximumTarget, channel.fields.maxTarget);
      if (!looser) channel.fields.maxTarget = maximumTarget;
    }
    return ({ refusals }) => {
      const wanted = silent || (channel !== undefined && valid) ? 0 : 1;
      if (refusals.length !== wanted)
        this.#wrong("protocol", `UpdateChannel got ${refusals.length} refusals`);
      const code = refusals[0]?.errorCode;
      if (code !== undefined && !(code in updateErrorCodes))
        this.#wrong("protocol", `UpdateChannel.Error ${code}`);
    };
  }

  #closeChannel(channelId: number): Check {
    const connection = this.#connection;
    const ids = connection.channels.has(channelId)
      ? [channelId]
      : connection.groupOf(channelId).map(({ fields }) => fields.id);
    if (this.#pool.draining) connection.uncertain = true;
    return (effects) => {
      for (const id of ids) connection.dropChannel(id);
      this.#nothingSent("CloseChannel", effects);
    };
  }

  #share(channelId: number, submission: Submission): Check {
    const pool = this.#pool;
    const channel = this.#connection.channels.get(channelId);
    if (channel === undefined) return this.#unknownChannel(channelId);
    const now = pool.world.clock.monotonic();
    const expectation = channel.expect(submission, pool.clock.now(), now);
    return (effects) => {
      if (this.#connection.uncertain && effects.accepted === 0) return;
      this.#judgeVerdict(channel, submission, expectation, effects);
      this.#judgeBlock(channel, expectation, submission, effects);
    };
  }

  #unknownChannel(channelId: number): Check {
    const silent = this.#wasOpen(channelId);
    return ({ accepted, shareErrors }) => {
      if (this.#connection.uncertain && accepted === 0) return;
      const right = silent ? shareErrors.length === 0 : shareErrors[0]?.errorCode === "invalid-channel-id";
      if (accepted > 0 || !right)
        this.#wrong("right-verdict", `a share for channel ${channelId}, which is not open`);
    };
  }

  #judgeVerdict(
    channel: NaiveChannel,
    submission: Submission,
    expectation: Expectation,
    { accepted, rejected, shareErrors }: FrameEffects,
  ): void {
    const { allowed, hash } = expectation;
    const error = shareErrors[0];
    const verdict = accepted === 1 ? "accepted" : rejected[0];
    const { id } = channel.fields;
    const share = `share ${submission.sequenceNumber} of channel ${id} (job ${submission.jobId})`;
    this.#pool.world.reach(`share ${verdict}`);
    if (accepted + rejected.length !== 1 || verdict === undefined) {
      this.#wrong("right-verdict", `${share}: ${accepted} times accepted, refused as [${rejected.join()}]`);
      return;
    }
    if (!allowed.includes(verdict)) {
      this.#wrong("right-verdict", `${share} (${hash}): ${verdict}, but should be ${allowed.join(" or ")}`);
    }
    const told =
      accepted === 1 ? shareErrors.length === 0 : error?.errorCode === verdict && shareErrors.length === 1;
    if (!told)
      this.#wrong("right-verdict", `${share}: ${verdict}, but ${shareErrors.length} errors were sent`);
    if (
      error !== undefined &&
      (error.channelId !== id || error.sequenceNumber !== submission.sequenceNumber)
    ) {
      this.#wrong("right-verdict", `${share}: the error names another share`);
    }
    if (accepted !== 1 || hash === null) return;
    this.#pool.onAccepted(hash);
    channel.accept(submission, expectation, this.#pool.world.clock.monotonic());
  }

  #judgeBlock(
    channel: NaiveChannel,
    { block, hash, job }: Expectation,
    submission: Submission,
    { accepted, rejected, solutions, attempts }: FrameEffects,
  ): void {
    const handedIn = solutions.length;
    if (handedIn > (block === "no" ? 0 : 1))
      this.#wrong("block-submitted", `${hash} was handed in for nothing`);
    if (block === "must" && handedIn === 0)
      this.#wrong("block-submitted", `${hash} did not reach its template's source`);
    const found = solutions[0];
    if (handedIn !== 1 || found === undefined || hash === null || job === null) return;
    channel.handedIn(hash);
    this.#pool.world.reach(accepted === 1 ? "block accepted-share" : `block ${rejected[0]}`);
    const { templateId, version, headerTimestamp, headerNonce, coinbaseTx } = found.solution;
    this.#judgePayout(channel, hash, stripCoinbaseWitness(coinbaseTx));
    const issued = this.#pool.chain.find(templateId);
    if (issued !== undefined) {
      const root = merkleRoot(sha256d(stripCoinbaseWitness(coinbaseTx)), issued.template.merklePath);
      const { prevHash, nbits } = issued.tip;
      const header = { version, prevHash, merkleRoot: root, ntime: headerTimestamp, nbits };
      const solved = internalToDisplay(new HeaderHasher(header).hash(headerNonce));
      if (solved !== hash || issued.template.sourceId !== found.sourceId) {
        this.#wrong("block-submitted", `the solution for ${hash} is of ${solved}`);
      }
    }
    const ready = issued?.state === "ready";
    for (const { name } of this.#pool.nodes) {
      if (ready && !attempts.has(`${name} ${hash}`)) {
        this.#wrong("block-submitted", `${hash} (nonce ${submission.nonce}) did not go to ${name} at once`);
      }
    }
    this.#pool.onBlock(hash, issued, attempts);
  }

  /** Whatever its channel's kind, and however late it came, a block pays the user of the channel that found it. */
  #judgePayout({ fields: { identity, id } }: NaiveChannel, hash: string, coinbaseTx: Uint8Array): void {
    const scriptSig = 4 + 1 + 36;
    const suffix = coinbaseTx.subarray(scriptSig + 1 + coinbaseTx[scriptSig]!);
    const fault = wrongPayout(suffix, identity, this.#pool.limits);
    if (fault !== null) this.#wrong("pays-finder", `block ${hash} of channel ${id} ${fault}`);
    if (identity.solo === true) this.#pool.world.reach("block solo");
  }

  #wasOpen(channelId: number): boolean {
    const { nextChannelId } = this.#connection;
    return channelId > GROUP && channelId < nextChannelId && this.#connection.groupOf(channelId).length === 0;
  }

  #oneOf({ sent }: FrameEffects, names: readonly string[]): void {
    if (sent.length !== 1 || !names.includes(sent[0]!)) {
      this.#wrong("protocol", `wanted ${names.join(" or ")}, got [${sent.join(", ")}]`);
    }
  }

  #nothingSent(what: string, { sent, accepted }: FrameEffects): void {
    if (sent.length + accepted > 0) this.#wrong("protocol", `${what} was answered by ${sent.join(", ")}`);
  }

  #mustEnd(why: string): void {
    if (this.#connection.ended === null) this.#wrong("protocol", `${why} left the connection open`);
  }

  #wrong(invariant: InvariantName, detail: string): void {
    this.#pool.world.violate(invariant, `connection ${this.#connection.id}: ${detail}`);
  }
}

function isRate(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
