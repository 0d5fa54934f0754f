/*
 * The `oxbow` command: parses, runs, and turns every failure into a message on stderr and an exit
 * code.
 */
import { CommanderError } from "commander";
import { commandLine } from "./command-line.ts";
import type { Commands } from "./command-line.ts";
import { EXIT_CODES, exitCodeOf } from "./exit-codes.ts";
import { errorText } from "./error-text.ts";
import { explainCommand } from "./explain-command.ts";
import { withoutFlinkSpellings } from "./flink-spellings.ts";
import { runCommand } from "./run-command.ts";
import {
  cancelCommand,
  checkpointCommand,
  savepointCommand,
  stopCommand,
} from "./runs/control-commands.ts";
import { listCommand } from "./runs/list-command.ts";
import { UsageError } from "./usage-error.ts";

const COMMANDS: Commands = {
  run: runCommand,
  explain: explainCommand,
  list: listCommand,
  savepoint: savepointCommand,
  stop: stopCommand,
  cancel: cancelCommand,
  checkpoint: checkpointCommand,
};

/**
 * Runs the `oxbow` command with `args` (without node and script). Returns the exit code; never
 * rejects.
 */
export async function main(args: readonly string[]): Promise<number> {
  process.setSourceMapsEnabled(true);
  let exitCode: number = EXIT_CODES.ok;
  const program = commandLine(COMMANDS, (code) => {
    exitCode = code;
  });
  try {
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return EXIT_CODES.usage;
    }
    await program.parseAsync(withoutFlinkSpellings(args), { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has printed already. Asking for help is no error.
      return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    }
    if (error instanceof UsageError) {
      process.stderr.write(`oxbow: ${error.message}\n`);
      return EXIT_CODES.usage;
    }
    process.stderr.write(`oxbow: ${errorText(error)}\n`);
    return exitCodeOf(error);
  }
}
