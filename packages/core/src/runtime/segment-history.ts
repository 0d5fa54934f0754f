/**
 * SegmentHistory: which segments make up the keyed state of one operator's subtask at each
 * checkpoint, and whether the next checkpoint writes a base or a delta.
 *
 * A full base is written when the deltas on top of the last one exceed it in bytes or
 * `DELTAS_COUNT_MAX` in number.
 */
import type { SegmentHandle } from "../snapshot/metadata.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";

/** Deltas on one base: a restore reads all of them. */
export const DELTAS_COUNT_MAX = 32;

/** See the file header. */
export class SegmentHistory {
  /**
   * Segments, oldest first, by checkpoint; only checkpoints that a barrier may still name as base.
   */
  readonly #byCheckpoint = new Map<CheckpointId, readonly SegmentHandle[]>();

  /** What `checkpointId` consists of (after a restore, or when a snapshot was written). */
  note(checkpointId: CheckpointId, segments: readonly SegmentHandle[]): void {
    this.#byCheckpoint.set(checkpointId, segments);
  }

  /** Segments that a delta for this barrier builds on; undefined: write everything. */
  baseFor(barrier: Barrier): readonly SegmentHandle[] | undefined {
    const { base } = barrier;
    if (base === undefined) return undefined;
    for (const id of this.#byCheckpoint.keys()) if (id < base) this.#byCheckpoint.delete(id);
    const segments = this.#byCheckpoint.get(base);
    if (segments === undefined || isOutgrown(segments)) return undefined;
    return segments;
  }
}

function isOutgrown(segments: readonly SegmentHandle[]): boolean {
  if (segments.length === 0) return false;
  const [base, ...deltas] = segments;
  const deltaBytes = deltas.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return deltas.length >= DELTAS_COUNT_MAX || deltaBytes > base.sizeBytes;
}
