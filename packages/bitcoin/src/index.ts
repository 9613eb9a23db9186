export {
  AddressError,
  type AddressErrorType,
  addressOfScript,
  type ParsedAddress,
  parseAddress,
} from "./address.ts";
export { bip34Push, HeightError, type HeightErrorType, heightFromBip34 } from "./bip34.ts";
export { assembleBlock } from "./block.ts";
export { concatBytes, equalBytes } from "./bytes.ts";
export {
  buildCoinbase,
  CoinbaseError,
  type CoinbaseErrorType,
  type CoinbaseParts,
  coinbaseWithWitness,
  MAX_COINBASE_SCRIPT_SIG,
  MIN_COINBASE_SCRIPT_SIG,
  type SplitCoinbase,
  serializeOutput,
  stripCoinbaseWitness,
} from "./coinbase.ts";
export {
  coinbaseOfBlock,
  TransactionBytesError,
  type TransactionOutput,
  transactionOutputs,
} from "./coinbase-outputs.ts";
export {
  CompactSizeError,
  type CompactSizeErrorType,
  encodeCompactSize,
  readCompactSize,
} from "./compact-size.ts";
export { ecc, installEcc } from "./ecc.ts";
export {
  displayToInternal,
  HashError,
  type HashErrorType,
  type InternalHash,
  internalToDisplay,
} from "./hashes.ts";
export {
  BLOCK_HEADER_SIZE,
  type BlockHeader,
  blockHash,
  HeaderError,
  type HeaderErrorType,
  parseHeader,
  serializeHeader,
} from "./header.ts";
export { merklePath, merkleRoot } from "./merkle.ts";
export { contradictsNetwork } from "./network-of-tip.ts";
export { type NetworkName, type NetworkParameters, networkNames, networks } from "./networks.ts";
export { type ScriptSpender, scriptSpender } from "./script-spender.ts";
export { sha256d } from "./sha256d.ts";
export { sigopCostOfOutput } from "./sigops.ts";
export { subsidyAt } from "./subsidy.ts";
export {
  bytesToTarget,
  type CompactTarget,
  DIFF1_TARGET,
  DIFF1_WORK,
  decodeCompactTarget,
  maxTarget,
  nbitsFromTarget,
  TargetError,
  type TargetErrorType,
  targetFromNbits,
  targetToBytes,
} from "./targets.ts";
export {
  coinbaseForBlock,
  hasWitnessCommitment,
  WITNESS_COMMITMENT_HEADER,
  witnessCommitmentScript,
} from "./witness-commitment.ts";
export {
  difficultyOfTarget,
  hashrateFromTarget,
  RateError,
  type RateErrorType,
  targetFromHashrate,
  workOfTarget,
} from "./work.ts";
