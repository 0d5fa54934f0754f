/*
 * RunDirectory: a run's place on disk, `<checkpoint-dir>/<jobId>`, held by one process at a time.
 * Owns the lock, the epoch, `run.json` and the ids of checkpoints; what the checkpoints are is the
 * store's business (`checkpoint-store.ts`). Format: docs/formats/run-directory.md.
 *
 * I1. Before anything else is written, the lock is held and its epoch is durable.
 * I2. No checkpoint id is ever given out twice in a run: a range is reserved durably before its
 *     first id is used.
 * I3. The same command resumes a run; `newRun` or another `restoreFrom` begins another one; a run
 *     that is over says so and is left as it is, but for what its end left behind
 *     (`ended-run.ts`).
 */
import { createHash } from "node:crypto";
import { assert } from "../assert.ts";
import type { Env } from "../env/env.ts";
import { oxbowError } from "../errors.ts";
import type { CheckpointId } from "../state/barrier.ts";
import {
  createDirectoriesDurably,
  createDirectoryDurably,
  TEMPORARY_MARK,
} from "./durable-file.ts";
import { takeRunLock, type RunLock } from "./run-lock.ts";
import {
  readRunRecord,
  RUN_RECORD_NAME,
  writeRunRecord,
  type RestoreOrigin,
  type RunRecord,
  type RunStatus,
  type StoppedWith,
} from "./run-record.ts";

/** Ids reserved at a time; a crash skips at most so many. */
export const CHECKPOINT_IDS_RESERVED_COUNT = 32;

/** Runs of one job name in one directory; more means that something starts new runs in a loop. */
const RUNS_PER_NAME_LIMIT = 100_000;

/** Runs of a name in a row that may have been removed while a newer one is found all the same. */
const REMOVED_RUNS_MAX = 1_000;

const JOB_ID = /^(?!savepoints$)[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/** What to start. */
export interface RunRequest {
  /** Absolute; made if it is not there. */
  readonly checkpointDirectory: string;
  readonly jobName: string;
  /** 1 to 128 letters, digits, `-`, `_`; undefined: derived from the name. */
  readonly jobId?: string | undefined;
  /** Begin another run even if there is one to resume. */
  readonly newRun?: boolean | undefined;
  /** Snapshot that a new run begins from, as the user gave it. */
  readonly restoreFrom?: RestoreOrigin | undefined;
  /** A run begins: called before anything is made. If it rejects, nothing is left behind. */
  readonly beforeBegin?: () => Promise<void>;
}

/** What came of a request. `ended`: the run is over; nothing was changed. */
export type RunOpening =
  | { readonly kind: "open"; readonly run: RunDirectory }
  | { readonly kind: "ended"; readonly directory: string; readonly record: RunRecord };

/** Id of the nth run of a job name: 32 hex digits, stable for ever. */
export function deriveJobId(jobName: string, ordinal = 0): string {
  return createHash("sha256")
    .update(`oxbow-run\n${ordinal}\n${jobName}`)
    .digest("hex")
    .slice(0, 32);
}

/**
 * Resumes or begins a run and takes its lock. Throws RUN_LOCKED (names the pid), RUN_EXISTS (a
 * given id is taken by a run that this request does not resume), METADATA_CORRUPTED, FILE_IO.
 */
export async function openRun(env: Env, request: RunRequest): Promise<RunOpening> {
  const { jobId, isNew } = await chooseRun(env, request);
  const directory = `${request.checkpointDirectory}/${jobId}`;
  if (isNew) await request.beforeBegin?.();
  await createDirectoriesDurably(env.files, request.checkpointDirectory);
  await createDirectoryDurably(env.files, directory);
  const before = await readRunRecord(env.files, directory);
  if (before !== undefined && !before.isResumable) {
    return { kind: "ended", directory, record: before };
  }
  const lock = await takeRunLock(env, directory);
  try {
    return await openLocked(env, { request, jobId, directory, lock });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface LockedRun {
  readonly request: RunRequest;
  readonly jobId: string;
  readonly directory: string;
  readonly lock: RunLock;
}

async function openLocked(env: Env, locked: LockedRun): Promise<RunOpening> {
  const { request, jobId, directory, lock } = locked;
  const previous = await readRunRecord(env.files, directory);
  if (previous !== undefined && !previous.isResumable) {
    await lock.release();
    return { kind: "ended", directory, record: previous };
  }
  const now = env.clock.now();
  const { restoreFrom } = request;
  const record: RunRecord = {
    jobId,
    jobName: request.jobName,
    status: "running",
    isResumable: true,
    epoch: lock.epoch,
    restoredFrom: previous?.restoredFrom ?? restoreFrom ?? null,
    stoppedWith: null,
    checkpointIdEnd: previous?.checkpointIdEnd ?? 1,
    createdAt: previous?.createdAt ?? now,
    updatedAt: now,
    failure: null,
  };
  const run = new RunDirectory(env, { directory, record, previous, lock });
  await run.start();
  return { kind: "open", run };
}

interface RunParts {
  readonly directory: string;
  readonly record: RunRecord;
  readonly previous: RunRecord | undefined;
  readonly lock: RunLock;
}

/** A run that this process holds. One per process and run; made by `openRun`. */
export class RunDirectory {
  /** Absolute path. */
  readonly directory: string;
  /** What the last process left; undefined for a new run. */
  readonly previous: RunRecord | undefined;
  readonly #env: Env;
  readonly #lock: RunLock;
  #record: RunRecord;
  #nextId: CheckpointId;
  /** Ids below are reserved on disk. */
  #durableIdEnd: CheckpointId;
  #writes: Promise<void> = Promise.resolve();

  constructor(env: Env, parts: RunParts) {
    this.#env = env;
    this.directory = parts.directory;
    this.previous = parts.previous;
    this.#record = parts.record;
    this.#lock = parts.lock;
    this.#nextId = parts.record.checkpointIdEnd;
    this.#durableIdEnd = this.#nextId;
  }

  /** What `run.json` says, or is about to say. */
  get record(): RunRecord {
    return this.#record;
  }

  get jobId(): string {
    return this.#record.jobId;
  }

  /** Grows with every start of a process for this run, from 1. */
  get epoch(): number {
    return this.#lock.epoch;
  }

  /**
   * Called once by `openRun`: writes the record and removes what dead processes left half-written.
   */
  async start(): Promise<void> {
    const { files } = this.#env;
    for (const name of await files.list(this.directory)) {
      if (name.includes(TEMPORARY_MARK)) await files.remove(`${this.directory}/${name}`);
    }
    const checkpointIdEnd = this.#nextId + CHECKPOINT_IDS_RESERVED_COUNT;
    await this.#update({ checkpointIdEnd });
  }

  /** What the run begins from, as it was decided. */
  async beginFrom(restoredFrom: RestoreOrigin): Promise<void> {
    await this.#update({ restoredFrom });
  }

  /** Later ids are greater than `id`: that of the snapshot from which the run was restored. */
  skipCheckpointIdsTo(id: CheckpointId): void {
    this.#nextId = Math.max(this.#nextId, id + 1);
  }

  /**
   * An id for a checkpoint or savepoint that nobody ever had in this run. Usually immediate; a
   * write to disk every so often.
   */
  async allocateCheckpointId(): Promise<CheckpointId> {
    assert(this.#record.status === "running", "checkpoints are for running runs");
    const id = this.#nextId++;
    if (id >= this.#durableIdEnd) {
      const checkpointIdEnd = id + CHECKPOINT_IDS_RESERVED_COUNT;
      // Callers that come meanwhile queue behind this write and then reserve for themselves.
      await this.#update({ checkpointIdEnd });
    }
    return id;
  }

  /**
   * The run ended. `isResumable`: the same command goes on from its checkpoints; never after
   * `finished`. Durable when it resolves; the lock is still held.
   */
  async end(
    status: Exclude<RunStatus, "running">,
    rest: { readonly isResumable: boolean; readonly failure?: string },
  ): Promise<void> {
    assert(status !== "finished" || !rest.isResumable, "a finished run is over");
    const { isResumable, failure = null } = rest;
    const checkpointIdEnd = Math.max(this.#nextId, this.#record.checkpointIdEnd);
    await this.#update({ status, isResumable, failure, checkpointIdEnd });
  }

  /**
   * A stop has taken a savepoint that is complete: from here on the run does not go on from its
   * checkpoints. Durable when it resolves. Where it rejects, nothing has changed, except with
   * CHECKPOINT_UNCERTAIN: then the process must end.
   */
  async stopWith(stoppedWith: StoppedWith): Promise<void> {
    try {
      await this.#update({ stoppedWith, isResumable: false });
    } catch (error) {
      try {
        await this.#update({ stoppedWith: null, isResumable: true });
      } catch {
        const message =
          `Writing ${this.directory}/${RUN_RECORD_NAME} failed, and so did taking it back; ` +
          `whether the run is stopped with ${stoppedWith.path} is not known until storage works ` +
          "again. End this process and start the job again.";
        const details = { file: `${this.directory}/${RUN_RECORD_NAME}`, path: stoppedWith.path };
        throw oxbowError("CHECKPOINT_UNCERTAIN", message, details, error);
      }
      throw error;
    }
  }

  /** Gives the lock back. Without `end` the run stays `running`, to be resumed. Idempotent. */
  async close(): Promise<void> {
    await this.#writes;
    await this.#lock.release();
  }

  /** Writes are queued; each has all changes made before it. */
  #update(change: Partial<RunRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change, updatedAt: this.#env.clock.now() };
    const record = this.#record;
    const write = this.#writes.then(async () => {
      await writeRunRecord(this.#env.files, this.directory, record);
      this.#durableIdEnd = Math.max(this.#durableIdEnd, record.checkpointIdEnd);
    });
    // Whoever asked for a write gets its error; the next write goes ahead all the same.
    this.#writes = write.catch(() => undefined);
    return write;
  }
}

interface ChosenRun {
  readonly jobId: string;
  /** There is no such run yet. */
  readonly isNew: boolean;
}

/** A given id as it is, or that of the newest run of this name, or of the next. */
async function chooseRun(env: Env, request: RunRequest): Promise<ChosenRun> {
  const { jobId, checkpointDirectory, jobName, restoreFrom } = request;
  const beginsAnother = (record: RunRecord): boolean =>
    request.newRun === true ||
    (restoreFrom !== undefined && restoreFrom.path !== record.restoredFrom?.path);
  if (jobId !== undefined) {
    if (!JOB_ID.test(jobId)) {
      const message =
        `"${jobId}" is no job id: use 1 to 128 letters, digits, "-" and "_", and not ` +
        `"savepoints".`;
      throw oxbowError("INVALID_ARGUMENT", message, { jobId });
    }
    const record = await readRunRecord(env.files, `${checkpointDirectory}/${jobId}`);
    if (record === undefined || !beginsAnother(record)) {
      return { jobId, isNew: record === undefined };
    }
    const message =
      `There is a run ${jobId} in ${checkpointDirectory} already, which began from ` +
      `${record.restoredFrom?.path ?? "nothing"}. Give the new run another id, or none.`;
    throw oxbowError("RUN_EXISTS", message, { jobId, directory: checkpointDirectory });
  }
  const newest = await newestRunOf(env, request);
  if (newest === undefined) return { jobId: deriveJobId(jobName), isNew: true };
  const isNew = beginsAnother(newest.record);
  const ordinal = isNew ? newest.ordinal + 1 : newest.ordinal;
  if (ordinal < RUNS_PER_NAME_LIMIT) return { jobId: deriveJobId(jobName, ordinal), isNew };
  const directory = checkpointDirectory;
  const message = `${directory} holds ${RUNS_PER_NAME_LIMIT} runs of "${jobName}"; clean up.`;
  throw oxbowError("RUN_EXISTS", message, { jobName, directory });
}

/** The newest run of a job name; older ones may have been removed. */
async function newestRunOf(
  { files }: Env,
  { checkpointDirectory, jobName }: RunRequest,
): Promise<{ readonly ordinal: number; readonly record: RunRecord } | undefined> {
  if ((await files.status(checkpointDirectory)) === undefined) return undefined;
  const names = new Set(await files.list(checkpointDirectory));
  let newest: { readonly ordinal: number; readonly record: RunRecord } | undefined;
  for (let ordinal = 0; ordinal <= (newest?.ordinal ?? 0) + REMOVED_RUNS_MAX; ordinal++) {
    const id = deriveJobId(jobName, ordinal);
    if (!names.has(id)) continue;
    const record = await readRunRecord(files, `${checkpointDirectory}/${id}`);
    if (record !== undefined) newest = { ordinal, record };
  }
  return newest;
}
