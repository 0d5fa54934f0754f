/*
 * CheckpointStore: the completed checkpoints of a run, on disk and in memory, and the life of their
 * files. Held by the job master of the process that holds the run. Layout:
 * docs/formats/run-directory.md; who deletes what and when: docs/semantics/ownership.md.
 *
 *     begin(id) → tasks write segments → register(id, segments) per ack
 *               → complete(metadata), subsume(pinned bases) | abort(id)
 *
 * I1. A checkpoint is complete when `complete` has resolved: its segments and `_metadata` are
 *     durable and `_metadata` was read back. Only then may anything be committed.
 * I2. Deleting begins with `_metadata`, durably; then files of that checkpoint alone, then the
 *     directory. So what can be found can be used.
 * I3. At start only files that no complete checkpoint names are removed, and no segments at all
 *     while a damaged checkpoint lies aside that may name them.
 * I4. A failed deletion fails nothing: it is reported, and the file goes at the next start.
 */
import { assert } from "../assert.ts";
import type { Files } from "../env/files.ts";
import { oxbowError, type OxbowError } from "../errors.ts";
import type { CheckpointId } from "../state/barrier.ts";
import {
  checkpointDirectoryName,
  decideRecovery,
  segmentsOf,
  takeInventory,
  type CheckpointInventory,
  type FoundCheckpoint,
  type RecoveryDecision,
} from "./checkpoint-inventory.ts";
import { createDirectoryDurably, TEMPORARY_MARK } from "./durable-file.ts";
import { discardSnapshotDirectory } from "./savepoint-directory.ts";
import { METADATA_NAME, writeMetadata } from "./metadata-file.ts";
import type { CheckpointMetadata, SegmentHandle } from "./metadata.ts";
import {
  chooseSubsumed,
  isDiscarded,
  type CheckpointRetention,
  type DiscardReason,
} from "./retention.ts";
import { SHARED_PREFIX, SharedRegistry } from "./shared-registry.ts";

/** Directory of shared segments in a run directory. */
export const SHARED_NAME = SHARED_PREFIX.slice(0, -1);

/** Begins the names of checkpoints that were found damaged and passed over. */
const DAMAGED_PREFIX = "damaged-";

/** Settings and surroundings of a store. */
export interface CheckpointStoreOptions {
  readonly files: Files;
  /** The run directory; held by this process. */
  readonly directory: string;
  readonly epoch: number;
  /** Completed checkpoints that are kept, from 1. */
  readonly retainedCount: number;
  readonly retention: CheckpointRetention;
  /** Told of deletions that failed. */
  readonly warn: (error: unknown) => void;
  /** Told when `deletionsCount` has gone down. */
  readonly onDeleted?: () => void;
}

/** What a run goes on with. */
export interface RecoveredStore {
  readonly store: CheckpointStore;
  readonly decision: RecoveryDecision;
}

interface StoredCheckpoint {
  readonly id: CheckpointId;
  readonly isSavepoint: false;
  readonly isSynchronous: false;
  readonly metadata: CheckpointMetadata;
}

/** A snapshot that the run began from and owns: older than all of its own. */
export interface ClaimedSnapshot {
  readonly id: CheckpointId;
  readonly isSavepoint: boolean;
  readonly isSynchronous: false;
  /** Deletes it; idempotent. */
  discard(): Promise<void>;
}

/** See the file header. */
export class CheckpointStore {
  readonly #options: CheckpointStoreOptions;
  readonly #registry = new SharedRegistry();
  /** Oldest first. */
  #completed: StoredCheckpoint[] = [];
  #claimed: ClaimedSnapshot | undefined;
  /** Resolves, well or not, when making the directory is over. */
  readonly #begun = new Map<CheckpointId, Promise<unknown>>();
  #deletions: Promise<void> = Promise.resolve();
  #deletionsCount = 0;

  constructor(options: CheckpointStoreOptions) {
    assert(options.retainedCount >= 1, "at least one checkpoint is kept");
    this.#options = options;
  }

  /** Checkpoints kept, oldest first. */
  get completed(): readonly CheckpointMetadata[] {
    return this.#completed.map((stored) => stored.metadata);
  }

  /** The newest complete checkpoint. */
  get latest(): CheckpointMetadata | undefined {
    return this.#completed.at(-1)?.metadata;
  }

  /** Checkpoints whose deletion is under way; the coordinator waits while there are many. */
  get deletionsCount(): number {
    return this.#deletionsCount;
  }

  /** The run owns what it began from: it goes when it is subsumed, or with the run. */
  claim(snapshot: ClaimedSnapshot): void {
    assert(this.#claimed === undefined, "a run begins from one snapshot");
    this.#claimed = snapshot;
    if (this.#completed.length > 0) this.subsume();
  }

  /** Makes `chk-<id>`, where the checkpoint's exclusive files go. */
  async begin(id: CheckpointId): Promise<void> {
    const directory = this.#path(checkpointDirectoryName(id));
    const made = createDirectoryDurably(this.#options.files, directory);
    this.#begun.set(id, Promise.allSettled([made]));
    await made;
  }

  /** Notes a task's segments; called for every ack, also for those that come too late. */
  register(id: CheckpointId, segments: readonly SegmentHandle[]): void {
    this.#registry.register(id, segments);
  }

  /**
   * Completes a checkpoint; see I1. If it rejects, the checkpoint is not complete and never will
   * be, except with CHECKPOINT_UNCERTAIN: then the process must end without restoring, committing
   * or cleaning up anything.
   */
  async complete(metadata: CheckpointMetadata): Promise<void> {
    const { files, epoch } = this.#options;
    const id = metadata.checkpointId;
    assert(metadata.kind === "checkpoint", "savepoints are not the store's");
    assert(this.#begun.has(id), () => `checkpoint ${id} was not begun`);
    assert(id > (this.latest?.checkpointId ?? 0), () => `checkpoint ${id} completes out of order`);
    this.#registry.register(id, segmentsOf(metadata));
    const directory = this.#path(checkpointDirectoryName(id));
    // The names of the segments; their bytes were synced by whoever wrote them.
    await files.syncDirectory(this.#path(SHARED_NAME));
    await files.syncDirectory(directory);
    try {
      await writeMetadata(files, { directory, tag: String(epoch) }, metadata);
    } catch (error) {
      await this.#takeBack(id, error);
      throw error;
    }
    this.#begun.delete(id);
    this.#completed.push({ id, isSavepoint: false, isSynchronous: false, metadata });
  }

  /**
   * Drops the oldest checkpoints that are no longer kept, deleting in the background. Segments that
   * the checkpoints in `pinnedBases` use stay: pending checkpoints build on them. Returns the
   * newest dropped.
   */
  subsume(pinnedBases: readonly CheckpointId[] = []): CheckpointId | undefined {
    const kept = [...(this.#claimed === undefined ? [] : [this.#claimed]), ...this.#completed];
    const subsumed = chooseSubsumed<ClaimedSnapshot | StoredCheckpoint>(
      kept,
      this.#options.retainedCount,
    );
    const gone = this.#completed.filter((stored) => subsumed.includes(stored));
    if (gone.length > 0) this.#completed = this.#completed.filter((kept) => !gone.includes(kept));
    if (gone.length < subsumed.length) this.#discardClaimed();
    this.#discard(gone, Math.min(this.#completed[0]?.id ?? 0, ...pinnedBases));
    return gone.at(-1)?.id;
  }

  /**
   * The checkpoint will not complete: its directory goes, and then the shared segments that were
   * registered for it alone. Those that come later wait for the next subsuming.
   */
  async abort(id: CheckpointId): Promise<void> {
    if (!this.#begun.has(id)) return;
    // Else it would be made after it was removed.
    await this.#begun.get(id);
    await this.#discardDirectory(checkpointDirectoryName(id));
    this.#begun.delete(id);
    await this.#removeSegments(this.#registry.dropCreatedBy(id));
  }

  /** Nothing to go on from that is the run's own. */
  get isEmpty(): boolean {
    return this.#completed.length === 0 && this.#claimed === undefined;
  }

  /** Whether `end(reason)` leaves a checkpoint to go on from. */
  isLeftAfter(reason: Exclude<DiscardReason, "subsumed">): boolean {
    return !this.isEmpty && !isDiscarded("engine", this.#options.retention, reason);
  }

  /**
   * The run ended: deletes what the retention policy says. Resolves when all deleting is over;
   * returns whether a checkpoint is left to go on from.
   */
  async end(reason: Exclude<DiscardReason, "subsumed">): Promise<boolean> {
    for (const id of [...this.#begun.keys()]) this.#delete(() => this.abort(id));
    if (isDiscarded("engine", this.#options.retention, reason)) {
      const all = this.#completed;
      this.#completed = [];
      this.#discard(all, Number.MAX_SAFE_INTEGER);
      this.#discardClaimed();
    }
    await this.settled();
    return this.#completed.length > 0;
  }

  /** Resolves when deletions that have begun are over. */
  async settled(): Promise<void> {
    await this.#deletions;
  }

  /**
   * A restore from the newest checkpoint found its files damaged (`fault`: SEGMENT_CORRUPTED or the
   * like, from reading their contents): decides anew, by the same rules as at start. On `use` the
   * damaged one lies aside and `latest` is the one to use; on `refuse` nothing was changed.
   */
  async passOver(fault: OxbowError, restorePrevious = false): Promise<RecoveryDecision> {
    const newest = this.#completed.at(-1);
    assert(newest !== undefined, "a restore was from a checkpoint");
    const found = this.#completed.toReversed().map((stored): FoundCheckpoint => ({
      id: stored.id,
      directory: checkpointDirectoryName(stored.id),
      metadata: stored.metadata,
      fault: stored === newest ? fault : undefined,
    }));
    const decision = decideRecovery(found, restorePrevious);
    if (decision.kind === "use") {
      await this.#setAside(found[0]);
      this.#completed = this.#completed.filter((stored) => stored !== newest);
    }
    return decision;
  }

  /** Removes segments that dead attempts left. Only while no attempt lives. */
  async sweep(): Promise<void> {
    await this.settled();
    await this.#removeOrphans();
  }

  /** Called once by `recoverCheckpointStore`. */
  async adopt(inventory: CheckpointInventory, decision: RecoveryDecision): Promise<void> {
    if (decision.kind === "refuse") return;
    for (const found of inventory.complete.toReversed()) {
      const { id, directory, metadata, fault } = found;
      if (metadata !== undefined) this.#registry.register(id, segmentsOf(metadata));
      if (metadata !== undefined && fault === undefined) {
        this.#completed.push({ id, isSavepoint: false, isSynchronous: false, metadata });
      } else if (decision.kind === "use" && id < decision.checkpoint.checkpointId && metadata) {
        // Its deletion had begun: segments are gone although `_metadata` is still there.
        await this.#tryDelete(() => this.#discardDirectory(directory));
      } else {
        await this.#setAside(found);
      }
    }
    for (const name of inventory.incomplete)
      await this.#tryDelete(() => this.#discardDirectory(name));
    await this.#removeOrphans();
    this.subsume();
  }

  /** After a failure on the way to completion: afterwards the checkpoint is surely not complete. */
  async #takeBack(id: CheckpointId, cause: unknown): Promise<void> {
    try {
      await this.abort(id);
    } catch (error) {
      const file = this.#path(`${checkpointDirectoryName(id)}/${METADATA_NAME}`);
      const message =
        `Writing ${file} failed, and so did removing it; whether checkpoint ${id} is complete is ` +
        `not known until storage works again. End this process and start the job again.`;
      throw oxbowError("CHECKPOINT_UNCERTAIN", message, { checkpointId: id, file }, cause ?? error);
    }
  }

  #discardClaimed(): void {
    const claimed = this.#claimed;
    this.#claimed = undefined;
    if (claimed !== undefined) this.#delete(() => claimed.discard());
  }

  /** Queues the deletion of checkpoints, then of segments that nobody uses any more. */
  #discard(gone: readonly StoredCheckpoint[], lowestKept: CheckpointId): void {
    for (const { id } of gone)
      this.#delete(() => this.#discardDirectory(checkpointDirectoryName(id)));
    const unused = this.#registry.dropUnused(lowestKept);
    if (unused.length === 0) return;
    this.#delete(() => this.#removeSegments(unused));
  }

  async #removeSegments(names: readonly string[]): Promise<void> {
    for (const file of names)
      await this.#tryDelete(() => this.#options.files.remove(this.#path(file)));
  }

  #delete(work: () => Promise<void>): void {
    this.#deletionsCount++;
    this.#deletions = this.#deletions.then(async () => {
      await this.#tryDelete(work);
      this.#deletionsCount--;
      this.#options.onDeleted?.();
    });
  }

  async #tryDelete(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.warn(error);
    }
  }

  async #discardDirectory(name: string): Promise<void> {
    await discardSnapshotDirectory(this.#options.files, this.#path(name));
  }

  /** A damaged checkpoint that the run goes on without: kept for the user, out of the way. */
  async #setAside(found: FoundCheckpoint): Promise<void> {
    const { files, directory, epoch } = this.#options;
    const name = `${DAMAGED_PREFIX}${found.directory}-${epoch}`;
    await files.rename(this.#path(found.directory), this.#path(name));
    await files.syncDirectory(directory);
  }

  async #removeOrphans(): Promise<void> {
    const { files, directory: runDirectory } = this.#options;
    const names = await files.list(runDirectory);
    const isDamaged = names.some((name) => name.startsWith(DAMAGED_PREFIX));
    const shared = this.#path(SHARED_NAME);
    for (const name of isDamaged ? [] : await files.list(shared)) {
      if (this.#registry.has(`${SHARED_PREFIX}${name}`)) continue;
      await this.#tryDelete(() => files.remove(`${shared}/${name}`));
    }
    for (const { id } of this.#completed) {
      const directory = this.#path(checkpointDirectoryName(id));
      for (const name of await files.list(directory)) {
        if (!name.includes(TEMPORARY_MARK)) continue;
        await this.#tryDelete(() => files.remove(`${directory}/${name}`));
      }
    }
  }

  #path(relative: string): string {
    return `${this.#options.directory}/${relative}`;
  }
}

/**
 * The store of a run that this process has just taken over, and what to go on from. On `refuse`
 * nothing was changed and the store must not be used.
 */
export async function recoverCheckpointStore(
  options: CheckpointStoreOptions,
  restorePrevious = false,
): Promise<RecoveredStore> {
  const { files, directory } = options;
  await createDirectoryDurably(files, `${directory}/${SHARED_NAME}`);
  const inventory = await takeInventory(files, directory);
  // A process that was killed may not have come to this. What is found must not vanish with the
  // power after transactions were committed on it or older checkpoints deleted.
  await files.syncDirectory(`${directory}/${SHARED_NAME}`);
  for (const found of inventory.complete) {
    await files.syncDirectory(`${directory}/${found.directory}`);
  }
  const decision = decideRecovery(inventory.complete, restorePrevious);
  const store = new CheckpointStore(options);
  await store.adopt(inventory, decision);
  return { store, decision };
}
