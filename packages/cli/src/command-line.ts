/*
 * The command line: which commands and options there are, their help, and what they are turned
 * into. Parsing is commander's; nothing runs here.
 */
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import {
  EXAMPLES,
  EXIT_CODES_HELP,
  EXPLAIN_EXAMPLES,
  RUN_EXAMPLES,
  RUN_NOTES,
} from "./command-help.ts";
import type { ExplainRequest } from "./explain-command.ts";
import {
  readClaimMode,
  readNonRestored,
  readRestoreSinks,
  restoreOptions,
} from "./restore-arguments.ts";
import type { RestoreArguments } from "./restore-arguments.ts";
import type { RunOutput, RunRequest } from "./run-command.ts";
import { addControlCommands } from "./runs/control-command-line.ts";
import type { ControlCommands } from "./runs/control-command-line.ts";

/** What the commands do; an exit code each. */
export interface Commands extends ControlCommands {
  readonly run: (request: RunRequest) => Promise<number>;
  readonly explain: (request: ExplainRequest) => Promise<number>;
}

interface GraphOptions {
  readonly parallelism?: number;
  readonly define: Readonly<Record<string, string>>;
}

interface RunCommandOptions extends GraphOptions, RestoreArguments {
  readonly checkpointDir?: string;
  readonly savepointDir?: string;
  readonly jobId?: string;
  readonly newRun?: boolean;
  readonly restorePrevious?: boolean;
  readonly output: RunOutput;
}

interface ExplainCommandOptions extends GraphOptions {
  readonly output: "text" | "json";
}

/** Descriptions beside long options are wrapped, too. */
const HELP_WRAP_WIDTH_MIN = 24;

/** The program; `onExitCode` gets what a command came to. */
export function commandLine(commands: Commands, onExitCode: (exitCode: number) => void): Command {
  const program = new Command("oxbow")
    .description("Runs stream processing jobs.")
    .version(versionText(), "-V, --version", "show the version")
    .helpOption("-h, --help", "show this")
    .configureHelp({ minWidthToWrap: HELP_WRAP_WIDTH_MIN })
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("before", EXAMPLES)
    .showHelpAfterError("(oxbow --help shows what there is)")
    .exitOverride();
  addRun(program, async (request) => onExitCode(await commands.run(request)));
  addControlCommands(program, commands, onExitCode);
  const explain = withGraphOptions(program.command("explain"))
    .description("Shows the graph of a job without running it.")
    .addOption(
      new Option("-o, --output <format>", "for people or for programs")
        .choices(["text", "json"])
        .default("text"),
    )
    .addHelpText("before", EXPLAIN_EXAMPLES);
  explain.action(async (file: string, args: string[], options: ExplainCommandOptions) => {
    const { parallelism, define, output } = options;
    const parameters = { args, configuration: define, parallelism };
    onExitCode(await commands.explain({ file, parameters, output }));
  });
  return program;
}

function addRun(program: Command, onRun: (request: RunRequest) => Promise<void>): void {
  const run = withGraphOptions(program.command("run"))
    .description("Runs a job in this process until it has ended.")
    .option("--checkpoint-dir <directory>", "keep checkpoints here; the same command goes on")
    .option("--job-id <id>", "id of the run; default: derived from the job's name")
    .option("--new-run", "begin another run although one could go on")
    .option("--restore-previous", "go behind an unreadable newest checkpoint; outputs may repeat")
    .option("-s, --from-savepoint <path>", "begin from this savepoint or checkpoint")
    .addOption(
      new Option(
        "-n, --allow-non-restored-state [uids]",
        "leave behind state that the job does not have: all, or of these operators",
      ).argParser(readNonRestored),
    )
    .addOption(
      new Option(
        "--claim-mode <mode>",
        "NO_CLAIM: the snapshot stays yours (default); CLAIM: it becomes the run's",
      ).argParser(readClaimMode),
    )
    .addOption(
      new Option(
        "--restore-sinks <choice>",
        "commit or discard what sinks had prepared; or per sink: uid=commit,…",
      ).argParser(readRestoreSinks),
    )
    .option("--savepoint-dir <directory>", "where savepoints go; default: below --checkpoint-dir")
    .addOption(
      new Option("-o, --output <format>", "what to write to stdout about the run")
        .choices(["text", "json", "jsonl"])
        .default("text"),
    )
    .addHelpText("before", RUN_EXAMPLES)
    .addHelpText("after", RUN_NOTES)
    .addHelpText("after", EXIT_CODES_HELP);
  run.action((file: string, args: string[], options: RunCommandOptions) =>
    onRun(runRequest(file, args, options)),
  );
}

function withGraphOptions(command: Command): Command {
  return command
    .showHelpAfterError(`(oxbow ${command.name()} --help shows what there is)`)
    .argument("<job>", "file whose default export is a job")
    .argument("[args...]", "after --, for the job: env.args")
    .helpOption("-h, --help", "show this")
    .option(
      "-p, --parallelism <count>",
      "subtasks per operator, each on its thread",
      positiveInteger,
    )
    .addOption(
      new Option("-D, --define <key=value>", "configuration; may be repeated")
        .argParser(addDefinition)
        .default({}, "none"),
    );
}

function runRequest(file: string, args: readonly string[], options: RunCommandOptions): RunRequest {
  const { parallelism, define, checkpointDir, jobId, newRun, restorePrevious, output } = options;
  const { savepointDir } = options;
  const restore = restoreOptions(options, define);
  return {
    file,
    output,
    options: {
      args,
      configuration: define,
      ...(parallelism === undefined ? {} : { parallelism }),
      ...(checkpointDir === undefined ? {} : { checkpointDirectory: checkpointDir }),
      ...(jobId === undefined ? {} : { jobId }),
      ...(newRun === undefined ? {} : { newRun }),
      ...(restorePrevious === undefined ? {} : { restorePrevious }),
      ...(restore === undefined ? {} : { restore }),
      ...(savepointDir === undefined ? {} : { savepointDirectory: savepointDir }),
    },
  };
}

function positiveInteger(text: string): number {
  if (/^[1-9][0-9]{0,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1.");
}

function addDefinition(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be key=value.");
  return { ...before, [text.slice(0, at).trim()]: text.slice(at + 1) };
}

function versionText(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
