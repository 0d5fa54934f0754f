/*
 * `oxbow run`: runs a job in this process until it has ended. Progress, warnings and the summary go
 * to stderr; stdout is left to the job's own output and to `-o json|jsonl`.
 */
import type { JobEvent, RunOptions } from "oxbow";
import { EXIT_CODES } from "./exit-codes.ts";
import { errorText } from "./error-text.ts";
import { countText, durationText } from "./figure-text.ts";
import { JobConsole } from "./job-console.ts";
import type { AttachedEnd } from "./job-console.ts";
import { errorData, eventData } from "./job-events.ts";
import { findJob } from "./job-module.ts";

/** `text` is for people; `json` one object at the end; `jsonl` events as they come, then that. */
export type RunOutput = "text" | "json" | "jsonl";

/** What `oxbow run` was asked. */
export interface RunRequest {
  readonly file: string;
  readonly options: RunOptions;
  readonly output: RunOutput;
}

/** Runs it; the exit code. Throws what `startJob` and the job's module throw. */
export async function runCommand(request: RunRequest): Promise<number> {
  const { file, options, output } = request;
  const { url, job } = await findJob(file);
  const screen = new JobConsole({ jobName: job.name });
  const onEvent = (event: JobEvent): void => {
    if (output === "jsonl") writeJson(eventData(event));
  };
  const ended = await screen.run(url, { ...options, onEvent });
  if (ended.kind === "over") return sayOver(ended, output);
  sayEnd(job.name, ended);
  if (output !== "text") writeJson({ kind: "end", ...endData(ended) });
  return ended.exitCode;
}

/** A run that has ended before; asking for its result again is no failure if it had finished. */
function sayOver(
  over: { readonly runDirectory: string; readonly status: string },
  output: RunOutput,
): number {
  const { runDirectory, status } = over;
  const isFinished = status === "finished";
  process.stderr.write(
    `This run is over: ${status}. Nothing was done; --new-run begins another. (${runDirectory})\n`,
  );
  if (output !== "text") writeJson({ kind: "over", status: status.toUpperCase(), runDirectory });
  return isFinished ? EXIT_CODES.ok : EXIT_CODES.conflict;
}

function sayEnd(jobName: string, { end, figures }: AttachedEnd): void {
  const { elapsedMs, recordsCount, checkpointsCount } = figures;
  const error = end.status === "FAILED" ? `${errorText(end.error)}\n` : "";
  const figuresText = `${countText(recordsCount)} records, ${checkpointsCount} checkpoints`;
  const summary = `${jobName} ${end.status} after ${durationText(elapsedMs)}: ${figuresText}.`;
  process.stderr.write(`${error}${summary}\n`);
}

function endData({ job, end, figures }: AttachedEnd): Readonly<Record<string, unknown>> {
  const error = end.status === "FAILED" ? { error: errorData(end.error) } : {};
  return {
    status: end.status,
    jobId: job.runId,
    runDirectory: job.runDirectory,
    attempts: end.attemptsCount,
    durationMs: Math.round(figures.elapsedMs),
    records: figures.recordsCount,
    checkpoints: figures.checkpointsCount,
    ...error,
  };
}

function writeJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
