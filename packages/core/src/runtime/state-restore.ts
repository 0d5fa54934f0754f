/**
 * state-restore: fills an operator's keyed state from the segments of a checkpoint, base first,
 * then deltas.
 */
import { assert } from "../assert.ts";
import type { Files } from "../env/files.ts";
import type { Operator } from "../operators/operator.ts";
import type { SegmentHandle } from "../snapshot/metadata.ts";
import { openSegment } from "../snapshot/segment-reader.ts";
import type { CheckpointId } from "../state/barrier.ts";

/** SEGMENT_CORRUPTED with file and offset for anything that cannot be read. */
export async function restoreKeyed(from: {
  readonly files: Files;
  /** What segment names are relative to. */
  readonly directory: string;
  readonly operator: Operator;
  /** Oldest first. */
  readonly segments: readonly SegmentHandle[];
  /** Their bytes have been compared with the snapshot's checksums. */
  readonly isVerified: boolean;
  /** Later deltas may build on it; undefined: the next checkpoint writes everything. */
  readonly restoredId: CheckpointId | undefined;
}): Promise<void> {
  const { files, directory, operator, segments, isVerified, restoredId } = from;
  for (const handle of segments) {
    const segment = await openSegment(files, { directory, handle });
    try {
      if (!isVerified) await segment.verify(handle.checksum);
      // Also where the type is declared: keys of another type would be read as something else.
      operator.useKeyType(segment.keyType);
      const backend = operator.keyed;
      assert(backend !== undefined, "an operator with segments has keyed state");
      const range = { start: backend.keyGroupStart, end: backend.keyGroupEnd };
      for await (const rows of segment.rows(range)) backend.load(rows);
    } finally {
      await segment.close();
    }
  }
  operator.keyed?.finishLoad(restoredId);
}
