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

/** SEGMENT_CORRUPTED with file and offset for anything that cannot be read. */
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
}): Promise<void> {
  const { files, directory, operator, restore, isVerified, restoredId } = from;
  const { segments, leftBehind } = restore;
  for (const handle of segments) {
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
      const range = { start: backend.keyGroupStart, end: backend.keyGroupEnd };
      for await (const rows of segment.rows(range)) {
        if (!isLeftBehind(rows.table, leftBehind)) backend.load(rows);
      }
    } finally {
      await segment.close();
    }
  }
  const { keyed } = operator;
  // Keys of which only what is left behind was there.
  if (leftBehind.length > 0) keyed?.forEachKey(() => keyed.release());
  keyed?.finishLoad(restoredId);
}

/** Whether a table is a state's own, or that of a pane's child of this name. */
function isLeftBehind(table: string, leftBehind: readonly string[]): boolean {
  return leftBehind.some((name) => table === name || table.endsWith(`/${name}`));
}
