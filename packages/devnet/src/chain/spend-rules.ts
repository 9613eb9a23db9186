import { createHash } from "node:crypto";
import { concatBytes, ecc, equalBytes } from "@lode/bitcoin";
import { crypto, script as scripts, Transaction } from "bitcoinjs-lib";
import type { Coin } from "./coins.ts";

/** Witness script that anyone can satisfy: OP_TRUE. */
export const TRUE_SCRIPT = Uint8Array.of(0x51);
/** P2WSH output of {@link TRUE_SCRIPT}: money of the synthetic traffic and of tests. */
export const ANYONE_CAN_SPEND = concatBytes(
  Uint8Array.of(0x00, 0x20),
  new Uint8Array(createHash("sha256").update(TRUE_SCRIPT).digest()),
);

/**
 * Checks the witnesses of a transaction against what it spends. No script interpreter: it knows P2WPKH, P2TR by key and
 * P2WSH of OP_TRUE, with SIGHASH_ALL or the default, and refuses everything else.
 *
 * @param coins the outputs spent, in input order
 * @returns null when every input is satisfied, else why one is not
 */
export function checkSpends(tx: Transaction, coins: readonly Coin[]): string | null {
  for (let index = 0; index < coins.length; index++) {
    const reason = checkSpend(tx, index, coins);
    if (reason !== null) return reason;
  }
  return null;
}

function checkSpend(tx: Transaction, index: number, coins: readonly Coin[]): string | null {
  const { script, value } = coins[index] as Coin;
  const { witness, script: scriptSig } = tx.ins[index] as Transaction["ins"][number];
  // BIP141: native witness programs leave the scriptSig empty.
  if (scriptSig.length > 0) return "Witness requires empty scriptSig";
  if (equalBytes(script, ANYONE_CAN_SPEND)) {
    const satisfied = witness.length === 1 && equalBytes(witness[0] as Uint8Array, TRUE_SCRIPT);
    return satisfied ? null : "Witness program hash mismatch";
  }
  if (script.length === 22 && script[0] === 0x00) return checkKeyHash(tx, index, script.subarray(2), value);
  if (script.length === 34 && script[0] === 0x51) return checkTaprootKey(tx, index, coins);
  return "Script type not supported by this chain";
}

/** BIP143 spend of a P2WPKH output. */
function checkKeyHash(tx: Transaction, index: number, keyHash: Uint8Array, value: bigint): string | null {
  const [signature, publicKey, ...rest] = tx.ins[index]?.witness ?? [];
  if (signature === undefined || publicKey === undefined || rest.length > 0) {
    return "Witness program hash mismatch";
  }
  if (!equalBytes(crypto.hash160(publicKey), keyHash)) return "Witness program hash mismatch";
  const scriptCode = concatBytes(Uint8Array.of(0x76, 0xa9, 0x14), keyHash, Uint8Array.of(0x88, 0xac));
  try {
    const { signature: compact, hashType } = scripts.signature.decode(signature);
    if (hashType !== Transaction.SIGHASH_ALL) return "Signature hash type not supported by this chain";
    const digest = tx.hashForWitnessV0(index, scriptCode, value, hashType);
    return ecc.verify(digest, publicKey, compact)
      ? null
      : "Signature must be zero for failed CHECK(MULTI)SIG operation";
  } catch {
    return "Non-canonical DER signature";
  }
}

/** BIP341 key path spend. */
function checkTaprootKey(tx: Transaction, index: number, coins: readonly Coin[]): string | null {
  const [signature, ...rest] = tx.ins[index]?.witness ?? [];
  if (signature === undefined || rest.length > 0) return "Taproot script path not supported by this chain";
  const hashType = signature.length === 65 ? signature[64] : Transaction.SIGHASH_DEFAULT;
  if (signature.length !== 64 && hashType !== Transaction.SIGHASH_ALL)
    return "Invalid Schnorr signature hash type";
  const digest = tx.hashForWitnessV1(
    index,
    coins.map((coin) => coin.script),
    coins.map((coin) => coin.value),
    hashType as number,
  );
  const key = (coins[index] as Coin).script.subarray(2);
  return ecc.verifySchnorr(digest, key, signature.subarray(0, 64)) ? null : "Invalid Schnorr signature";
}

/** Signature operations of spending these outputs, in cost units: one for a key hash, none for the other types. */
export function witnessSigops(coins: readonly Coin[]): number {
  return coins.filter(({ script }) => script.length === 22 && script[0] === 0x00).length;
}
