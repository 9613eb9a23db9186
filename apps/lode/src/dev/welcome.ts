/** What a person reads when everything runs. */
export interface Welcome {
  readonly endpoint: string;
  /** `stratum+tcp://host:port` */
  readonly sv1Endpoint: string;
  readonly host: string;
  readonly port: number;
  readonly authorityPublicKey: string;
  readonly exampleAddress: string;
  readonly chain: string;
  readonly database: string;
  readonly dataDir: string;
  readonly nativeBackend: string;
  readonly handshakeBackend: string;
}

/** The text behind the start: where the pool is, and three ways to connect a miner to it. */
export function welcomeText(info: Welcome): string {
  return `
Lode is running.

  endpoint       ${info.endpoint}
  Stratum V1     ${info.sv1Endpoint}
  authority key  ${info.authorityPublicKey}
  chain          ${info.chain}
  database       ${info.database}
  data           ${info.dataDir}
  native         ${info.nativeBackend}, handshakes by ${info.handshakeBackend}

Connect a miner, in one of three ways:

  1. Firmware that takes an SV2 URL (BraiinsOS and others):
       ${info.endpoint}
  2. Firmware that asks for the parts (Bitaxe, NerdQAxe):
       host ${info.host}   port ${info.port}   authority public key ${info.authorityPublicKey}
  3. Stratum V1 hardware (Antminer, Whatsminer, Avalon, NerdMiner and all others):
       ${info.sv1Endpoint}   any password

  The user name is ADDRESS.WORKER, for example ${info.exampleAddress}.rig1
  Miners on other machines need --listen 0.0.0.0:${info.port}

Ctrl-C stops. A next start continues from the same data.
`;
}
