import { type Clock, DependencyError, noMetrics, silentLogger } from "@lode/ports";
import { TemplateSource, type TemplateSourceDeps, type TemplateSourceSettings } from "./template-source.ts";

/** Longest wait for the first template, milliseconds. */
const WITHIN_MS = 15_000;

/**
 * Connects to a template source as a pool would, waits for its first work and leaves.
 *
 * @returns what was found, in words
 * @throws DependencyError with a sentence for the operator
 */
export async function checkTemplateSource(
  settings: TemplateSourceSettings,
  deps: Pick<TemplateSourceDeps, "dial" | "witness"> & { readonly clock: Clock },
): Promise<string> {
  const { name, address } = settings;
  const firstTemplateWithinMs = Math.min(settings.firstTemplateWithinMs, WITHIN_MS);
  let leave = () => {};
  const work = new Promise<string>((resolve, reject) => {
    const source = new TemplateSource(
      { ...settings, firstTemplateWithinMs },
      { ...deps, logger: silentLogger, metrics: noMetrics },
      ({ work: found, trouble }) => {
        if (found !== null) {
          const { height } = found.template;
          resolve(`the template source ${name} at ${address} gives work for height ${height}`);
        } else if (trouble !== null) reject(trouble);
      },
    );
    // Connecting and the setup have deadlines of their own; this one is for what nobody thought of.
    const deadline = deps.clock.after(4 * WITHIN_MS, () => {
      const says = `the template source ${name} at ${address} gives no work`;
      reject(new DependencyError({ code: "no-template", temporary: true }, says));
    });
    leave = () => {
      deadline.cancel();
      source.stop();
    };
    source.start();
  });
  try {
    return await work;
  } finally {
    leave();
  }
}
