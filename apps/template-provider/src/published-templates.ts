import type { ProvidedTemplate } from "@lode/roles";
import type { BlockTemplate } from "./block-template.ts";

/** A template that clients were told about, kept so that its block can be built. */
export interface PublishedTemplate extends ProvidedTemplate {
  readonly source: BlockTemplate;
}

/** Templates of one tip that are kept; older ones of the same tip are forgotten first. */
const KEPT_PER_TIP = 200;

/**
 * The templates of the current tip and of the one before: a solution that was on its way when the tip changed can still
 * become a block (the chain may come back to it).
 */
export class PublishedTemplates {
  #current = new Map<bigint, PublishedTemplate>();
  #previous = new Map<bigint, PublishedTemplate>();

  add(template: PublishedTemplate): void {
    this.#current.set(template.message.templateId, template);
    if (this.#current.size > KEPT_PER_TIP) {
      const oldest = this.#current.keys().next().value;
      if (oldest !== undefined) this.#current.delete(oldest);
    }
  }

  turnTip(): void {
    this.#previous = this.#current;
    this.#current = new Map();
  }

  find(templateId: bigint): PublishedTemplate | undefined {
    return this.#current.get(templateId) ?? this.#previous.get(templateId);
  }
}
