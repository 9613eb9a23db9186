import { withDatabase } from "@lode/ledger";
import { AuditFiles, auditLedger, replayBlock } from "@lode/ledger/audit";
import { ExitCode, ExitError } from "@lode/service";
import { type Arguments, type Command, flag, text } from "../command.ts";
import { commandDatabase } from "./command-database.ts";

export const auditCommand: Command = {
  name: "audit",
  operands: "replay BLOCK|ledger",
  summary: "Compute again what miners are owed, and compare.",
  details: `replay BLOCK  splits a block's reward again from slice and block files alone, without the database
ledger        compares every balance with its transfers, the journals' chain, and credits with blocks

Exit code 1 when anything differs.`,
  options: {
    dir: {
      type: "string",
      value: "DIR",
      help: "Where the files are: payouts.data_dir. Default: ./lode-audit.",
    },
    url: { type: "string", value: "URL", help: "Postgres; default: the environment's LODE_DATABASE__URL." },
    json: { type: "boolean", help: "Print one JSON object." },
  },
  async run(args) {
    const [action, block] = args.positionals;
    if (action === "replay" && block !== undefined) return replay(args, block);
    if (action === "ledger") return ledger(args);
    throw new ExitError(ExitCode.usage, "say what to do: lode audit replay BLOCK, or lode audit ledger");
  },
};

async function replay(args: Arguments, hash: string): Promise<ExitCode> {
  if (!/^[0-9a-f]{64}$/.test(hash))
    throw new ExitError(ExitCode.usage, "name the block by its hash, 64 hex digits");
  const directory = text(args, "dir") ?? "./lode-audit";
  const result = await replayBlock(new AuditFiles(directory), hash).catch((error: unknown) => {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
    const missing = (error as NodeJS.ErrnoException).path ?? directory;
    throw new ExitError(
      ExitCode.config,
      `${missing} is missing: name the directory of payouts.data_dir with --dir`,
    );
  });
  const { reward, fee, donation } = result.block;
  const lines = [
    `block ${result.block.height} ${hash}`,
    `${result.slices} slices read, their hashes and sums agree with each other${result.differences.length > 0 ? " unless told below" : ""}`,
    `${reward} sat over ${result.accounts} accounts, fee ${fee} sat, donations ${donation} sat`,
  ];
  return finish(
    args,
    { block: hash, slices: result.slices, accounts: result.accounts },
    lines,
    result.differences,
  );
}

async function ledger(args: Arguments): Promise<ExitCode> {
  return withDatabase(commandDatabase(args), async (sql) => {
    const [row] = await sql<{ journals: string; transfers: string }[]>`
      select (select count(*) from journal) as journals, (select count(*) from transfer) as transfers`;
    const differences = await auditLedger(sql);
    const lines = [`${row!.journals} journals with ${row!.transfers} transfers read`];
    return finish(
      args,
      { journals: Number(row!.journals), transfers: Number(row!.transfers) },
      lines,
      differences,
    );
  });
}

function finish(
  args: Arguments,
  figures: Readonly<Record<string, unknown>>,
  lines: readonly string[],
  differences: readonly string[],
): ExitCode {
  const all = [
    ...lines,
    ...differences,
    differences.length === 0 ? "no difference" : `${differences.length} difference(s)`,
  ];
  process.stdout.write(
    `${flag(args, "json") ? JSON.stringify({ ...figures, differences }) : all.join("\n")}\n`,
  );
  return differences.length === 0 ? ExitCode.ok : ExitCode.failure;
}
