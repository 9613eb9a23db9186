import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunningProcess } from "@lode/testing/process";
import { freePort } from "@lode/testing/process";
import type { LodePool } from "./lode-processes.ts";
import { PeerLog } from "./peer-log.ts";
import type { Workbench } from "./workbench.ts";

export interface TranslatorOptions {
  /** One channel for all its miners. */
  readonly aggregate: boolean;
  readonly user: string;
  /** What it says of each miner before it has measured it, hashes per second. */
  readonly minerHashrate: number;
  readonly sharesPerMinute: number;
  readonly vardiff: boolean;
  /** Extension 0x0002. This translator asks for it only when its operator requires it, and leaves without it. */
  readonly requireWorkerNames: boolean;
  /** How often the pool stands in its list: each entry is good for one connection in its life, and for three tries a second apart. */
  readonly entries?: number;
}

/** The reference implementation's translator, which serves SV1 miners. */
export interface Translator {
  readonly process: RunningProcess;
  /** Where SV1 miners connect. */
  readonly port: number;
  readonly log: PeerLog;
  /** True once the pool granted the worker names' extension (0x0002). */
  readonly workerNames: boolean;
}

/** Starts the translator on a pool and waits until it listens. */
export async function startTranslator(
  bench: Workbench,
  program: string,
  pool: Pick<LodePool, "port" | "publicKey">,
  options: TranslatorOptions,
): Promise<Translator> {
  const port = await freePort();
  const file = join(bench.folder, "translator.toml");
  const entry = `[[upstreams]]
address = "127.0.0.1"
port = ${pool.port}
authority_pubkey = "${pool.publicKey}"
user_identity = "${options.user}"
`;
  writeFileSync(
    file,
    `downstream_address = "127.0.0.1"
downstream_port = ${port}
max_supported_version = 2
min_supported_version = 2
downstream_extranonce2_size = 4
verify_payout = false
aggregate_channels = ${options.aggregate}
supported_extensions = [0x0002]
required_extensions = [${options.requireWorkerNames ? "0x0002" : ""}]
[downstream_difficulty_config]
min_individual_miner_hashrate = ${options.minerHashrate.toFixed(1)}
shares_per_minute = ${options.sharesPerMinute.toFixed(1)}
enable_vardiff = ${options.vardiff}
job_keepalive_interval_secs = 60
${entry.repeat(options.entries ?? 1)}`,
  );
  const log = new PeerLog();
  const state = { workerNames: false };
  let listening = false;
  const onLine = (line: string): void => {
    if (line.includes("Extension negotiation success: supported=[2]")) state.workerNames = true;
    else if (line.includes("Translator Proxy: listening on")) listening = true;
    else readTranslatorLine(log, line);
  };
  const process = bench.start("translator_sv2", program, ["-c", file], onLine);
  await bench.until("listening translator", 30, () => listening, [process]);
  return Object.assign(state, { process, port, log });
}

const SUCCESS = /Received: SubmitSharesSuccess\(.*new_submits_accepted_count=(\d+)/;
const FORWARDED = /valid share, forwarding it to upstream \| channel_id: (\d+)/;
const ERROR = /Received: SubmitSharesError\(channel_id=(\d+), sequence_number=(\d+), error_code=([^)]*)\)/;
const SET_TARGET = /Received: SetTarget\(channel_id=(\d+), maximum_target=(?:U256\()?([0-9a-f]+)/;
const WITHHELD = /rejected by upstream channel validation.*validation_error=(\w+)/;

/** Lines of translator_sv2 0.6.0 at its usual level. */
export function readTranslatorLine(log: PeerLog, line: string): void {
  const accepted = SUCCESS.exec(line)?.[1];
  const forwarded = FORWARDED.exec(line)?.[1];
  const [, ofChannel, sequence, code] = ERROR.exec(line) ?? [];
  const [, channel, target] = SET_TARGET.exec(line) ?? [];
  const withheld = WITHHELD.exec(line)?.[1];
  if (accepted !== undefined) log.accepted += Number(accepted);
  else if (forwarded !== undefined) log.share(forwarded);
  // It counts the shares of a channel from 1.
  else if (ofChannel !== undefined && code !== undefined)
    log.reject(line, code, { channel: ofChannel, index: Number(sequence) - 1 });
  else if (channel !== undefined && target !== undefined) log.target(channel, target);
  else if (withheld !== undefined) log.withhold(withheld);
  else if (line.includes("Received: NewExtendedMiningJob(")) log.jobs++;
  else if (line.includes("Received: SetNewPrevHash(")) log.tip();
  else if (line.includes("Sending UpdateChannel message to upstream")) log.updates++;
  // It is loud about miners that leave; whether it sent one away, the miners know.
  else if (/ (ERROR|WARN) /.test(line) && !line.includes("translator_sv2::sv1::downstream:"))
    log.trouble(line);
}
