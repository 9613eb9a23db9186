import {
  bip34Push,
  merklePath,
  serializeOutput,
  targetFromNbits,
  targetToBytes,
  witnessCommitmentScript,
} from "@lode/bitcoin";
import type { templateDistribution } from "@lode/protocol";
import type { ProvidedTemplate } from "@lode/roles";
import type { BlockTemplate, TemplateTransaction } from "./block-template.ts";

/** Room a client needs for its coinbase outputs (SV2 7.1). */
export interface CoinbaseConstraints {
  /** Serialized bytes. */
  readonly maxAdditionalSize: number;
  /** Sigop cost of the outputs (BIP141): four for each legacy sigop. */
  readonly maxAdditionalSigops: number;
}

/** Weight of header, counts, coinbase frame and witness commitment of a segwit block (SV2 7.1). */
const FIXED_WEIGHT = 1_168;
const WITNESS_SCALE = 4;

/**
 * Turns a node's block template into SV2 messages for one set of constraints. Transactions that would leave too little
 * room are dropped from the end, which never breaks a dependency (BIP22 lists parents first); their fees leave the value
 * and the witness commitment is computed anew.
 */
export function buildTemplate(
  source: BlockTemplate,
  templateId: bigint,
  constraints: CoinbaseConstraints,
): ProvidedTemplate {
  const kept = fitTransactions(source, constraints);
  const trimmed = kept.length < source.transactions.length;
  const dropped = source.transactions.slice(kept.length);
  const commitment =
    source.witnessCommitment !== null && trimmed
      ? witnessCommitmentScript(kept.map(({ wtxid }) => wtxid))
      : source.witnessCommitment;
  return {
    message: {
      templateId,
      futureTemplate: false,
      version: source.version,
      coinbaseTxVersion: 2,
      coinbasePrefix: bip34Push(source.height),
      coinbaseTxInputSequence: 0xffff_fffe,
      coinbaseTxValueRemaining: source.coinbaseValue - dropped.reduce((sum, { fee }) => sum + fee, 0n),
      coinbaseTxOutputsCount: commitment === null ? 0 : 1,
      coinbaseTxOutputs: commitment === null ? new Uint8Array() : serializeOutput(0n, commitment),
      // BIP54: height - 1, so that no coinbase can repeat another's txid.
      coinbaseTxLocktime: Math.max(source.height - 1, 0),
      merklePath: merklePath(kept.map(({ txid }) => txid)),
    },
    transactions: kept.map(({ data }) => data),
  };
}

/** The SetNewPrevHash that activates `templateId` on the template's tip. */
export function buildPrevHash(
  source: BlockTemplate,
  templateId: bigint,
): templateDistribution.SetNewPrevHash {
  return {
    templateId,
    prevHash: source.previousBlockHash,
    headerTimestamp: Math.max(source.curtime, source.mintime),
    nbits: source.bits,
    target: targetToBytes(targetFromNbits(source.bits)),
  };
}

function fitTransactions(
  source: BlockTemplate,
  constraints: CoinbaseConstraints,
): readonly TemplateTransaction[] {
  const count = source.transactions.length;
  let weight = source.transactions.reduce((sum, transaction) => sum + transaction.weight, 0);
  let sigops = source.transactions.reduce((sum, transaction) => sum + transaction.sigops, 0);
  const weightRoom = source.weightLimit - FIXED_WEIGHT - WITNESS_SCALE * constraints.maxAdditionalSize;
  const sigopRoom = source.sigopLimit - constraints.maxAdditionalSigops;
  let keep = count;
  while (keep > 0 && (weight > weightRoom || sigops > sigopRoom)) {
    keep -= 1;
    weight -= source.transactions[keep]?.weight ?? 0;
    sigops -= source.transactions[keep]?.sigops ?? 0;
  }
  return keep === count ? source.transactions : source.transactions.slice(0, keep);
}
