import type { extensionsNegotiation } from "@lode/protocol";

/** What a server offers through extension 0x0001. Order of `supported` is the order of answers. */
export interface ExtensionPolicy {
  readonly supported: readonly number[];
  /** A subset of `supported`: clients that do not ask for all of them are disconnected (0x0001, 4.6). */
  readonly required: readonly number[];
}

/** No extension but the negotiation itself. */
export const noExtensions: ExtensionPolicy = { supported: [], required: [] };

/** The answer to a RequestExtensions. */
export type ExtensionsAnswer =
  | { readonly ok: true; readonly fields: extensionsNegotiation.RequestExtensionsSuccess }
  | { readonly ok: false; readonly fields: extensionsNegotiation.RequestExtensionsError };

/**
 * Server side of one connection's extension negotiation (0x0001). A refused client may ask again; a granted request is
 * final, and so is everything once the client has begun with other messages.
 */
export class ExtensionNegotiation {
  readonly #policy: ExtensionPolicy;
  #granted: ReadonlySet<number> = new Set();
  #sealed = false;

  constructor(policy: ExtensionPolicy) {
    this.#policy = policy;
  }

  /** Extensions both sides may use from now on. */
  get granted(): ReadonlySet<number> {
    return this.#granted;
  }

  /**
   * Called when a message other than RequestExtensions arrives: nothing can be negotiated any more. False: the client did
   * not ask for what is required and MUST be disconnected.
   */
  seal(): boolean {
    this.#sealed = true;
    return this.#policy.required.every((extension) => this.#granted.has(extension));
  }

  /** Judges a request. After {@link ExtensionNegotiation.seal} everything is refused. */
  request({ requestId, requestedExtensions }: extensionsNegotiation.RequestExtensions): ExtensionsAnswer {
    const requested = new Set(requestedExtensions);
    const supported = this.#sealed
      ? []
      : this.#policy.supported.filter((extension) => requested.has(extension));
    const missing = this.#policy.required.filter((extension) => !requested.has(extension));
    if (supported.length > 0 && missing.length === 0) {
      this.#granted = new Set(supported);
      return { ok: true, fields: { requestId, supportedExtensions: supported } };
    }
    const unsupported = [...requested].filter((extension) => !supported.includes(extension));
    return {
      ok: false,
      fields: { requestId, unsupportedExtensions: unsupported, requiredExtensions: missing },
    };
  }
}
