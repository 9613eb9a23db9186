import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemRandom } from "@lode/ports";
import { ExitCode, ExitError, explainSystemError, lockDirectory, readSecretFile } from "@lode/service";
import { encodeAuthoritySecretKey, generateKeypair } from "@lode/transport";

/** The one directory that holds everything `lode dev` keeps. */
export interface DataDirectory {
  readonly path: string;
  readonly poolAuthoritySecret: string;
  readonly templateAuthoritySecret: string;
  /** Lets another process use the directory. */
  release(): void;
}

const SETTING = "--data-dir";

/** Opens the directory, makes what it lacks and takes its lock. @throws ExitError */
export async function openDataDirectory(directory: string): Promise<DataDirectory> {
  const path = resolve(directory);
  const lock = await lockDirectory(path, { name: "dev", setting: SETTING });
  try {
    return {
      path,
      poolAuthoritySecret: secretKey(join(path, "pool-authority.key")),
      templateAuthoritySecret: secretKey(join(path, "template-provider-authority.key")),
      release: () => lock.release(),
    };
  } catch (error) {
    lock.release();
    throw explainSystemError(error, `use the data directory ${path} (${SETTING})`);
  }
}

/** The key in a file, which is made at the first start. @throws ExitError when others can read it */
function secretKey(file: string): string {
  if (!existsSync(file)) {
    const text = encodeAuthoritySecretKey(generateKeypair(systemRandom).secretKey);
    writeFileSync(file, `${text}\n`, { mode: 0o600, flag: "wx" });
  }
  try {
    return readSecretFile(file);
  } catch (error) {
    throw new ExitError(ExitCode.config, error instanceof Error ? error.message : String(error));
  }
}
