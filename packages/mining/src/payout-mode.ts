import { cleanWorker, type Identity, IdentityError } from "./identity.ts";

/** What {@link payoutModes} needs to know of a pool. */
export interface PayoutModeOptions {
  /** Whether the blocks of users that name no mode pay the user alone. */
  readonly solo: boolean;
  /** Whether `sri/…` identities are read; if not, they are names like others. */
  readonly sriIdentities: boolean;
  /** Who gets what users give away altogether: the pool. */
  readonly donee: Pick<Identity, "payoutScript" | "address">;
  /** What a solo block pays the pool in any case, hundredths of a percent: a smaller donation is refused. */
  readonly soloFeeBasisPoints: number;
}

/**
 * Adds to `read`, which knows users by `NAME[.WORKER]`, how they are paid. The grammar is the reference pool's (stratum-apps
 * 0.8.0, `src/payout.rs`): `sri/solo/NAME/WORKER` pays the user alone under every scheme; `sri/donate/PERCENT/NAME/WORKER`
 * gives 1 to 99 percent to the pool, and `sri/donate/WORKER` everything, both under the pool's own scheme. Everything behind the
 * third part, or the fourth, is the worker.
 *
 * @throws IdentityError what `read` throws; `invalid-user-identity` for what begins with `sri/` and is none of these
 */
export function payoutModes(
  read: (userIdentity: string) => Identity,
  options: PayoutModeOptions,
): (userIdentity: string) => Identity {
  const { solo, sriIdentities, donee, soloFeeBasisPoints } = options;
  const own = (identity: Identity): Identity => (solo ? { ...identity, solo: true } : identity);
  return (userIdentity) => {
    const text = userIdentity.trim();
    if (!sriIdentities || !text.startsWith("sri/")) return own(read(userIdentity));
    const [, mode, ...parts] = text.split("/");
    if (mode === "solo" && parts.length > 0) return { ...named(read, parts), solo: true };
    if (mode !== "donate") throw invalid(FORMS);
    // A number or an address alone is a worker's name too: so the reference pool reads it.
    if (parts.length < 2) {
      return own({ ...donee, worker: cleanWorker(parts[0] ?? ""), donationPercent: 100 });
    }
    const donationPercent = percentOf(parts[0]!);
    const donor = own({ ...named(read, parts.slice(1)), donationPercent });
    if (donor.solo === true && donationPercent * 100 < soloFeeBasisPoints) {
      throw invalid(
        `a donation of ${donationPercent} % is less than this pool's fee on solo blocks, ${soloFeeBasisPoints / 100} %`,
      );
    }
    return donor;
  };
}

/** The user of `NAME/WORKER`; a worker that a proxy has put behind the name with a dot stays one. */
function named(
  read: (userIdentity: string) => Identity,
  [name = "", ...worker]: readonly string[],
): Identity {
  try {
    return read(worker.length === 0 ? name : `${name}.${worker.join("/")}`);
  } catch (error) {
    if (error instanceof IdentityError && error.code === "unknown-user") throw invalid(FORMS, error);
    throw error;
  }
}

/** The reference pool reads it as Rust's u8. */
function percentOf(text: string): number {
  const percent = /^\+?[0-9]+$/.test(text) ? Number(text) : 0;
  if (percent >= 1 && percent <= 99) return percent;
  throw invalid("a donation is 1 to 99 percent, or sri/donate/WORKER for everything");
}

const FORMS =
  "none of sri/solo/ADDRESS/WORKER, sri/donate/PERCENT/ADDRESS/WORKER and sri/donate/WORKER, or not an address of this pool";

function invalid(message: string, cause?: unknown): IdentityError {
  return new IdentityError(
    { code: "invalid-user-identity", reason: "invalid-payout-mode" },
    message,
    cause === undefined ? {} : { cause },
  );
}
