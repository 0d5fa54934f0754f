/*
 * RunLock: at most one live process works in a run directory, and each that ever did has an epoch
 * of its own. Lock and epoch are one thing: holding epoch n means being the newest file in `lock/`.
 *
 *     lock/epoch-0000000007   checked text: who holds it, since when, whether it was given back
 *
 * Taking it: find the newest file; if its holder lives and has not given it back, refuse; else
 * create the file of the next epoch, complete and durable, under a name that must be free; look
 * again.
 *
 * I1. Of all processes that try to take epoch n exactly one succeeds: creation never overwrites.
 * I2. The newest file is never removed, so no epoch is ever given twice. A process that was asleep
 *     since it looked may create an old number again after that file was cleaned away; it then
 *     sees a newer file when it looks again, and withdraws. Nothing was done in between.
 * I3. A holder that cannot be known to be dead (another machine) counts as alive.
 */
import { assert } from "../assert.ts";
import type { Env } from "../env/env.ts";
import type { Files } from "../env/files.ts";
import { errorCode, oxbowError } from "../errors.ts";
import {
  corrupted,
  decodeCheckedText,
  encodeCheckedText,
  type CheckedTextFormat,
} from "./checked-text.ts";
import {
  createDirectoryDurably,
  createDurably,
  readAll,
  replaceDurably,
  TEMPORARY_MARK,
} from "./durable-file.ts";

/** Name of the lock directory in a run directory. */
export const LOCK_DIRECTORY = "lock";

/** Tries before giving up; each lost race means that somebody else made progress. */
const TRIES_LIMIT = 100;

const FORMAT: CheckedTextFormat = { magic: "oxbow-lock", version: 1 };
const NAME = /^epoch-(\d{10})$/;

/** Who holds a run. */
export interface LockHolder {
  readonly epoch: number;
  readonly pid: number;
  readonly startToken: string;
  /** Processing time in ms. */
  readonly takenAt: number;
  readonly isReleased: boolean;
}

/** A held lock. */
export interface RunLock {
  /** Grows with every start of a process for this run, from 1. */
  readonly epoch: number;
  /** Gives it back; idempotent. A process that dies without is detected. */
  release(): Promise<void>;
}

/**
 * Takes the lock of the run directory `directory`, which must exist and be durable. Durable when it
 * resolves. Throws RUN_LOCKED naming the pid of a live holder.
 */
export async function takeRunLock(env: Env, directory: string): Promise<RunLock> {
  const lockDirectory = `${directory}/${LOCK_DIRECTORY}`;
  await createDirectoryDurably(env.files, lockDirectory);
  const tag = `${env.process.pid}-${env.random.int(2 ** 31)}`;
  for (let tries = 0; tries < TRIES_LIMIT; tries++) {
    const newest = await newestEpoch(env.files, lockDirectory);
    if (newest > 0) await refuseIfHeld(env, lockDirectory, newest);
    const lock = await tryEpoch(env, { lockDirectory, epoch: newest + 1, tag });
    if (lock !== undefined) return lock;
  }
  const message = `The lock of ${directory} changes hands too often; try again.`;
  throw oxbowError("RUN_LOCKED", message, { directory });
}

/** Who holds, or held last, the lock of a run directory; undefined if nobody ever did. */
export async function readLockHolder(
  files: Files,
  directory: string,
): Promise<LockHolder | undefined> {
  const lockDirectory = `${directory}/${LOCK_DIRECTORY}`;
  const newest = await newestEpoch(files, lockDirectory);
  return newest === 0 ? undefined : readHolder(files, lockDirectory, newest);
}

/** Whether a process that lives, or may live, holds the lock of a run directory. */
export async function isRunHeld(env: Env, directory: string): Promise<boolean> {
  if ((await env.files.status(`${directory}/${LOCK_DIRECTORY}`)) === undefined) return false;
  const holder = await readLockHolder(env.files, directory);
  if (holder === undefined || holder.isReleased) return false;
  return env.process.isAlive(holder.pid, holder.startToken);
}

interface Attempt {
  readonly lockDirectory: string;
  readonly epoch: number;
  readonly tag: string;
}

async function tryEpoch(env: Env, attempt: Attempt): Promise<RunLock | undefined> {
  const { lockDirectory, epoch, tag } = attempt;
  const { pid, startToken } = env.process;
  const holder: LockHolder = {
    epoch,
    pid,
    startToken,
    takenAt: env.clock.now(),
    isReleased: false,
  };
  const file = { directory: lockDirectory, name: nameOf(epoch), tag };
  try {
    await createDurably(env.files, { ...file, bytes: encodeCheckedText(FORMAT, holder) });
  } catch (error) {
    // FILE_NOT_FOUND: a holder's clean-up took our temporary file.
    const code = errorCode(error);
    if (code === "FILE_EXISTS" || code === "FILE_NOT_FOUND") return undefined;
    throw error;
  }
  if ((await newestEpoch(env.files, lockDirectory)) !== epoch) {
    await env.files.remove(`${lockDirectory}/${nameOf(epoch)}`);
    return undefined;
  }
  await removeOlder(env.files, lockDirectory, epoch);
  let isReleased = false;
  return {
    epoch,
    release: async () => {
      if (isReleased) return;
      isReleased = true;
      const released = encodeCheckedText(FORMAT, { ...holder, isReleased: true });
      await replaceDurably(env.files, { ...file, bytes: released }).catch((error: unknown) => {
        // The next holder may take over, and clean up, as soon as it sees this.
        if (errorCode(error) !== "FILE_NOT_FOUND") throw error;
      });
    },
  };
}

async function refuseIfHeld(env: Env, lockDirectory: string, epoch: number): Promise<void> {
  const holder = await readHolder(env.files, lockDirectory, epoch);
  if (holder === undefined || holder.isReleased) return;
  const { pid, startToken, takenAt } = holder;
  if (!env.process.isAlive(pid, startToken)) return;
  const machine = startToken.includes("/") ? ` on ${startToken.split("/")[0]}` : "";
  const since = new Date(takenAt).toISOString();
  const message =
    `The run in ${lockDirectory} is held by process ${pid}${machine} since ${since}. ` +
    `Stop that process first; if it is gone for certain, break the lock by creating an empty ` +
    `file ${lockDirectory}/${nameOf(epoch + 1)}.`;
  throw oxbowError("RUN_LOCKED", message, { directory: lockDirectory, pid, epoch });
}

/** Undefined if the file is gone meanwhile, or empty: the mark of a user who broke the lock. */
async function readHolder(
  files: Files,
  lockDirectory: string,
  epoch: number,
): Promise<LockHolder | undefined> {
  const path = `${lockDirectory}/${nameOf(epoch)}`;
  const bytes = await readAll(files, path).catch((error: unknown) => {
    if (errorCode(error) === "FILE_NOT_FOUND") return undefined;
    throw error;
  });
  if (bytes === undefined || bytes.length === 0) return undefined;
  const { value } = decodeCheckedText(FORMAT, path, bytes);
  if (!isHolder(value)) throw corrupted(path, 0, "it does not say who holds the lock");
  assert(value.epoch === epoch, () => `${path} says epoch ${value.epoch}`);
  return value;
}

function isHolder(value: unknown): value is LockHolder {
  const holder = value as Partial<LockHolder> | null;
  return (
    typeof holder === "object" &&
    Number.isSafeInteger(holder?.epoch) &&
    Number.isSafeInteger(holder?.pid) &&
    typeof holder?.startToken === "string" &&
    typeof holder.takenAt === "number" &&
    typeof holder.isReleased === "boolean"
  );
}

async function newestEpoch(files: Files, lockDirectory: string): Promise<number> {
  let newest = 0;
  for (const name of await files.list(lockDirectory)) {
    newest = Math.max(newest, Number(NAME.exec(name)?.[1] ?? 0));
  }
  return newest;
}

/** Files of older epochs, and what dead or beaten rivals left. */
async function removeOlder(files: Files, lockDirectory: string, epoch: number): Promise<void> {
  for (const name of await files.list(lockDirectory)) {
    const older = Number(NAME.exec(name)?.[1] ?? Infinity) < epoch;
    if (older || name.includes(TEMPORARY_MARK)) await files.remove(`${lockDirectory}/${name}`);
  }
}

function nameOf(epoch: number): string {
  return `epoch-${String(epoch).padStart(10, "0")}`;
}
