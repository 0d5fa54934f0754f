/*
 * `oxbow run`: runs a job in this process until it has ended. Progress, warnings and the summary go
 * to stderr; stdout is left to the job's own output and to `-o json|jsonl`.
 */
import type { JobEvent, JobStart, RunOptions } from "oxbow";
import { savepointOfStop } from "./attached-stop.ts";
import type { StopSavepoint } from "./attached-stop.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { errorText } from "./error-text.ts";
import { countText, durationText } from "./figure-text.ts";
import { JobConsole } from "./job-console.ts";
import type { AttachedEnd } from "./job-console.ts";
import { errorData, eventData } from "./job-events.ts";
import { findJob } from "./job-module.ts";
import { resumeCommand } from "./resume-command.ts";

/** `text` is for people; `json` one object at the end; `jsonl` events as they come, then that. */
export type RunOutput = "text" | "json" | "jsonl";

/** What `oxbow run` was asked. */
export interface RunRequest {
  readonly file: string;
  readonly options: RunOptions;
  readonly output: RunOutput;
}

type OverRun = Extract<JobStart, { kind: "over" }>;

/** Runs it; the exit code. Throws what `startJob` and the job's module throw. */
export async function runCommand(request: RunRequest): Promise<number> {
  const { file, options, output } = request;
  const { url, job } = await findJob(file);
  const screen = new JobConsole({ jobName: job.name });
  const onEvent = (event: JobEvent): void => {
    if (output === "jsonl") writeJson(eventData(event));
  };
  const ended = await screen.run(url, { ...options, onEvent });
  if (ended.kind === "over") return sayOver(ended, request);
  sayEnd(job.name, ended, request);
  if (output !== "text") writeJson({ kind: "end", ...endData(ended) });
  return ended.exitCode;
}

/** A run that has ended before; asking for its result again is no failure if it had finished. */
async function sayOver(over: OverRun, request: RunRequest): Promise<number> {
  const { runDirectory, status, stoppedWith } = over;
  const savepoint = await savepointOfStop(runDirectory);
  if (stoppedWith === undefined || savepoint === undefined) {
    process.stderr.write(
      `This run is over: ${status}. Nothing was done; --new-run begins another. ` +
        `(${runDirectory})\n`,
    );
  } else {
    process.stderr.write("This run is over, and nothing was done.\n");
    process.stderr.write(stopText(savepoint, request));
  }
  if (request.output !== "text") {
    const stopped = stoppedWith === undefined ? {} : { savepoint: stoppedWith };
    writeJson({ kind: "over", status: status.toUpperCase(), runDirectory, ...stopped });
  }
  const hasResult = status === "finished" && savepoint?.isDrained !== false;
  return hasResult ? EXIT_CODES.ok : EXIT_CODES.conflict;
}

function sayEnd(jobName: string, ended: AttachedEnd, request: RunRequest): void {
  const { end, figures, savepoint } = ended;
  const { elapsedMs, recordsCount, checkpointsCount } = figures;
  const error = end.status === "FAILED" ? `${errorText(end.error)}\n` : "";
  const figuresText = `${countText(recordsCount)} records, ${checkpointsCount} checkpoints`;
  const summary = `${jobName} ${end.status} after ${durationText(elapsedMs)}: ${figuresText}.`;
  const stop = savepoint === undefined ? "" : stopText(savepoint, request);
  process.stderr.write(`${error}${summary}\n${stop}`);
}

/** Which savepoint it was stopped with, and how to go on from it. */
function stopText({ path, isDrained }: StopSavepoint, request: RunRequest): string {
  const how = isDrained ? "drained and stopped" : "stopped";
  const text = `It was ${how} with the savepoint ${path}\n`;
  // A drained job has come to its end.
  return isDrained ? text : `${text}To go on from it:\n  ${resumeCommand(request, path)}\n`;
}

function endData(ended: AttachedEnd): Readonly<Record<string, unknown>> {
  const { job, end, savepoint, figures } = ended;
  const error = end.status === "FAILED" ? { error: errorData(end.error) } : {};
  const stopped = savepoint === undefined ? {} : { savepoint: savepoint.path };
  return {
    status: end.status,
    jobId: job.runId,
    runDirectory: job.runDirectory,
    attempts: end.attemptsCount,
    durationMs: Math.round(figures.elapsedMs),
    records: figures.recordsCount,
    checkpoints: figures.checkpointsCount,
    ...stopped,
    ...error,
  };
}

function writeJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
