/** Bytes of a buffer that is used again: a job with its prevhash, or dozens of answers. */
const SPARE_SIZE = 4096;
/** As many connections may be written to in one turn without a fresh buffer; 4 MB in all. */
const MAX_SPARES = 1024;

const spares: Buffer[] = [];

/** A buffer of at least `size` bytes, not cleared: for ciphertext alone. */
export function takeStaging(size: number): Buffer {
  if (size > SPARE_SIZE) return Buffer.allocUnsafe(size);
  return spares.pop() ?? Buffer.allocUnsafeSlow(SPARE_SIZE);
}

/** Takes back a buffer that nobody looks at any more; only those of the common size are kept. */
export function returnStaging(buffer: Buffer): void {
  if (isReused(buffer) && spares.length < MAX_SPARES) spares.push(buffer);
}

/** Whether a buffer will be another connection's after its return. */
export function isReused(buffer: Buffer): boolean {
  return buffer.length === SPARE_SIZE;
}
