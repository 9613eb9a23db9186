const OP_PUSHDATA1 = 0x4c;
const OP_PUSHDATA4 = 0x4e;
const OP_CHECKSIG = 0xac;
const OP_CHECKSIGVERIFY = 0xad;
const OP_CHECKMULTISIG = 0xae;
const OP_CHECKMULTISIGVERIFY = 0xaf;
/** Keys of an OP_CHECKMULTISIG whose number is not looked at (Bitcoin Core's MAX_PUBKEYS_PER_MULTISIG). */
const MOST_KEYS = 20;
/** Cost of a sigop outside witnesses (BIP141, WITNESS_SCALE_FACTOR). */
const LEGACY_SIGOP_COST = 4;

/**
 * Sigop cost that an output with this script adds to its transaction (BIP141), as Bitcoin Core counts it for a coinbase:
 * 4 for P2PKH and P2PK, 80 for a bare multisig of any size, 0 for P2SH and witness programs. A push that runs past the
 * end of the script ends the count.
 */
export function sigopCostOfOutput(script: Uint8Array): number {
  let sigops = 0;
  for (let at = 0; at < script.length; ) {
    const opcode = script[at++] ?? 0;
    if (opcode <= OP_PUSHDATA4) {
      const sizeBytes = opcode < OP_PUSHDATA1 ? 0 : 1 << (opcode - OP_PUSHDATA1);
      let size = opcode < OP_PUSHDATA1 ? opcode : 0;
      if (at + sizeBytes > script.length) break;
      for (let index = sizeBytes - 1; index >= 0; index--) size = size * 256 + (script[at + index] ?? 0);
      at += sizeBytes + size;
      if (at > script.length) break;
    } else if (opcode === OP_CHECKSIG || opcode === OP_CHECKSIGVERIFY) {
      sigops += 1;
    } else if (opcode === OP_CHECKMULTISIG || opcode === OP_CHECKMULTISIGVERIFY) {
      sigops += MOST_KEYS;
    }
  }
  return sigops * LEGACY_SIGOP_COST;
}
