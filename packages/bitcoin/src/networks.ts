/** The Bitcoin networks Lode runs on. */
export type NetworkName = "mainnet" | "testnet" | "testnet4" | "signet" | "regtest";

/** What tells one network's addresses and nodes from another's. */
export interface NetworkParameters {
  /** Human-readable part of its segwit addresses (BIP173). */
  bech32: string;
  /** Base58 version byte of P2PKH addresses. */
  pubKeyHash: number;
  /** Base58 version byte of P2SH addresses. */
  scriptHash: number;
  /** `chain` in the node's getblockchaininfo. */
  chain: string;
  /** Hash of block 0, as displayed. Custom signets share the public signet's. */
  genesis: string;
  /** Blocks between two halvings of the subsidy. */
  halvingInterval: number;
  /** Easiest target a block may have (Bitcoin Core's powLimit), compact. */
  powLimit: number;
}

const TEST_PREFIXES = { bech32: "tb", pubKeyHash: 0x6f, scriptHash: 0xc4 };

/** Parameters of every network. testnet, testnet4 and signet share their address prefixes. */
export const networks: Readonly<Record<NetworkName, NetworkParameters>> = {
  mainnet: {
    bech32: "bc",
    pubKeyHash: 0x00,
    scriptHash: 0x05,
    chain: "main",
    genesis: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    powLimit: 0x1d00_ffff,
    halvingInterval: 210_000,
  },
  testnet: {
    ...TEST_PREFIXES,
    chain: "test",
    genesis: "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943",
    powLimit: 0x1d00_ffff,
    halvingInterval: 210_000,
  },
  testnet4: {
    ...TEST_PREFIXES,
    chain: "testnet4",
    genesis: "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043",
    powLimit: 0x1d00_ffff,
    halvingInterval: 210_000,
  },
  signet: {
    ...TEST_PREFIXES,
    chain: "signet",
    genesis: "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6",
    powLimit: 0x1e03_77ae,
    halvingInterval: 210_000,
  },
  regtest: {
    bech32: "bcrt",
    pubKeyHash: 0x6f,
    scriptHash: 0xc4,
    chain: "regtest",
    genesis: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
    powLimit: 0x207f_ffff,
    halvingInterval: 150,
  },
};

/** All network names, for configuration and messages. */
export const networkNames = Object.keys(networks) as NetworkName[];
