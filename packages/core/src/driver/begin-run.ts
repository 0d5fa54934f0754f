/**
 * begin-run: begins or resumes the run of a job: its directory and lock, the checkpoints that it
 * has, and the snapshot that it begins from. Everything that can be refused is refused here, before
 * a task starts; a run that is refused before it begins leaves nothing behind.
 *
 * Semantics: `docs/semantics/runs.md`, `docs/semantics/savepoints.md`.
 */
import { retentionOf } from "../checkpoint/checkpoint-settings.ts";
import type { CheckpointSettings } from "../checkpoint/checkpoint-settings.ts";
import type { Env } from "../env/env.ts";
import { errorCode, oxbowError } from "../errors.ts";
import type { StartPoint } from "../runtime/attempt.ts";
import type { JobEvent } from "../runtime/job-event.ts";
import type { HeldRun } from "../runtime/master-checkpoints.ts";
import { checkPlan, planRestore } from "../runtime/restore-plan.ts";
import { checkpointDirectoryName } from "../snapshot/checkpoint-inventory.ts";
import { recoverCheckpointStore } from "../snapshot/checkpoint-store.ts";
import type { CheckpointStore } from "../snapshot/checkpoint-store.ts";
import { cleanEndedRun } from "../snapshot/ended-run.ts";
import type { CheckpointMetadata } from "../snapshot/metadata.ts";
import { openRun } from "../snapshot/run-directory.ts";
import type { RunDirectory } from "../snapshot/run-directory.ts";
import type { RestoreOrigin, RunRecord } from "../snapshot/run-record.ts";
import {
  discardClaimed,
  findSnapshot,
  keepSnapshot,
  verifySnapshot,
} from "../snapshot/savepoint-directory.ts";
import type { FoundSnapshot } from "../snapshot/savepoint-directory.ts";
import {
  checkClaimable,
  endClaimedRun,
  noteRestore,
  restoreNotes,
  wentOn,
} from "../snapshot/snapshot-origin.ts";
import type { BuiltJob } from "./build-job.ts";
import { namedSnapshot } from "./restore-options.ts";
import type { NamedSnapshot, RestoreOptions } from "./restore-options.ts";
import { decideSinks } from "./restore-sinks.ts";

/** What a run is begun with. */
export interface RunBeginning {
  readonly env: Env;
  readonly built: BuiltJob;
  readonly checkpoint: CheckpointSettings;
  /** Absolute: where runs are kept. */
  readonly directory: string;
  readonly jobId: string | undefined;
  readonly newRun: boolean | undefined;
  readonly restorePrevious: boolean | undefined;
  /** The path, if there is one, is absolute. */
  readonly restore: RestoreOptions | undefined;
  readonly onEvent: (event: JobEvent) => void;
}

/** A run that is held, or one that is over already. */
export type BegunRun =
  | { readonly kind: "held"; readonly held: HeldRun }
  | { readonly kind: "over"; readonly directory: string; readonly record: RunRecord };

/** See the file header. */
export async function beginRun(beginning: RunBeginning): Promise<BegunRun> {
  const { env, built, directory, jobId, newRun } = beginning;
  const named = namedSnapshot(beginning.restore);
  const jobName = built.job.graph.jobName;
  let begun: ChosenSnapshot | undefined;
  const opening = await openRun(env, {
    checkpointDirectory: directory,
    jobName,
    jobId,
    newRun,
    restoreFrom: named && originOf(named, []),
    beforeBegin: async () => {
      if (named !== undefined) begun = await chooseSnapshot(beginning, named, undefined);
    },
  });
  if (opening.kind === "ended") {
    await cleanEndedRun(env, {
      ...opening,
      retention: retentionOf(beginning.checkpoint),
      warn: (error) => beginning.onEvent({ kind: "warning", error }),
    });
    return { kind: "over", directory: opening.directory, record: opening.record };
  }
  const { run } = opening;
  try {
    const onDeleted = { listener: (): void => undefined };
    const store = await recoverStore(beginning, run, () => onDeleted.listener());
    if (store.latest === undefined) begun ??= await beganFrom(beginning, run);
    else await checkOwn(beginning, run, store.latest);
    const begunFrom = begun && (await take(beginning, { run, store, chosen: begun }));
    if (begun === undefined) await claimAgain(beginning, run, store);
    return {
      kind: "held",
      held: {
        directory: run,
        store,
        begunFrom,
        onDeleted: (listener) => {
          onDeleted.listener = listener;
        },
      },
    };
  } catch (error) {
    await run.close();
    throw error;
  }
}

/** A snapshot that a run may begin from: looked at, matched, decided. */
interface ChosenSnapshot {
  readonly found: FoundSnapshot;
  readonly origin: RestoreOrigin;
  readonly committingSinks: readonly string[];
}

async function chooseSnapshot(
  { env, built, onEvent }: RunBeginning,
  restore: NamedSnapshot,
  ownJobId: string | undefined,
): Promise<ChosenSnapshot> {
  const found = await findSnapshot(env.files, restore.path);
  const { metadata, directory } = found;
  const { allowNonRestoredState = false } = restore;
  checkPlan(planRestore(built.job, metadata, { allowNonRestoredState }));
  // Before anything is begun: what a task would find only when it has been.
  await verifySnapshot(env.files, found);
  await keepSnapshot(env.files, found).catch(warning(onEvent));
  if (restore.claimMode === "CLAIM") await checkClaimable(env, found);
  const { committing, discarding } = decideSinks({
    job: built.job,
    metadata,
    location: directory,
    choice: restore.sinks,
    doubt: await doubtAbout(env, found, ownJobId),
  });
  return { found, origin: originOf(restore, discarding), committingSinks: committing };
}

/** What fails where nothing can be written is told, and the run begins all the same. */
function warning(onEvent: RunBeginning["onEvent"]): (error: unknown) => void {
  return (error) => {
    if (errorCode(error) !== "FILE_IO") throw error;
    onEvent({ kind: "warning", error });
  };
}

function originOf(restore: NamedSnapshot, discardingSinks: readonly string[]): RestoreOrigin {
  const { path, claimMode = "NO_CLAIM" } = restore;
  return { path, claimMode, discardingSinks };
}

/** Why sinks are not sure to be right to commit what the snapshot holds. */
async function doubtAbout(
  env: Env,
  found: FoundSnapshot,
  ownJobId: string | undefined,
): Promise<string | undefined> {
  const notes = await restoreNotes(env.files, {
    directory: found.directory,
    checkpointId: found.metadata.checkpointId,
  });
  const other = notes.find(
    ({ jobId, committingSinks }) => jobId !== ownJobId && committingSinks.length > 0,
  );
  if (other !== undefined) return `run ${other.jobId} ("${other.jobName}") began from it too`;
  return wentOn(env, found);
}

/** The snapshot that a run without checkpoints of its own had begun from, if it had. */
async function beganFrom(
  beginning: RunBeginning,
  run: RunDirectory,
): Promise<ChosenSnapshot | undefined> {
  const { restoredFrom } = run.record;
  if (restoredFrom === null) return undefined;
  const { path, claimMode, discardingSinks } = restoredFrom;
  const noted = Object.fromEntries(discardingSinks.map((uid) => [uid, "discard"] as const));
  const { restore } = beginning;
  return chooseSnapshot(
    beginning,
    // What was decided when the run began holds, unless the user decides anew.
    {
      allowNonRestoredState: restore?.allowNonRestoredState ?? false,
      path,
      claimMode,
      sinks: restore?.sinks ?? noted,
    },
    run.jobId,
  );
}

/** From here on the run has begun: notes it, claims it, and gives the point to start from. */
async function take(
  { env, built, onEvent }: RunBeginning,
  begun: {
    readonly run: RunDirectory;
    readonly store: CheckpointStore;
    readonly chosen: ChosenSnapshot;
  },
): Promise<StartPoint> {
  const { run, store, chosen } = begun;
  const { found, origin, committingSinks } = chosen;
  const { metadata, directory, segmentsDirectory } = found;
  run.skipCheckpointIdsTo(metadata.checkpointId);
  await run.beginFrom(origin);
  const note = {
    jobId: run.jobId,
    jobName: built.job.graph.jobName,
    checkpointId: metadata.checkpointId,
    restoredAt: env.clock.now(),
    committingSinks,
  };
  await noteRestore(env.files, directory, note).catch(warning(onEvent));
  if (origin.claimMode === "CLAIM") {
    await endClaimedRun(env, found);
    claim(env, store, found);
  }
  return {
    metadata: metadata.stop === "drain" ? reopened(metadata) : metadata,
    location: directory,
    segmentsDirectory,
    isOwn: false,
    discardingSinks: origin.discardingSinks,
  };
}

/**
 * A drained job that goes on: that its input had ended, and event time with it, was not so. Its
 * windows have fired and its timers are gone all the same.
 */
function reopened(metadata: CheckpointMetadata): CheckpointMetadata {
  const operators = metadata.operators.map((operator) => ({
    ...operator,
    subtasks: operator.subtasks.map((subtask) => ({
      ...subtask,
      watermark: undefined,
      hasEnded: false,
    })),
  }));
  return { ...metadata, operators };
}

/** A run that goes on from its own checkpoint still has to delete what it had claimed. */
async function claimAgain(
  { env, onEvent }: RunBeginning,
  run: RunDirectory,
  store: CheckpointStore,
): Promise<void> {
  const { restoredFrom } = run.record;
  if (restoredFrom?.claimMode !== "CLAIM") return;
  try {
    claim(env, store, await findSnapshot(env.files, restoredFrom.path));
  } catch (error) {
    // Gone, as it has to be.
    if (errorCode(error) !== "SNAPSHOT_NOT_FOUND") onEvent({ kind: "warning", error });
  }
}

function claim(env: Env, store: CheckpointStore, found: FoundSnapshot): void {
  store.claim({
    id: found.metadata.checkpointId,
    isSavepoint: found.metadata.kind === "savepoint",
    isSynchronous: false,
    discard: () => discardClaimed(env.files, found),
  });
}

/** The run's own newest checkpoint; another run may have begun from it meanwhile. */
async function checkOwn(
  { env, built, restore }: RunBeginning,
  run: RunDirectory,
  latest: CheckpointMetadata,
): Promise<void> {
  const allowNonRestoredState = restore?.allowNonRestoredState ?? false;
  checkPlan(planRestore(built.job, latest, { allowNonRestoredState }));
  const location = `${run.directory}/${checkpointDirectoryName(latest.checkpointId)}`;
  const notes = await restoreNotes(env.files, {
    directory: location,
    checkpointId: latest.checkpointId,
  });
  const other = notes.find(({ committingSinks }) => committingSinks.length > 0);
  if (other === undefined) return;
  throw oxbowError(
    "RESTORE_SINKS_UNDECIDED",
    `Run ${other.jobId} ("${other.jobName}") began from ${location}, where this run would go ` +
      `on, and its sinks commit the same transactions. Begin another run from it: -s ${location} ` +
      `--restore-sinks discard, with other places to write to; or remove ${location}/_restored.`,
    { location, jobId: other.jobId },
  );
}

async function recoverStore(
  { env, checkpoint, restorePrevious, onEvent }: RunBeginning,
  run: RunDirectory,
  onDeleted: () => void,
): Promise<CheckpointStore> {
  const { store, decision } = await recoverCheckpointStore(
    {
      files: env.files,
      directory: run.directory,
      epoch: run.epoch,
      retainedCount: checkpoint.retain.count,
      retention: retentionOf(checkpoint),
      onDeleted,
      warn: (error) => onEvent({ kind: "warning", error }),
    },
    restorePrevious,
  );
  if (decision.kind === "refuse") throw decision.error;
  return store;
}
