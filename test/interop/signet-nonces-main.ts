import { sha256d } from "@lode/bitcoin";
import { SIGNET_GENESIS, signetCandidate } from "./signet-blocks.ts";

// Finds the nonces of the prepared signet chain anew and prints them: needed when a block's make-up changes.
// 110 blocks take half a billion hashes, one to two minutes.

const BLOCKS = 110;
const NONCE_OFFSET = 76;

let previous = SIGNET_GENESIS;
for (let height = 1; height <= BLOCKS; height++) {
  const { header } = signetCandidate(height, previous);
  const view = new DataView(header.buffer);
  for (let nonce = 0; ; nonce++) {
    view.setUint32(NONCE_OFFSET, nonce, true);
    const hash = sha256d(header);
    if (hash[31] === 0 && hash[30] === 0 && meets(hash)) {
      previous = hash;
      process.stdout.write(`${nonce},\n`);
      break;
    }
  }
}

/** The network's target is 00000377ae and then zeros. */
function meets(hash: Uint8Array): boolean {
  return Buffer.from(hash).reverse().readUIntBE(0, 5) < 0x377ae;
}
