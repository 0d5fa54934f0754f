/*
 * The command line: which commands and options there are, their help, and what they are turned
 * into. Parsing is commander's; nothing runs here.
 */
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import type { ExplainRequest } from "./explain-command.ts";
import type { RunOutput, RunRequest } from "./run-command.ts";

/** What the commands do; an exit code each. */
export interface Commands {
  readonly run: (request: RunRequest) => Promise<number>;
  readonly explain: (request: ExplainRequest) => Promise<number>;
}

interface GraphOptions {
  readonly parallelism?: number;
  readonly define: Readonly<Record<string, string>>;
}

interface RunCommandOptions extends GraphOptions {
  readonly checkpointDir?: string;
  readonly jobId?: string;
  readonly newRun?: boolean;
  readonly restorePrevious?: boolean;
  readonly output: RunOutput;
}

interface ExplainCommandOptions extends GraphOptions {
  readonly output: "text" | "json";
}

const EXIT_CODES_HELP = `
Exit codes:
  0  the job finished                       4  a function of the job threw
  1  a defect of Oxbow                      5  storage or a thread failed
  2  the command line is wrong              6  data or a checkpoint cannot be read
  3  the job or a setting is wrong          7  the run is locked, or over without a result
  130 canceled by Ctrl-C, 143 by SIGTERM`;

const EXAMPLES = `Examples:
  $ oxbow run job.ts                            run a job until it ends, or Ctrl-C
  $ oxbow run job.ts -p 4 --checkpoint-dir cp   on four threads; the same command resumes it
  $ oxbow explain job.ts                        show its graph
`;

const RUN_EXAMPLES = `Examples:
  $ oxbow run job.ts
  $ oxbow run job.ts -p 4 --checkpoint-dir checkpoints
  $ oxbow run job.ts -D flights.out=results -D execution.checkpointing.interval=5s
  $ oxbow run job.ts -o json -- --for-the-job
`;

const EXPLAIN_EXAMPLES = `Examples:
  $ oxbow explain job.ts
  $ oxbow explain job.ts -p 4 -o json
`;

/** The program; `onExitCode` gets what a command came to. */
export function commandLine(commands: Commands, onExitCode: (exitCode: number) => void): Command {
  const program = new Command("oxbow")
    .description("Runs stream processing jobs.")
    .version(versionText(), "-V, --version", "show the version")
    .helpOption("-h, --help", "show this")
    .helpCommand("help [command]", "show the help of a command")
    .addHelpText("before", EXAMPLES)
    .showHelpAfterError("(oxbow --help shows what there is)")
    .exitOverride();
  const run = withGraphOptions(program.command("run"))
    .description("Runs a job in this process until it has ended.")
    .option("--checkpoint-dir <directory>", "keep checkpoints here; the same command goes on")
    .option("--job-id <id>", "id of the run; default: derived from the job's name")
    .option("--new-run", "begin another run although one could go on")
    .option("--restore-previous", "go behind an unreadable newest checkpoint; outputs may repeat")
    .addOption(
      new Option("-o, --output <format>", "what to write to stdout about the run")
        .choices(["text", "json", "jsonl"])
        .default("text"),
    )
    .addHelpText("before", RUN_EXAMPLES)
    .addHelpText("after", EXIT_CODES_HELP);
  run.action(async (file: string, args: string[], options: RunCommandOptions) => {
    onExitCode(await commands.run(runRequest(file, args, options)));
  });
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
