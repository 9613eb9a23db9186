import {
  boundText,
  cutText,
  difficulty,
  hexBytes,
  hexU32,
  names,
  optionalHexU32,
  type ParamType,
  record,
  target,
} from "./param-types.ts";

/** One parameter of a method. */
export interface Sv1Param<T> {
  readonly type: ParamType<T>;
  /** What it means, for the documentation. */
  readonly means: string;
}

/** A method that miners call. */
export interface Sv1ClientMethod {
  /** As it stands in the message. */
  readonly method: string;
  /** In the order of the message. */
  readonly params: Readonly<Record<string, Sv1Param<unknown>>>;
  /** What the answer's `result` is, for the documentation. */
  readonly result: string;
  /** Where it is described. */
  readonly source: string;
}

/** The parameters of a method, by name. */
export type Sv1Params<M extends Sv1ClientMethod> = {
  readonly [K in keyof M["params"]]: M["params"][K] extends Sv1Param<infer T> ? T : never;
};

const param = <T>(type: ParamType<T>, means: string): Sv1Param<T> => ({ type, means });

/** Bytes of the longest extranonce (SV2 3.1, B0_32). */
const MAX_EXTRANONCE = 32;
/** Characters of names, as SV2's STR0_255 that they become has bytes. */
const MAX_NAME = 255;

/** What miners call, as real firmware does. Everything else gets an error and is no fault. */
export const clientMethods = {
  configure: {
    method: "mining.configure",
    params: {
      extensions: param(names, "extensions that are asked for"),
      parameters: param(record, "their parameters, each named extension.parameter"),
    },
    result:
      "object: `version-rolling` and `version-rolling.mask`, and false for each extension that is not granted",
    source: "BIP310",
  },
  subscribe: {
    method: "mining.subscribe",
    params: {
      userAgent: param(cutText(MAX_NAME), "name and version of the firmware"),
      sessionId: param(cutText(MAX_NAME), "session to take up again; taken and not used"),
    },
    result: '`[[["mining.notify", id]], extranonce1, extranonce2_size]`',
    source: "Slush 2012",
  },
  authorize: {
    method: "mining.authorize",
    params: {
      user: param(boundText(MAX_NAME), "who is paid, and the machine's name: `ADDRESS.WORKER`"),
      password: param(cutText(MAX_NAME), "may carry `d=DIFFICULTY`"),
    },
    result: "true",
    source: "Slush 2012",
  },
  submit: {
    method: "mining.submit",
    params: {
      worker: param(boundText(MAX_NAME), "the name that was authorized"),
      jobId: param(boundText(64), "`job_id` of the notify"),
      extranonce2: param(hexBytes(MAX_EXTRANONCE), "the miner's part of the extranonce"),
      ntime: param(hexU32, "header time"),
      nonce: param(hexU32, "header nonce"),
      versionBits: param(optionalHexU32, "version bits under the mask (BIP310)"),
    },
    result: "true, or an error of codes 20 to 25",
    source: "Slush 2012, BIP310",
  },
  extranonceSubscribe: {
    method: "mining.extranonce.subscribe",
    params: {},
    result: "true",
    source: "NiceHash 2014",
  },
  suggestDifficulty: {
    method: "mining.suggest_difficulty",
    params: {
      difficulty: param(difficulty, "wish; also inside the method: `mining.suggest_difficulty(512)`"),
    },
    result: "true",
    source: "Slush 2012",
  },
  suggestTarget: {
    method: "mining.suggest_target",
    params: { target: param(target, "wish") },
    result: "true",
    source: "BIP310, cgminer",
  },
  ping: { method: "mining.ping", params: {}, result: '`"pong"`', source: "ckpool" },
} as const satisfies Readonly<Record<string, Sv1ClientMethod>>;

/** A key of {@link clientMethods}. */
export type Sv1MethodName = keyof typeof clientMethods;
