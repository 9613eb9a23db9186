/** What a miner's password says beside being one. */
export interface PasswordOptions {
  /** `d=` or `diff=`: least difficulty the owner wants. */
  readonly difficulty: number | undefined;
}

/** Reads `x,d=1024` and `d=0.5;th=1`: options between commas, semicolons or blanks. Unknown ones are ignored. */
export function readPassword(password: string): PasswordOptions {
  for (const option of password.split(/[,;\s]+/)) {
    const value = /^(?:d|diff)=(.{1,32})$/i.exec(option)?.[1];
    const difficulty = Number(value);
    if (value !== undefined && Number.isFinite(difficulty) && difficulty > 0) return { difficulty };
  }
  return { difficulty: undefined };
}
