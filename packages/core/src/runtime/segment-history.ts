/**
 * SegmentHistory: which segments make up the keyed state of one operator's subtask at each
 * checkpoint, and whether the next checkpoint writes a base or a delta.
 *
 * A full base is written when there are `DELTAS_COUNT_MAX` deltas, or when base and deltas together
 * exceed twice what a full one would take now. With the next delta, which takes no more than that
 * again, a checkpoint stays under three times the state, also where the state has shrunk.
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

  /**
   * Segments that a delta for this barrier builds on; undefined: write everything. `rowsCount`:
   * what a full snapshot would hold now.
   */
  baseFor(barrier: Barrier, rowsCount: number): readonly SegmentHandle[] | undefined {
    const { base } = barrier;
    if (base === undefined) return undefined;
    for (const id of this.#byCheckpoint.keys()) if (id < base) this.#byCheckpoint.delete(id);
    const segments = this.#byCheckpoint.get(base);
    if (segments === undefined || isOutgrown(segments, rowsCount)) return undefined;
    return segments;
  }
}

function isOutgrown(segments: readonly SegmentHandle[], rowsCount: number): boolean {
  if (segments.length === 0) return false;
  if (segments.length > DELTAS_COUNT_MAX) return true;
  const [base] = segments;
  const sizeBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  // A state that has grown counts as large as it was: what its new rows take is not known.
  const left = rowsCount < base.rowsCount ? rowsCount / base.rowsCount : 1;
  return sizeBytes > 2 * left * base.sizeBytes;
}
