/*
 * Names of the file sink. Pending files lie flat in `<directory>/.oxbow-pending`, final ones in the
 * directory or in a partition's directory below it:
 *
 *   .oxbow-pending/<run>.<sink>.<epoch>.<attempt>.<subtask>.<counter>.open      while it is written
 *   .oxbow-pending/<run>.<sink>.<epoch>.<attempt>.<subtask>.<counter>.pending   when it is prepared
 *   [<partition>/]<prefix>-<run>-<sink>-<epoch>-<attempt>-<subtask>-<counter><suffix>
 *
 * `sink` is the CRC-32 of the uid in 8 hex digits: two sinks of a job may write into one directory.
 *
 * I1. No two writers ever make the same name: an attempt is one process's start of one subtask.
 * I2. No snapshot names an open file; only a prepared one can be committed.
 */
import { crc32 } from "node:zlib";
import { oxbowError } from "../../errors.ts";
import { joinPath } from "../files/paths.ts";
import type { SinkIdentity } from "../sink.ts";

/** Directory of pending files; its name is hidden, so sources pass it over. */
export const PENDING_DIRECTORY = ".oxbow-pending";
/** Longest name of a partition, characters. */
export const MAX_PARTITION_LENGTH = 1024;

const PENDING = /^([A-Za-z0-9_-]+)\.([0-9a-f]{8})\.(\d+)\.(\d+)\.(\d+)\.(\d+)\.(open|pending)$/;

/** Who wrote a pending file. */
export interface PendingName {
  readonly runId: string;
  readonly sinkId: string;
  readonly epoch: number;
  readonly attempt: number;
  readonly isPrepared: boolean;
}

/** `sink` of the file header. */
export function sinkIdOf(uid: string): string {
  return crc32(uid).toString(16).padStart(8, "0");
}

/** The run's id in a form that is safe in file names. */
export function safeRunId(runId: string): string {
  if (/^[A-Za-z0-9_-]{1,100}$/.test(runId)) return runId;
  return `run_${crc32(runId).toString(16).padStart(8, "0")}`;
}

/** Name of the writer's pending file number `counter`, without `.open` or `.pending`. */
export function pendingName(identity: SinkIdentity, counter: number): string {
  const { runId, uid, epoch, attempt, subtaskIndex } = identity;
  const run = safeRunId(runId);
  return `${run}.${sinkIdOf(uid)}.${epoch}.${attempt}.${subtaskIndex}.${counter}`;
}

/** Undefined where a name is no pending file's. */
export function parsePendingName(name: string): PendingName | undefined {
  const parts = PENDING.exec(name);
  if (parts === null) return undefined;
  return {
    runId: parts[1],
    sinkId: parts[2],
    epoch: Number(parts[3]),
    attempt: Number(parts[4]),
    isPrepared: parts[7] === "pending",
  };
}

/** Final name of the writer's file number `counter`. */
export function finalName(
  identity: SinkIdentity,
  counter: number,
  style: { readonly prefix: string; readonly suffix: string },
): string {
  const { runId, uid, epoch, attempt, subtaskIndex } = identity;
  const who = `${safeRunId(runId)}-${sinkIdOf(uid)}-${epoch}-${attempt}-${subtaskIndex}-${counter}`;
  return `${style.prefix}-${who}${style.suffix}`;
}

/**
 * Directory of a partition. PARTITION_INVALID: empty parts, `.`, `..`, absolute, hidden, control
 * characters.
 */
export function partitionDirectory(directory: string, partition: string): string {
  if (partition === "") return directory;
  const reason = partitionFault(partition);
  if (reason !== undefined) {
    const shown = partition.slice(0, 100);
    throw oxbowError(
      "PARTITION_INVALID",
      `partitionBy of a file sink returned ${JSON.stringify(shown)}: ${reason}. Return a ` +
        `relative path such as "day=2001-01-31".`,
      { partition: shown, reason },
    );
  }
  return joinPath(directory, partition);
}

function partitionFault(partition: string): string | undefined {
  if (partition.length > MAX_PARTITION_LENGTH) return `longer than ${MAX_PARTITION_LENGTH}`;
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for.
  if (/[\u0000-\u001f\u007f\\:*?"<>|]/.test(partition)) return "it has a character unsafe in names";
  for (const part of partition.split("/")) {
    if (part === "") return "it has an empty part or is absolute";
    if (part.startsWith(".")) return "a part begins with a dot";
    if (part.endsWith(".") || part.endsWith(" ")) return "a part ends with a dot or space";
    if (Buffer.byteLength(part) > 200) return "a part has more than 200 bytes";
  }
  return undefined;
}
