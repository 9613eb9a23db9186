import { secp256k1 } from "@noble/curves/secp256k1.js";
import { crypto } from "bitcoinjs-lib";
import { equalBytes } from "./bytes.ts";
import { ecc } from "./ecc.ts";
import { WITNESS_COMMITMENT_HEADER } from "./witness-commitment.ts";

/** Who can spend an output, as far as its script alone tells; `why` follows "the script ". */
export type ScriptSpender =
  | { readonly who: "key-holder" }
  | { readonly who: "anyone" | "nobody"; readonly why: string };

/** Consensus limits (Bitcoin Core, script/script.h). */
const MAX_SCRIPT_SIZE = 10_000;
const MAX_PUSH_SIZE = 520;
const MAX_OPCODES = 201;

const OP_RETURN = 0x6a;
const OP_CHECKMULTISIG = 0xae;
const SIGNATURE_CHECKS: ReadonlySet<number> = new Set([0xac, 0xad, 0xae, 0xaf]);
/** Opcodes that fail a script wherever they stand: OP_VERIF, OP_VERNOTIF and those disabled in 2010. */
const FORBIDDEN: ReadonlySet<number> = new Set([
  0x65, 0x66, 0x7e, 0x7f, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x8d, 0x8e, 0x95, 0x96, 0x97, 0x98, 0x99,
]);
/** OP_RESERVED, OP_VER, OP_RESERVED1, OP_RESERVED2: fail where they are run. */
const RESERVED: ReadonlySet<number> = new Set([0x50, 0x62, 0x89, 0x8a]);
/** The highest opcode with a meaning (OP_CHECKSIGADD is tapscript's alone). */
const LAST_OPCODE = 0xb9;

/** Scripts of one opcode that leave "true": what a test setup pays to. */
const TRIVIAL = Array.from({ length: 16 }, (_, n) => Uint8Array.of(0x51 + n));
const trivialScriptHashes = TRIVIAL.map((script) => crypto.hash160(script));
const trivialWitnessPrograms = TRIVIAL.map((script) => crypto.sha256(script));

/**
 * Tells scripts that pay somebody from those that burn an output or give it to whoever comes first. A script that asks for
 * a signature counts as somebody's; whether the keys are known to anyone cannot be seen.
 */
export function scriptSpender(script: Uint8Array): ScriptSpender {
  if (script.length > MAX_SCRIPT_SIZE) return nobody("is longer than any that can be spent");
  if (startsWith(script, WITNESS_COMMITMENT_HEADER))
    return nobody("is a witness commitment, which pays nobody and would stand in for the block's own");
  if (script[0] === OP_RETURN) return nobody("starts with OP_RETURN: the output is burnt");
  return ofWitnessProgram(script) ?? ofHash(script) ?? ofOpcodes(script);
}

function ofWitnessProgram(script: Uint8Array): ScriptSpender | undefined {
  const [opcode = 0xff, size = 0] = script;
  const isVersion = opcode === 0 || (opcode >= 0x51 && opcode <= 0x60);
  if (!isVersion || size < 2 || size > 40 || script.length !== size + 2) return undefined;
  const program = script.subarray(2);
  if (opcode === 0) {
    if (size !== 20 && size !== 32) return nobody("is a witness program of a length that version 0 lacks");
    if (trivialWitnessPrograms.some((hash) => equalBytes(hash, program)))
      return anyone("is the hash of a script that is always true");
    return isBlank(program) ? nobody("is the hash of no known key") : { who: "key-holder" };
  }
  if (opcode !== 0x51 || size !== 32) return anyone("is a witness program without rules so far");
  return ecc.isXOnlyPoint(program) ? { who: "key-holder" } : nobody("is a taproot key that is no point");
}

/** P2PKH and P2SH. */
function ofHash(script: Uint8Array): ScriptSpender | undefined {
  const isKeyHash = script.length === 25 && startsWith(script, [0x76, 0xa9, 0x14]) && script[24] === 0xac;
  const isScriptHash = script.length === 23 && startsWith(script, [0xa9, 0x14]) && script[22] === 0x87;
  if (!isKeyHash && !isScriptHash) return undefined;
  const hash = isKeyHash ? script.subarray(3, 23) : script.subarray(2, 22);
  if (isScriptHash && trivialScriptHashes.some((trivial) => equalBytes(trivial, hash)))
    return anyone("is the hash of a script that is always true");
  return isBlank(hash) ? nobody("is the hash of no known key or script") : { who: "key-holder" };
}

interface Step {
  readonly opcode: number;
  readonly push: Uint8Array | undefined;
}

function ofOpcodes(script: Uint8Array): ScriptSpender {
  const steps = readScript(script);
  if (steps === undefined) return nobody("is broken: a push runs past its end");
  if (steps.some(({ push }) => push !== undefined && push.length > MAX_PUSH_SIZE))
    return nobody(`pushes more than ${MAX_PUSH_SIZE} bytes at once`);
  if (steps.filter(({ opcode }) => opcode > 0x60).length > MAX_OPCODES)
    return nobody(`has more than ${MAX_OPCODES} opcodes`);
  let depth = 0;
  for (const { opcode } of steps) {
    if (opcode === 0x63 || opcode === 0x64) depth += 1;
    else if (opcode === 0x68) depth -= 1;
    if (depth < 0) return nobody("is broken: an OP_ENDIF without OP_IF");
    const fails = depth === 0 && (opcode === OP_RETURN || RESERVED.has(opcode) || opcode > LAST_OPCODE);
    if (fails || FORBIDDEN.has(opcode))
      return nobody(`always fails: it has opcode 0x${opcode.toString(16).padStart(2, "0")}`);
  }
  if (depth !== 0) return nobody("is broken: an OP_IF without OP_ENDIF");
  if (!steps.some(({ opcode }) => SIGNATURE_CHECKS.has(opcode))) return anyone("asks for no signature");
  return ofKeys(steps) ?? { who: "key-holder" };
}

/** Scripts that are keys and nothing else: P2PK and bare multisig. */
function ofKeys(steps: readonly Step[]): ScriptSpender | undefined {
  const pushes = steps.flatMap(({ push }) => (push === undefined ? [] : [push]));
  const [first, ...rest] = steps.map(({ opcode }) => opcode);
  const last = rest.at(-1);
  const isKey = steps.length === 2 && pushes.length === 1 && last === 0xac;
  const isMultisig = last === OP_CHECKMULTISIG && steps.length === pushes.length + 3;
  if (!isKey && !isMultisig) return undefined;
  const needed = isKey ? 1 : smallNumber(first);
  if (needed === undefined) return undefined;
  if (needed === 0) return anyone("asks for none of its signatures");
  return pushes.filter(isPublicKey).length < needed ? nobody("has keys that are no points") : undefined;
}

/** Opcodes and pushes; undefined when a push is longer than what is left. */
function readScript(script: Uint8Array): Step[] | undefined {
  const steps: Step[] = [];
  for (let at = 0; at < script.length; ) {
    const opcode = script[at++] ?? 0;
    if (opcode === 0 || opcode > 0x4e) {
      steps.push({ opcode, push: undefined });
      continue;
    }
    const sizeBytes = opcode < 0x4c ? 0 : 1 << (opcode - 0x4c);
    if (at + sizeBytes > script.length) return undefined;
    let size = sizeBytes === 0 ? opcode : 0;
    for (let index = sizeBytes - 1; index >= 0; index--) size = size * 256 + (script[at + index] ?? 0);
    at += sizeBytes + size;
    if (at > script.length) return undefined;
    steps.push({ opcode, push: script.subarray(at - size, at) });
  }
  return steps;
}

/** The number that OP_0 to OP_16 push. */
function smallNumber(opcode: number | undefined): number | undefined {
  if (opcode === 0) return 0;
  return opcode !== undefined && opcode >= 0x51 && opcode <= 0x60 ? opcode - 0x50 : undefined;
}

function isPublicKey(bytes: Uint8Array): boolean {
  // Hybrid keys (6, 7) are uncompressed ones with another first byte.
  const plain = bytes[0] === 6 || bytes[0] === 7 ? Uint8Array.of(4, ...bytes.subarray(1)) : bytes;
  try {
    secp256k1.Point.fromBytes(plain);
    return true;
  } catch {
    return false;
  }
}

/** A hash that somebody made up: all bytes are 0, or all are 255. */
function isBlank(hash: Uint8Array): boolean {
  return hash.every((byte) => byte === 0) || hash.every((byte) => byte === 0xff);
}

function startsWith(bytes: Uint8Array, start: ArrayLike<number>): boolean {
  return Array.from(start).every((byte, index) => bytes[index] === byte);
}

function nobody(why: string): ScriptSpender {
  return { who: "nobody", why };
}

function anyone(why: string): ScriptSpender {
  return { who: "anyone", why };
}
