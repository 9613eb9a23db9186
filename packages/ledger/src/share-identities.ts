import { ShareCodecError } from "./share-codec-error.ts";

const { malformed, trailing } = ShareCodecError;

/** An entry of the dictionary of identities. */
export interface DecodedIdentity {
  readonly payoutScript: Uint8Array;
  readonly worker: string;
  /** 0 in layout 1, where it stands in the row. */
  readonly feeClass: number;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the dictionary of identities, which both layouts have; layout 2 puts the fee class in front of each. */
export class IdentityReader {
  readonly #payload: Uint8Array;
  readonly #view: DataView;
  readonly #end: number;
  readonly #withClass: boolean;

  /** @param end offset behind the section, inside the payload */
  constructor(payload: Uint8Array, view: DataView, end: number, withClass: boolean) {
    this.#payload = payload;
    this.#view = view;
    this.#end = end;
    this.#withClass = withClass;
  }

  /** @throws {ShareCodecError} `malformed`, `trailing-bytes` */
  readAll(count: number, start: number): DecodedIdentity[] {
    const payload = this.#payload;
    const identities: DecodedIdentity[] = [];
    const seen = new Set<string>();
    let offset = start;
    for (let i = 0; i < count; i++) {
      const script = offset + (this.#withClass ? 1 : 0);
      if (this.#end - script < 2) throw malformed("identities", offset);
      const scriptEnd = script + 2 + this.#view.getUint16(script, true);
      if (this.#end - scriptEnd < 1) throw malformed("payoutScript", script);
      const workerEnd = scriptEnd + 1 + this.#view.getUint8(scriptEnd);
      if (workerEnd > this.#end) throw malformed("worker", scriptEnd);
      const content = Buffer.from(payload.buffer, payload.byteOffset + offset, workerEnd - offset);
      const key = content.toString("latin1");
      if (seen.has(key)) throw malformed("identities", offset);
      seen.add(key);
      identities.push({
        payoutScript: payload.slice(script + 2, scriptEnd),
        worker: readWorker(payload.subarray(scriptEnd + 1, workerEnd), scriptEnd),
        feeClass: this.#withClass ? payload[offset]! : 0,
      });
      offset = workerEnd;
    }
    if (offset !== this.#end) throw trailing(offset);
    return identities;
  }
}

function readWorker(bytes: Uint8Array, offset: number): string {
  let worker: string;
  try {
    worker = utf8.decode(bytes);
  } catch {
    throw malformed("worker", offset);
  }
  if (worker.includes("\0")) throw malformed("worker", offset);
  return worker;
}
