/*
 * `run.json`: what a run directory says about its run. Format: docs/formats/run-directory.md.
 */
import type { Files } from "../env/files.ts";
import { errorCode } from "../errors.ts";
import {
  corrupted,
  decodeCheckedText,
  encodeCheckedText,
  type CheckedTextFormat,
} from "./checked-text.ts";
import { readAll, replaceDurably } from "./durable-file.ts";

/** Name of the file in a run directory. */
export const RUN_RECORD_NAME = "run.json";

/** Life of a run: `running` until its end is written, also after a crash. */
export type RunStatus = "running" | "finished" | "failed" | "canceled";

/** What a run began from. */
export interface RestoreOrigin {
  /** As the user gave it, made absolute. */
  readonly path: string;
  /** `CLAIM`: it is the run's own to delete. */
  readonly claimMode: "NO_CLAIM" | "CLAIM";
  /** Sinks whose transactions in it are left to the run that took it, by uid. */
  readonly discardingSinks: readonly string[];
}

/** The savepoint with which a run was stopped. */
export interface StoppedWith {
  /** Absolute path of its directory. */
  readonly path: string;
  readonly isDrained: boolean;
}

/** Content of `run.json`. */
export interface RunRecord {
  readonly jobId: string;
  readonly jobName: string;
  readonly status: RunStatus;
  /** False once the run is over for good: it finished, or nothing is left to go on from. */
  readonly isResumable: boolean;
  /** Epoch of the process that wrote this. */
  readonly epoch: number;
  /** Null: it began without state. */
  readonly restoredFrom: RestoreOrigin | null;
  /** Null: it was not stopped with a savepoint. */
  readonly stoppedWith: StoppedWith | null;
  /** All ids below may have been used; the next process begins here. */
  readonly checkpointIdEnd: number;
  /** Processing times in ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Why it failed; null otherwise. */
  readonly failure: string | null;
}

const FORMAT: CheckedTextFormat = { magic: "oxbow-run", version: 1 };

/** The record in a run directory; undefined if there is none. METADATA_CORRUPTED if damaged. */
export async function readRunRecord(
  files: Files,
  directory: string,
): Promise<RunRecord | undefined> {
  const path = `${directory}/${RUN_RECORD_NAME}`;
  const bytes = await readAll(files, path).catch((error: unknown) => {
    if (errorCode(error) === "FILE_NOT_FOUND") return undefined;
    throw error;
  });
  if (bytes === undefined) return undefined;
  const { value } = decodeCheckedText(FORMAT, path, bytes);
  if (!isRunRecord(value)) throw corrupted(path, 0, "it does not describe a run");
  return upgraded(value);
}

/** Members that a record of an earlier version of Oxbow lacks. */
function upgraded(record: RunRecord): RunRecord {
  const { restoredFrom, stoppedWith = null } = record as Partial<RunRecord>;
  const origin = { claimMode: "NO_CLAIM", discardingSinks: [] } as const;
  return {
    ...record,
    restoredFrom: restoredFrom ? { ...origin, ...restoredFrom } : null,
    stoppedWith,
  };
}

/** Writes the record; durable when it resolves. Only the holder of the run's lock may. */
export async function writeRunRecord(
  files: Files,
  directory: string,
  record: RunRecord,
): Promise<void> {
  const bytes = encodeCheckedText(FORMAT, record);
  const tag = String(record.epoch);
  await replaceDurably(files, { directory, name: RUN_RECORD_NAME, bytes, tag });
}

const STATUSES: readonly unknown[] = ["running", "finished", "failed", "canceled"];

function isRunRecord(value: unknown): value is RunRecord {
  const record = value as Partial<RunRecord> | null;
  return (
    typeof record === "object" &&
    record !== null &&
    typeof record.jobId === "string" &&
    typeof record.jobName === "string" &&
    STATUSES.includes(record.status) &&
    typeof record.isResumable === "boolean" &&
    Number.isSafeInteger(record.epoch) &&
    Number.isSafeInteger(record.checkpointIdEnd) &&
    typeof record.createdAt === "number" &&
    typeof record.updatedAt === "number" &&
    (record.restoredFrom === null || typeof record.restoredFrom?.path === "string") &&
    typeof (record.stoppedWith ?? { path: "" }).path === "string"
  );
}
