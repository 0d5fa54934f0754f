/*
 * Stopping a job that runs attached, with a savepoint, because its user pressed Ctrl-C.
 */
import type { JobHandle } from "oxbow";
import { errorCode } from "oxbow";
import { describeRun } from "oxbow/internal";
import { errorText } from "./error-text.ts";

/** Between two tries, while the job begins or restarts. */
const RETRY_MS = 100;

/** The savepoint with which a run was stopped. */
export interface StopSavepoint {
  /** Absolute path of its directory. */
  readonly path: string;
  /** Its windows and timers have fired: nothing goes on from it as if nothing had been. */
  readonly isDrained: boolean;
}

/**
 * Stops the job with a savepoint, as soon as it runs. Where that fails the job goes on, and it is
 * said why. `isGivenUp`: something else has been asked for. Never rejects.
 */
export async function stopAttached(
  job: JobHandle,
  isGivenUp: () => boolean,
  print: (text: string) => void,
): Promise<void> {
  const over = job.ended.then(() => true);
  for (;;) {
    try {
      await job.stop();
      return;
    } catch (error) {
      // That of the job's end is told with the end.
      if (isGivenUp() || errorCode(error) === "STOP_INCOMPLETE") return;
      if (errorCode(error) !== "JOB_NOT_RUNNING") {
        print(`${errorText(error)}\nThe job was not stopped; Ctrl-C again cancels it.`);
        return;
      }
    }
    if (await Promise.race([over, delay(RETRY_MS)])) return;
  }
}

/** What a run that has ended was stopped with; undefined if it ended otherwise. */
export async function savepointOfStop(
  runDirectory: string | undefined,
): Promise<StopSavepoint | undefined> {
  const listing = runDirectory === undefined ? undefined : await describeRun(runDirectory);
  return listing?.kind === "at-rest" ? (listing.record.stoppedWith ?? undefined) : undefined;
}

function delay(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), ms).unref();
  });
}
