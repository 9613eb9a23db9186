import {
  type ParamWriter,
  writeBoolean,
  writeHashes,
  writeHex,
  writeHexU32,
  writeNumber,
  writeSwappedHash,
  writeText,
} from "./param-types.ts";

/** One parameter of a notification. */
export interface Sv1ServerParam<T> {
  readonly writer: ParamWriter<T>;
  /** What it means, for the documentation. */
  readonly means: string;
}

/** A notification that servers send. */
export interface Sv1ServerMethod {
  readonly method: string;
  /** In the order of the message. */
  readonly params: Readonly<Record<string, Sv1ServerParam<never>>>;
  /** When it is sent, for the documentation. */
  readonly sent: string;
}

/** The values of a notification, by name. */
export type Sv1ServerValues<M extends Sv1ServerMethod> = {
  readonly [K in keyof M["params"]]: M["params"][K] extends Sv1ServerParam<infer T> ? T : never;
};

const param = <T>(writer: ParamWriter<T>, means: string): Sv1ServerParam<T> => ({ writer, means });

/** What servers send without being asked. */
export const serverMethods = {
  setDifficulty: {
    method: "mining.set_difficulty",
    params: {
      difficulty: param(writeNumber, "of shares for the jobs that follow; 1 is 0x00000000ffff0000…"),
    },
    sent: "before the first job, and before each job whose target is another",
  },
  notify: {
    method: "mining.notify",
    params: {
      jobId: param(writeText, "names the job in `mining.submit`"),
      prevHash: param(writeSwappedHash, "hash of the block before"),
      coinbase1: param(writeHex, "coinbase transaction without BIP141 fields, up to extranonce1"),
      coinbase2: param(writeHex, "the rest of it, from behind extranonce2"),
      merklePath: param(writeHashes, "deepest first"),
      version: param(writeHexU32, "header version"),
      nbits: param(writeHexU32, "header nbits"),
      ntime: param(writeHexU32, "header time to start from, seconds"),
      cleanJobs: param(writeBoolean, "true: all earlier jobs are over"),
    },
    sent: "with every job, and again where nothing was sent for long",
  },
  setVersionMask: {
    method: "mining.set_version_mask",
    params: { mask: param(writeHexU32, "version bits that may be rolled from now on") },
    sent: "only to miners that asked for version rolling, when the mask changes",
  },
  showMessage: {
    method: "client.show_message",
    params: { text: param(writeText, "for the device's owner") },
    sent: "before a connection is closed that the owner can mend something about",
  },
} as const satisfies Readonly<Record<string, Sv1ServerMethod>>;
