import { DependencyError } from "@lode/ports";
import { HandshakeError, TransportError } from "@lode/transport";

/** How messages name a template source. */
export interface SourcePlace {
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** The table that configures it: `templates.sources.0`. */
  readonly setting: string;
}

/** A failure of a template source, with its sentence for the operator. */
function failure(place: SourcePlace, code: string, temporary: boolean, says: string, cause?: unknown) {
  const message = `the template source ${place.name} at ${place.address} ${says}`;
  return new DependencyError({ code, temporary }, message, cause === undefined ? {} : { cause });
}

/** Why no connection came about. */
export function explainDialFailure(error: unknown, place: SourcePlace): DependencyError {
  const { setting } = place;
  const wrong = (code: string, says: string) => failure(place, code, false, says, error);
  const passing = (code: string, says: string) => failure(place, code, true, says, error);
  if (error instanceof HandshakeError) {
    switch (error.type.code) {
      case "wrong-authority":
        return wrong(
          "wrong-key",
          `is not the one whose key is ${setting}.public_key: set the key that it prints at its start, or find out who answers there`,
        );
      case "expired":
      case "not-yet-valid":
        return wrong(
          "certificate-not-valid",
          "has a certificate that is not valid now: compare its clock and this machine's",
        );
      default:
        return wrong(
          "no-handshake",
          `does not speak Stratum V2's Noise (${error.code}): correct ${setting}.address`,
        );
    }
  }
  if (error instanceof TransportError) {
    const { type } = error;
    const code = type.code === "unreachable" ? type.cause : type.code;
    const guess =
      type.code === "closed-in-handshake"
        ? `ends every handshake: is it a Template Distribution server, and is ${setting}.address right?`
        : `cannot be reached (${code}): is it running, and is ${setting}.address right?`;
    return passing("unreachable", guess);
  }
  return passing(
    "unreachable",
    `cannot be reached (${error instanceof Error ? error.message : String(error)})`,
  );
}

/** Why a connection is over that had come about. @param reason of the connection or of its setup */
export function explainClose(
  reason: string,
  place: SourcePlace,
  firstTemplateWithinMs: number,
): DependencyError {
  if (reason.startsWith("setup-refused")) {
    const says = `refuses the pool (${reason}): is ${place.setting}.address a Template Distribution server?`;
    return failure(place, "setup-refused", false, says);
  }
  if (reason === "no-template") {
    const seconds = Math.round(firstTemplateWithinMs / 1000);
    const says = `has sent no template for ${seconds} s: its node may be away or still catching up`;
    return failure(place, "no-template", true, says);
  }
  return failure(place, "lost", true, `is lost (${reason}): connecting again`);
}

/** A source whose work is of another network. */
export function explainWrongNetwork(network: string, why: string, place: SourcePlace): DependencyError {
  const says = `does not work for ${network} (${why}): correct pool.network or ${place.setting}.address`;
  return failure(place, "wrong-network", false, says);
}
