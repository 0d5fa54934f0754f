/* Runs as `listRuns` gives them, for tests. */
import type { RunListing } from "oxbow/internal";

/** The moment at which the tests look. */
export const NOW = Date.UTC(2026, 0, 1, 12);

/** A run that lives. */
export function live(jobId: string, jobName: string, startedAt = NOW - 125_000): RunListing {
  const runDirectory = `/runs/${jobId}`;
  return {
    kind: "live",
    runDirectory,
    report: {
      jobId,
      jobName,
      runDirectory,
      status: "RUNNING",
      attempt: 1,
      epoch: 3,
      pid: 4_711,
      parallelism: 2,
      startedAt,
      uptimeMs: NOW - startedAt,
      restoredFrom: "/backups/savepoint-6f0b1c-0a1b2c3d4e5f",
      recordsInCount: 1_234_567,
      recordsOutCount: 1_000,
      completedCheckpointsCount: 8,
      failedCheckpointsCount: 0,
      newestCheckpoint: {
        id: 8,
        location: `${runDirectory}/chk-8`,
        triggeredAt: NOW - 1_500,
        durationMs: 20,
        sizeBytes: 900,
      },
      newestSavepoint: null,
      snapshotsInProgress: [],
    },
  };
}

/** A run that nobody works on. */
export function atRest(
  jobId: string,
  jobName: string,
  status: "running" | "finished" | "failed" | "canceled",
): RunListing {
  const runDirectory = `/runs/${jobId}`;
  return {
    kind: "at-rest",
    runDirectory,
    record: {
      jobId,
      jobName,
      status,
      isResumable: status !== "finished",
      epoch: 1,
      restoredFrom: null,
      stoppedWith: null,
      checkpointIdEnd: 33,
      createdAt: NOW - 7_200_000,
      updatedAt: NOW - 3_600_000,
      failure: null,
    },
    checkpoint: {
      id: 4,
      location: `${runDirectory}/chk-4`,
      completedAt: NOW - 5_400_000,
    },
  };
}

/** A run whose process does not answer. */
export function silent(jobId: string, jobName: string): RunListing {
  const listing = atRest(jobId, jobName, "running");
  if (listing.kind !== "at-rest") throw new Error("not reached");
  return { ...listing, kind: "silent", pid: 4_712, error: new Error("no answer") };
}
