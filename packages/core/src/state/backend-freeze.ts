/*
 * BackendFreezer: takes the snapshot's point in time over all tables of a backend, and keeps the
 * intervals of `changes.ts` in step with the barriers.
 */
import { assert } from "../assert.ts";
import type { BackendTables } from "./backend-tables.ts";
import type { Barrier, CheckpointId } from "./barrier.ts";
import { HeapSnapshot } from "./heap-snapshot.ts";
import type { RecordLog } from "./record-log.ts";
import type { ChunkPool } from "./row-chunk.ts";

/** Snapshots in flight at a time; each costs a copy of every row touched meanwhile. */
export const SNAPSHOTS_IN_FLIGHT_MAX = 16;
/** Bytes of recorded removals above which they are compared with the size of the state. */
export const REMOVALS_BYTES_MIN = 64 * 1024 * 1024;
/** Calls of `boundRemovals` between two looks. */
const LOOK_EVERY = 1024;

/** See the file header. */
export class BackendFreezer {
  readonly #tables: BackendTables;
  readonly #pool: ChunkPool;
  readonly #inFlight = new Set<HeapSnapshot>();
  #callsCount = 0;

  constructor(tables: BackendTables, pool: ChunkPool) {
    this.#tables = tables;
    this.#pool = pool;
  }

  freeze(barrier: Barrier): HeapSnapshot {
    const { changes } = this.#tables;
    assert(this.#inFlight.size < SNAPSHOTS_IN_FLIGHT_MAX, "too many snapshots in flight");
    const frozenEpoch = changes.epoch;
    changes.nextEpoch();
    const since = barrier.kind === "checkpoint" ? this.#endInterval(barrier) : undefined;
    const snapshot = new HeapSnapshot(
      {
        barrier,
        isDelta: since !== undefined,
        layouts: this.#tables.layouts,
        changes,
        pool: this.#pool,
        logs: since === undefined ? [] : this.#logsSince(since),
        onEnd: (ended) => this.#inFlight.delete(ended),
      },
      frozenEpoch,
    );
    for (const table of this.#tables.all()) {
      if (table.layout.isDerived) continue;
      const rows = since === undefined ? table.live.copy() : table.log.dirtySince(since);
      if (rows !== undefined && table.rowsCount > 0) snapshot.add(table, rows);
    }
    this.#inFlight.add(snapshot);
    return snapshot;
  }

  /** Returns the interval after which changes belong to the snapshot; undefined: all state does. */
  #endInterval(barrier: Barrier): number | undefined {
    const tables = this.#tables;
    const { changes } = tables;
    const { base } = barrier;
    const isDelta = base !== undefined && changes.isCovered(base);
    if (isDelta) {
      changes.advanceBase(base);
      const before = changes.intervalOf(base);
      for (const table of tables.all()) table.log.dropUpTo(before);
      for (const family of tables.families) family.dropUpTo(before);
    }
    const ended = changes.endInterval(barrier.id);
    for (const table of tables.all()) table.log.endInterval(ended);
    for (const family of tables.families) family.endInterval(ended);
    const merge = changes.mergeOldest();
    if (merge !== undefined) {
      for (const table of tables.all()) table.log.merge(merge.from, merge.into);
      for (const family of tables.families) family.merge(merge.from, merge.into);
    }
    return isDelta ? changes.intervalOf(base) : undefined;
  }

  #logsSince(interval: number): RecordLog[] {
    const logs: RecordLog[] = [];
    for (const table of this.#tables.all()) {
      if (!table.layout.isDerived) logs.push(...table.log.logsSince(interval));
    }
    for (const family of this.#tables.families) logs.push(...family.logsSince(interval));
    return logs;
  }

  /** After loading: nothing is dirty. */
  restart(restoredFrom: CheckpointId | undefined): void {
    assert(this.#inFlight.size === 0, "state is loaded while a snapshot is in flight");
    this.#reset();
    this.#tables.changes.restart(restoredFrom);
  }

  /** Forgets what was removed where remembering it costs more than a full checkpoint would (C6). */
  boundRemovals(): void {
    this.#callsCount += 1;
    if (this.#callsCount % LOOK_EVERY !== 0 || !this.#tables.changes.tracksRemovals) return;
    let removals = 0;
    let state = 0;
    for (const table of this.#tables.all()) {
      removals += table.log.removalsBytes;
      state += table.sizeBytes;
    }
    for (const family of this.#tables.families) removals += family.removalsBytes;
    if (removals < REMOVALS_BYTES_MIN || removals < state / 2) return;
    this.#tables.changes.forget();
    this.#reset();
  }

  #reset(): void {
    for (const table of this.#tables.all()) table.log.reset();
    for (const family of this.#tables.families) family.reset();
  }
}
