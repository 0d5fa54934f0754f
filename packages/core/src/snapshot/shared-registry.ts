/*
 * SharedRegistry: which segment under `shared/` is used by which checkpoints, and which may go.
 * Not counting: a handle knows the checkpoint that created it, an entry the newest that used it
 * (Flink's SharedStateRegistryImpl; docs/semantics/ownership.md).
 *
 * I1. A segment is registered when a task reports it, before anybody looks at whether its
 *     checkpoint still has a chance; so nothing that a later checkpoint may name is ever taken for
 *     garbage.
 * I2. An entry goes when its last user is older than the oldest checkpoint still kept.
 * I3. No checkpoint builds on one that has failed, so what that one created goes at once
 *     (`dropCreatedBy`). What comes later from it waits for I2.
 */
import { oxbowError } from "../errors.ts";
import type { CheckpointId } from "../state/barrier.ts";
import type { SegmentHandle } from "./metadata.ts";

interface SharedEntry {
  readonly handle: SegmentHandle;
  lastUsedBy: CheckpointId;
}

/** Prefix of the paths of shared segments. */
export const SHARED_PREFIX = "shared/";

/** See the file header. Owned by the job master; synchronous. */
export class SharedRegistry {
  readonly #entries = new Map<string, SharedEntry>();

  /** Entries held. */
  get size(): number {
    return this.#entries.size;
  }

  /** Whether a file is in use, or may come into use. */
  has(file: string): boolean {
    return this.#entries.has(file);
  }

  /**
   * Notes that a checkpoint uses these segments. Segments outside `shared/` belong to one snapshot
   * alone and are ignored. Throws INTERNAL_INVARIANT where a name stands for two different files.
   */
  register(checkpointId: CheckpointId, segments: readonly SegmentHandle[]): void {
    for (const handle of segments) {
      if (!handle.file.startsWith(SHARED_PREFIX)) continue;
      const entry = this.#entries.get(handle.file);
      if (entry === undefined) {
        this.#entries.set(handle.file, { handle, lastUsedBy: checkpointId });
        continue;
      }
      const { checksum, sizeBytes } = entry.handle;
      if (checksum !== handle.checksum || sizeBytes !== handle.sizeBytes) {
        const message = `Two different segments are called ${handle.file}.`;
        throw oxbowError("INTERNAL_INVARIANT", message, { file: handle.file, checkpointId });
      }
      entry.lastUsedBy = Math.max(entry.lastUsedBy, checkpointId);
    }
  }

  /**
   * Forgets entries that a checkpoint created that has failed, and that no other has named; returns
   * the files to delete.
   */
  dropCreatedBy(failed: CheckpointId): string[] {
    const files: string[] = [];
    for (const [file, { handle, lastUsedBy }] of this.#entries) {
      if (handle.createdBy !== failed || lastUsedBy !== failed) continue;
      this.#entries.delete(file);
      files.push(file);
    }
    return files;
  }

  /**
   * Forgets entries that no checkpoint from `lowestKept` on uses; returns the files to delete, in
   * the order in which they were registered.
   */
  dropUnused(lowestKept: CheckpointId): string[] {
    const files: string[] = [];
    for (const [file, entry] of this.#entries) {
      if (entry.lastUsedBy >= lowestKept) continue;
      this.#entries.delete(file);
      files.push(file);
    }
    return files;
  }
}
