/** Mining clients modelled on their sources: strict about what those are strict about, mining for real on easy targets. */
export { Bitaxe, type BitaxeOptions } from "./bitaxe.ts";
export { BraiinsOs, type BraiinsOsOptions } from "./braiins-os.ts";
export { NerdQAxe, type NerdQAxeOptions } from "./nerdqaxe.ts";
export { PeerComplaint, type PeerOptions, ScriptedPeer } from "./peer.ts";
export { ReferenceTranslator } from "./reference-translator.ts";
export type { ReferenceTranslatorOptions } from "./reference-translator-options.ts";
export { Scale } from "./scale.ts";
export { ShareBook } from "./share-book.ts";
export { Sv1Miner } from "./translator-miner.ts";
export { isSafeTarget } from "./whole-difficulty.ts";
