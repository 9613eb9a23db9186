/** A pool under comparison: a process of its own, fed by a template server of ours. */
export interface MeasuredServer {
  readonly pid: number;
  readonly port: number;
  readonly authorityKey: Uint8Array;
  /** What its miners call themselves. */
  readonly userIdentity: string;
  /** Shares it answers together, and not before there are so many. */
  readonly answeredTogether: number;
  /** Frees what it can, where it can be asked to; what its runtime says is in use then, bytes, or 0 where it does not say. */
  collect(): Promise<number>;
  stop(): Promise<void>;
}
