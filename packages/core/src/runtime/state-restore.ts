/**
 * state-restore: fills an operator's keyed state from the segments of a snapshot. After a change of
 * parallelism these are segments of several old subtasks, one subtask after the other, each base
 * first, then deltas; only the rows of the operator's own key groups are read.
 */
import { assert } from "../assert.ts";
import type { Files } from "../env/files.ts";
import type { Operator } from "../operators/operator.ts";
import { openSegment } from "../snapshot/segment-reader.ts";
import type { CheckpointId } from "../state/barrier.ts";
import type { OperatorRestore } from "./messages.ts";

/**
 * SEGMENT_CORRUPTED with file and offset for anything that cannot be read, STATE_MISMATCH for state
 * that cannot go on as it is declared. Returns whether state was stored with other schemas than the
 * declared ones: then `restoredId` is no base, and the next checkpoint writes everything.
 */
export async function restoreKeyed(from: {
  readonly files: Files;
  /** What segment names are relative to. */
  readonly directory: string;
  readonly operator: Operator;
  readonly restore: OperatorRestore;
  /** The bytes of the segments have been compared with the snapshot's checksums. */
  readonly isVerified?: boolean;
  /** Later deltas may build on it; undefined: the next checkpoint writes everything. */
  readonly restoredId: CheckpointId | undefined;
}): Promise<boolean> {
  const { files, directory, operator, restore, isVerified, restoredId } = from;
  const mayDrop = new Set(restore.leftBehind);
  for (const handle of restore.segments) {
    const segment = await openSegment(files, { directory, handle });
    try {
      if (!isVerified) await segment.verify(handle.checksum);
      // Also where the type is declared: keys of another type would be read as something else.
      operator.useKeyType(segment.keyType);
      const backend = operator.keyed;
      assert(backend !== undefined, "an operator with segments has keyed state");
      assert(
        segment.footer.maxParallelism === backend.maxParallelism,
        "key groups of a segment are those of its operator",
      );
      backend.beginLoad({ schemas: segment.footer.schemas, mayDrop });
      const range = { start: backend.keyGroupStart, end: backend.keyGroupEnd };
      for await (const rows of segment.rows(range)) backend.load(rows);
    } finally {
      await segment.close();
    }
  }
  return operator.keyed?.finishLoad(restoredId) ?? false;
}
