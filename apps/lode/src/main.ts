#!/usr/bin/env node
import { ExitCode } from "@lode/service";
import { run } from "./run.ts";

// A reader that goes away (`lode … | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(ExitCode.ok);
  throw error;
});

process.exitCode = await run(process.argv.slice(2));

// Everything has been stopped or has failed to. The end is asked for: left to an empty event loop, Node waits for requests
// of closed handles, and about one `lode dev` in thirty then spins for good (Environment::CleanupHandles, seen in Node 20).
process.stdout.write("", () => process.stderr.write("", () => process.exit()));
