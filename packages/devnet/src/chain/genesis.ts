import { createHash } from "node:crypto";
import { Block } from "bitcoinjs-lib";
import type { Coin } from "./coins.ts";
import { outpointKey } from "./coins.ts";
import type { ChainParameters } from "./parameters.ts";
import { ANYONE_CAN_SPEND } from "./spend-rules.ts";

/** Regtest's block 0, so that every check of the network's genesis passes. */
export function genesisBlock(): Block {
  return Block.fromHex(
    `0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3\
888a51323a9fb8aa4b1e5e4adae5494dffff7f20020000000101000000010000000000000000000000000000000000000000000000000000000000\
000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f\
66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105c\
d6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000`,
  );
}

/** The coins that exist before block 1; see {@link ChainParameters.faucetCoins}. */
export function* faucetCoins(parameters: ChainParameters): Generator<[outpoint: string, coin: Coin]> {
  const txid = new Uint8Array(createHash("sha256").update("lode devnet faucet").digest());
  for (let index = 0; index < parameters.faucetCoins; index++) {
    yield [
      outpointKey(txid, index),
      { value: parameters.faucetCoinValue, script: ANYONE_CAN_SPEND, height: 0, coinbase: false },
    ];
  }
}
