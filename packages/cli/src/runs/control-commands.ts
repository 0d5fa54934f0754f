/*
 * `oxbow savepoint`, `stop`, `cancel` and `checkpoint`: asks a running job over its control
 * channel. Paths go to stdout, all else to stderr.
 */
import path from "node:path";
import { connectToRun } from "oxbow/internal";
import type { OnProgress, RunConnection } from "oxbow/internal";
import { EXIT_CODES } from "../exit-codes.ts";
import { durationText, sizeText } from "../figure-text.ts";
import { PhaseLine, phaseText } from "./phase-line.ts";
import { findRunDirectory } from "./run-finder.ts";

/** Which run is asked, and in what form the answer is written. */
export interface RunQuestion {
  readonly job: string;
  readonly checkpointDirectory?: string;
  readonly output: "text" | "json";
}

export interface SavepointQuestion extends RunQuestion {
  readonly target?: string;
}

export interface StopQuestion extends SavepointQuestion {
  readonly drain: boolean;
}

export interface CheckpointQuestion extends RunQuestion {
  readonly full: boolean;
}

/** What came of it. */
interface Answer {
  readonly text: string;
  /** What goes to stdout where people read. */
  readonly path?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Takes a savepoint of a running job. */
export async function savepointCommand(question: SavepointQuestion): Promise<number> {
  return ask(question, async (run, jobName, onProgress) => {
    const result = await run.savepoint(targetOf(question), onProgress);
    const text = `Savepoint ${result.checkpointId} of ${jobName} is complete: ${sizeOf(result)}.`;
    return { text, path: result.location, data: { kind: "savepoint", ...result } };
  });
}

/** Stops a running job with a savepoint. */
export async function stopCommand(question: StopQuestion): Promise<number> {
  return ask(question, async (run, jobName, onProgress) => {
    const { drain } = question;
    const result = await run.stop({ ...targetOf(question), drain }, onProgress);
    const what = `${jobName} has stopped with savepoint ${result.checkpointId}`;
    const goOn = drain ? "Its savepoint:" : "To go on from it, run the job with -s and this path:";
    const text = `${what}: ${sizeOf(result)}. ${goOn}`;
    return { text, path: result.location, data: { kind: "stopped", ...result } };
  });
}

/** Cancels a running job. */
export async function cancelCommand(question: RunQuestion): Promise<number> {
  return ask(question, async (run, jobName, onProgress) => {
    await run.cancel(onProgress);
    return { text: `${jobName} is canceled.`, data: { kind: "canceled" } };
  });
}

/** Takes a checkpoint of a running job, beyond those that it takes by itself. */
export async function checkpointCommand(question: CheckpointQuestion): Promise<number> {
  return ask(question, async (run, jobName, onProgress) => {
    const { full } = question;
    const result = await run.checkpoint({ full }, onProgress);
    const text = `Checkpoint ${result.checkpointId} of ${jobName} is complete: ${sizeOf(result)}.`;
    return { text, path: result.location, data: { kind: "checkpoint", ...result } };
  });
}

type Ask = (run: RunConnection, jobName: string, onProgress: OnProgress) => Promise<Answer>;

async function ask(question: RunQuestion, begin: Ask): Promise<number> {
  const { job, checkpointDirectory, output } = question;
  const run = await connectToRun(await findRunDirectory(job, checkpointDirectory));
  const interrupt = Promise.withResolvers<undefined>();
  const onSignal = (): void => interrupt.resolve(undefined);
  process.on("SIGINT", onSignal);
  let line: PhaseLine | undefined;
  try {
    const { jobId, jobName, runDirectory } = await run.status();
    line = new PhaseLine(jobName);
    const answered = begin(run, jobName, phaseListener(line));
    const answer = await Promise.race([answered, interrupt.promise]);
    line.close();
    if (answer === undefined) return leave(answered);
    if (output === "json") {
      const { kind, ...rest } = answer.data;
      const data = { kind, jobId, jobName, runDirectory, ...rest };
      process.stdout.write(`${JSON.stringify(data)}\n`);
    } else {
      process.stderr.write(`${answer.text}\n`);
      if (answer.path !== undefined) process.stdout.write(`${answer.path}\n`);
    }
    return EXIT_CODES.ok;
  } finally {
    line?.close();
    process.off("SIGINT", onSignal);
    run.close();
  }
}

/** Ctrl-C ends the command only. */
function leave(answered: Promise<unknown>): number {
  // Nobody waits for the answer any more.
  answered.catch(() => undefined);
  process.stderr.write("The job does it all the same; oxbow list shows how it stands.\n");
  return EXIT_CODES.canceled;
}

function phaseListener(line: PhaseLine): OnProgress {
  let hasSnapshot = false;
  return (progress) => {
    line.show(phaseText(progress, hasSnapshot));
    hasSnapshot ||= progress.snapshot !== null;
  };
}

function sizeOf(taken: { readonly sizeBytes: number; readonly durationMs: number }): string {
  return `${sizeText(taken.sizeBytes)} in ${durationText(taken.durationMs)}`;
}

/** Where the job works, relative paths mean something else. */
function targetOf({ target }: SavepointQuestion): { readonly target?: string } {
  return target === undefined ? {} : { target: path.resolve(target) };
}
