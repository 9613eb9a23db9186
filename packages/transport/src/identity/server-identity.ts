import { type Clock, CodedError, type Random } from "@lode/ports";
import { loadCurve } from "../curve/load-curve.ts";
import {
  type AuthorityKey,
  generateStaticIdentity,
  keypairFromSecret,
  type StaticIdentity,
} from "../keys/keypair.ts";
import { signCertificate } from "./certificate.ts";

/** What {@link ServerIdentity.create} takes. */
export interface ServerIdentityOptions {
  /** 32 bytes, big-endian. */
  readonly authoritySecret: Uint8Array;
  readonly random: Random;
  readonly clock: Pick<Clock, "now">;
  /** How long a certificate stays valid from now; at least {@link MIN_VALIDITY_SECONDS}. Default: a day. */
  readonly validitySeconds?: number;
}

/** Shorter certificates would expire under a miner's slow handshake. */
export const MIN_VALIDITY_SECONDS = 60;
const DEFAULT_VALIDITY_SECONDS = 86_400;
/** Miners without network time run late; their clock must not make a fresh certificate look like one from the future. */
const BACKDATE_SECONDS = 3_600;
const MAX_U32 = 0xffff_ffff;

/**
 * A server's proof of itself: one static key for the life of the process and a certificate for it, signed once per period
 * and renewed at half its validity, so that a miner whose clock runs ahead by the other half still accepts it.
 */
export class ServerIdentity {
  readonly staticKey: StaticIdentity;
  /** x-only, 32 bytes: what miners configure. */
  readonly authorityKey: Uint8Array;
  readonly #authority: AuthorityKey;
  readonly #random: Random;
  readonly #clock: Pick<Clock, "now">;
  readonly #validitySeconds: number;
  #certificate: Uint8Array;
  #signedAt: number;

  /**
   * Draws a static key and signs its first certificate.
   *
   * @throws KeyError for an impossible secret, CodedError `invalid-validity`
   */
  static create(options: ServerIdentityOptions): ServerIdentity {
    return new ServerIdentity(options);
  }

  private constructor(options: ServerIdentityOptions) {
    const validitySeconds = options.validitySeconds ?? DEFAULT_VALIDITY_SECONDS;
    if (!Number.isInteger(validitySeconds) || validitySeconds < MIN_VALIDITY_SECONDS) {
      throw new CodedError({ code: "invalid-validity", validitySeconds } as const);
    }
    this.#authority = keypairFromSecret(options.authoritySecret);
    this.authorityKey = this.#authority.publicKey;
    this.#random = options.random;
    this.#clock = options.clock;
    this.#validitySeconds = validitySeconds;
    this.staticKey = generateStaticIdentity(loadCurve(), options.random);
    this.#signedAt = this.#now();
    this.#certificate = this.#sign(this.#signedAt);
  }

  /** The certificate to send now, 74 bytes. Also renewed when the wall clock stepped back. */
  certificate(): Uint8Array {
    const now = this.#now();
    if (now < this.#signedAt || now >= this.#signedAt + this.#validitySeconds / 2) {
      this.#certificate = this.#sign(now);
      this.#signedAt = now;
    }
    return this.#certificate;
  }

  #now(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  #sign(now: number): Uint8Array {
    const validFrom = Math.max(0, now - BACKDATE_SECONDS);
    const notValidAfter = Math.min(MAX_U32, now + this.#validitySeconds);
    return signCertificate(
      this.#authority.secretKey,
      this.staticKey.publicKey,
      validFrom,
      notValidAfter,
      this.#random,
    );
  }
}
