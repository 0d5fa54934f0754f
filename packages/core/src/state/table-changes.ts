/*
 * TableChanges: one table's part of `changes.ts`: dirty bits and removals of the current interval,
 * and those of the intervals that are kept.
 */
import { RowBits } from "./pages.ts";
import { recordShape } from "./record-buffer.ts";
import { RecordLog } from "./record-log.ts";
import type { Table } from "./table.ts";

/** What changed in one interval; undefined: nothing of the kind. */
interface TableInterval {
  readonly interval: number;
  /** `removalsCount` of the table when it began, or before. */
  readonly removalsBefore: number;
  readonly dirty: RowBits | undefined;
  readonly removals: RecordLog | undefined;
  readonly clears: RecordLog | undefined;
}

/** See the file header. */
export class TableChanges {
  readonly #table: Table;
  #dirty: RowBits | undefined;
  #removals: RecordLog | undefined;
  #clears: RecordLog | undefined;
  #kept: TableInterval[] = [];
  /** `removalsCount` of the table when the current interval began, or before. */
  #removalsBefore = 0;

  constructor(table: Table) {
    this.#table = table;
  }

  markDirty(row: number): void {
    (this.#dirty ??= new RowBits(row)).add(row);
  }

  /** The dirty bits themselves, with room for all rows below `rowsCount`; see `RowBits`. */
  dirtyWords(rowsCount: number): Int32Array {
    this.#dirty ??= new RowBits(rowsCount);
    this.#dirty.reserve(rowsCount);
    return this.#dirty.words;
  }

  /** A row goes. */
  recordRemoval(row: number): void {
    const table = this.#table;
    if (!table.changes.tracksRemovals) return;
    this.#removals ??= new RecordLog(recordShape(table.layout, table.layoutIndex, "tombstones"));
    this.#removals.append(table, row);
  }

  /** All rows of one parent go. */
  recordClear(parentRow: number): void {
    const table = this.#table;
    this.#clears ??= new RecordLog(recordShape(table.layout, table.layoutIndex, "cleared"));
    this.#clears.append(table, parentRow);
  }

  /** The interval ends. */
  endInterval(interval: number): void {
    const dirty = this.#dirty;
    const removals = this.#removals;
    const clears = this.#clears;
    if (dirty === undefined && removals === undefined && clears === undefined) return;
    this.#kept.push({ interval, removalsBefore: this.#removalsBefore, dirty, removals, clears });
    this.#removalsBefore = this.#table.removalsCount;
    this.#dirty = undefined;
    this.#removals = undefined;
    this.#clears = undefined;
  }

  /**
   * Rows that changed in intervals above `interval` and are there; the current one not included.
   */
  dirtySince(interval: number): RowBits | undefined {
    let union: RowBits | undefined;
    let removalsBefore = Infinity;
    for (const kept of this.#kept) {
      if (kept.interval <= interval || kept.dirty === undefined) continue;
      removalsBefore = Math.min(removalsBefore, kept.removalsBefore);
      if (union === undefined) union = kept.dirty.copy();
      else union.addAll(kept.dirty);
    }
    if (removalsBefore < this.#table.removalsCount) union?.retain(this.#table.live);
    return union;
  }

  /** Logs of intervals above `interval`. They do not change any more. */
  logsSince(interval: number): RecordLog[] {
    const logs: RecordLog[] = [];
    for (const kept of this.#kept) {
      if (kept.interval <= interval) continue;
      if (kept.removals !== undefined) logs.push(kept.removals);
      if (kept.clears !== undefined) logs.push(kept.clears);
    }
    return logs;
  }

  /** Drops intervals up to `interval`. */
  dropUpTo(interval: number): void {
    if (this.#kept.length === 0 || this.#kept[0].interval > interval) return;
    this.#kept = this.#kept.filter((kept) => kept.interval > interval);
  }

  /** Merges interval `from` into the next one kept, `into`. */
  merge(from: number, into: number): void {
    const at = this.#kept.findIndex((kept) => kept.interval === from);
    if (at < 0) return;
    const older = this.#kept[at];
    const newer = this.#kept.at(at + 1);
    if (newer === undefined || newer.interval !== into) {
      this.#kept[at] = { ...older, interval: into };
      return;
    }
    const dirty = newer.dirty ?? older.dirty;
    if (newer.dirty !== undefined && older.dirty !== undefined) dirty?.addAll(older.dirty);
    const removals = mergeLogs(older.removals, newer.removals);
    const clears = mergeLogs(older.clears, newer.clears);
    const { removalsBefore } = older;
    this.#kept.splice(at, 2, { interval: into, removalsBefore, dirty, removals, clears });
  }

  /** Forgets everything. */
  reset(): void {
    this.#dirty = undefined;
    this.#removals = undefined;
    this.#clears = undefined;
    this.#kept = [];
  }

  /** Bytes of recorded removals. */
  get removalsBytes(): number {
    let bytes = (this.#removals?.sizeBytes ?? 0) + (this.#clears?.sizeBytes ?? 0);
    for (const { removals, clears } of this.#kept) {
      bytes += (removals?.sizeBytes ?? 0) + (clears?.sizeBytes ?? 0);
    }
    return bytes;
  }

  get sizeBytes(): number {
    let bytes = this.removalsBytes + (this.#dirty?.sizeBytes ?? 0);
    for (const { dirty } of this.#kept) bytes += dirty?.sizeBytes ?? 0;
    return bytes;
  }
}

/**
 * A new log, never one of the two: a snapshot in flight may be reading them, and another delta may
 * reuse them. Their buffers do not change any more.
 */
function mergeLogs(
  older: RecordLog | undefined,
  newer: RecordLog | undefined,
): RecordLog | undefined {
  if (older === undefined || newer === undefined) return older ?? newer;
  const merged = new RecordLog(older.shape);
  merged.appendLog(newer);
  merged.appendLog(older);
  return merged;
}
