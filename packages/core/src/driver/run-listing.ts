/*
 * Which runs there are: those that live, from the registry, and those of a checkpoint directory.
 * Reads only, but for entries of the registry that are stale.
 */
import { errorCode } from "../errors.ts";
import type { Env } from "../env/env.ts";
import { nodeEnv } from "../env/node-env.ts";
import { METADATA_NAME } from "../snapshot/metadata-file.ts";
import { readLockHolder } from "../snapshot/run-lock.ts";
import { readRunRecord } from "../snapshot/run-record.ts";
import type { RunRecord } from "../snapshot/run-record.ts";
import { connectToRun } from "./control-client.ts";
import { readRegistry } from "./control-registry.ts";
import type { RunStatusReport } from "./run-control.ts";

/** The newest checkpoint that lies in a run directory. */
export interface CheckpointOnDisk {
  readonly id: number;
  /** Absolute path of its directory. */
  readonly location: string;
  /** Ms since the epoch. */
  readonly completedAt: number;
}

/**
 * A run.
 * - `live`: its process has answered.
 * - `silent`: its process lives, as far as can be known, and does not answer.
 * - `at-rest`: no process works on it; `record.status` is `running` where one died.
 * - `unreadable`: what it is cannot be read.
 */
export type RunListing =
  | { readonly kind: "live"; readonly runDirectory: string; readonly report: RunStatusReport }
  | {
      readonly kind: "silent";
      readonly runDirectory: string;
      readonly record: RunRecord;
      readonly pid: number;
      readonly checkpoint: CheckpointOnDisk | undefined;
      readonly error: unknown;
    }
  | {
      readonly kind: "at-rest";
      readonly runDirectory: string;
      readonly record: RunRecord;
      readonly checkpoint: CheckpointOnDisk | undefined;
    }
  | { readonly kind: "unreadable"; readonly runDirectory: string; readonly error: unknown };

/** Where to look. */
export interface ListRunsOptions {
  /** Absolute; runs in it are listed too, whether they live or not. */
  readonly checkpointDirectory?: string;
  /** For tests: another machine. */
  readonly env?: Env;
}

/** All runs, by the time at which they began; FILE_NOT_FOUND where the directory is not there. */
export async function listRuns(options: ListRunsOptions = {}): Promise<RunListing[]> {
  const { checkpointDirectory, env = nodeEnv() } = options;
  const directories = new Set((await readRegistry(env)).map(({ runDirectory }) => runDirectory));
  if (checkpointDirectory !== undefined) {
    for (const name of await env.files.list(checkpointDirectory)) {
      directories.add(`${checkpointDirectory}/${name}`);
    }
  }
  const looks = [...directories].map((directory) => describeRun(directory, env));
  const found = (await Promise.all(looks)).filter((listing) => listing !== undefined);
  // One run may have been found by two paths.
  const byIdentity = new Map(found.map((listing) => [identityOf(listing), listing]));
  return [...byIdentity.values()].toSorted((a, b) => beganAt(a) - beganAt(b));
}

/** The run in a directory; undefined if there is none. */
export async function describeRun(
  runDirectory: string,
  env: Env = nodeEnv(),
): Promise<RunListing | undefined> {
  try {
    const connection = await connectToRun(runDirectory, env);
    try {
      return { kind: "live", runDirectory, report: await connection.status() };
    } finally {
      connection.close();
    }
  } catch (error) {
    return describeFiles(runDirectory, env, error);
  }
}

async function describeFiles(
  runDirectory: string,
  env: Env,
  error: unknown,
): Promise<RunListing | undefined> {
  try {
    const record = await readRunRecord(env.files, runDirectory);
    if (record === undefined) return undefined;
    const checkpoint = await newestCheckpoint(env, runDirectory);
    if (errorCode(error) === "RUN_NOT_RUNNING") {
      return { kind: "at-rest", runDirectory, record, checkpoint };
    }
    const pid = (await readLockHolder(env.files, runDirectory))?.pid ?? 0;
    return { kind: "silent", runDirectory, record, pid, checkpoint, error };
  } catch (fault) {
    return { kind: "unreadable", runDirectory, error: fault };
  }
}

async function newestCheckpoint(
  env: Env,
  runDirectory: string,
): Promise<CheckpointOnDisk | undefined> {
  const names = await env.files.list(runDirectory);
  const ids = names.map((name) => Number(/^chk-(\d{1,15})$/.exec(name)?.[1] ?? -1));
  for (const id of ids.filter((known) => known >= 0).toSorted((a, b) => b - a)) {
    const location = `${runDirectory}/chk-${id}`;
    const status = await env.files.status(`${location}/${METADATA_NAME}`);
    if (status !== undefined) return { id, location, completedAt: status.modifiedAt };
  }
  return undefined;
}

function identityOf(listing: RunListing): string {
  return listing.kind === "live"
    ? `${listing.report.jobId} ${listing.report.pid} ${listing.report.epoch}`
    : listing.runDirectory;
}

function beganAt(listing: RunListing): number {
  if (listing.kind === "live") return listing.report.startedAt;
  return listing.kind === "unreadable" ? 0 : listing.record.createdAt;
}
