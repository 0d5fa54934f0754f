/* The part of the command line that is about runs: list, savepoint, stop, cancel, checkpoint. */
import { Option } from "commander";
import type { Command } from "commander";
import {
  CANCEL_EXAMPLES,
  CHECKPOINT_EXAMPLES,
  CONTROL_NOTES,
  LIST_EXAMPLES,
  RUN_ARGUMENT,
  SAVEPOINT_EXAMPLES,
  STOP_EXAMPLES,
} from "../command-help.ts";
import type {
  CheckpointQuestion,
  RunQuestion,
  SavepointQuestion,
  StopQuestion,
} from "./control-commands.ts";
import type { ListRequest } from "./list-command.ts";

/** What the commands do; an exit code each. */
export interface ControlCommands {
  readonly list: (request: ListRequest) => Promise<number>;
  readonly savepoint: (question: SavepointQuestion) => Promise<number>;
  readonly stop: (question: StopQuestion) => Promise<number>;
  readonly cancel: (question: RunQuestion) => Promise<number>;
  readonly checkpoint: (question: CheckpointQuestion) => Promise<number>;
}

interface GivenOptions {
  readonly checkpointDir?: string;
  readonly output: "text" | "json";
}

/** Adds the commands; `onExitCode` gets what a command came to. */
export function addControlCommands(
  program: Command,
  commands: ControlCommands,
  onExitCode: (exitCode: number) => void,
): void {
  addList(program, async (request) => onExitCode(await commands.list(request)));
  const about = (name: string, description: string, examples: string): Command =>
    program
      .command(name)
      .description(description)
      .argument("<job>", RUN_ARGUMENT)
      .addHelpText("before", examples)
      .addHelpText("after", CONTROL_NOTES);
  const savepoint = about("savepoint", "Takes a savepoint of a running job.", SAVEPOINT_EXAMPLES)
    .argument("[directory]", "where it goes; default: what the run names")
    .action(async (job: string, directory: string | undefined, options: GivenOptions) => {
      const target = directory === undefined ? {} : { target: directory };
      onExitCode(await commands.savepoint({ ...questionOf(job, options), ...target }));
    });
  const stop = about("stop", "Stops a running job with a savepoint.", STOP_EXAMPLES)
    .option("-p, --savepoint-path <directory>", "where it goes; default: what the run names")
    .option("--drain", "end the input first: windows and timers fire; not for going on later")
    .action(async (job: string, options: GivenOptions & StopOptions) => {
      const { savepointPath, drain = false } = options;
      const target = savepointPath === undefined ? {} : { target: savepointPath };
      onExitCode(await commands.stop({ ...questionOf(job, options), ...target, drain }));
    });
  const cancel = about("cancel", "Cancels a running job.", CANCEL_EXAMPLES).action(
    async (job: string, options: GivenOptions) => {
      onExitCode(await commands.cancel(questionOf(job, options)));
    },
  );
  const checkpoint = about(
    "checkpoint",
    "Takes a checkpoint of a running job.",
    CHECKPOINT_EXAMPLES,
  )
    .option("--full", "of all state, not only of what has changed")
    .action(async (job: string, options: GivenOptions & { readonly full?: boolean }) => {
      const { full = false } = options;
      onExitCode(await commands.checkpoint({ ...questionOf(job, options), full }));
    });
  for (const command of [savepoint, stop, cancel, checkpoint]) withCommonOptions(command);
}

interface StopOptions {
  readonly savepointPath?: string;
  readonly drain?: boolean;
}

interface ListOptions {
  readonly running?: boolean;
  readonly all?: boolean;
}

function addList(program: Command, onList: (request: ListRequest) => Promise<void>): void {
  const list = program
    .command("list")
    .description("Shows the runs of your jobs on this machine.")
    .option("-r, --running", "only those that are running")
    .option("-a, --all", "all of them; the default")
    .addHelpText("before", LIST_EXAMPLES)
    .action((options: GivenOptions & ListOptions) => {
      const { checkpointDir, running = false, all = false, output } = options;
      const directory = checkpointDir === undefined ? {} : { checkpointDirectory: checkpointDir };
      return onList({ ...directory, isRunningOnly: running && !all, output });
    });
  withCommonOptions(list);
}

function withCommonOptions(command: Command): void {
  command
    .showHelpAfterError(`(oxbow ${command.name()} --help shows what there is)`)
    .helpOption("-h, --help", "show this")
    .option("--checkpoint-dir <directory>", "look for runs in this directory, too")
    .addOption(
      new Option("-o, --output <format>", "for people or for programs")
        .choices(["text", "json"])
        .default("text"),
    );
}

function questionOf(job: string, { checkpointDir, output }: GivenOptions): RunQuestion {
  const directory = checkpointDir === undefined ? {} : { checkpointDirectory: checkpointDir };
  return { job, ...directory, output };
}
