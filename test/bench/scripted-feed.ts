import type { TemplateFeed, TemplateFeedListener, TemplateTransactions } from "@lode/pool-server";
import type { ScriptedWork, TemplateScript } from "./scripted-templates.ts";

/** A source that says what the benchmark tells it to, without a connection. */
export class ScriptedFeed implements TemplateFeed {
  readonly healthy = true;
  readonly #script: TemplateScript;
  #listener: TemplateFeedListener | undefined;

  constructor(script: TemplateScript) {
    this.#script = script;
  }

  start(listener: TemplateFeedListener): void {
    this.#listener = listener;
    this.give(this.#script.nextTip());
  }

  give({ template, tip }: ScriptedWork): void {
    this.#listener?.onTemplate(template, tip);
  }

  submitSolution(): void {}

  transactions(): TemplateTransactions {
    return { ready: [], later: Promise.resolve([]) };
  }

  stop(): void {
    this.#listener = undefined;
  }
}
