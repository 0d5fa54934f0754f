/*
 * HeapTimers: the timers of one kind as rows of a child table, plus a heap in memory that follows
 * from them. Their parents are rows of a table of keys with timers (derived, not part of
 * snapshots), so that a key with a timer needs no row in the main table.
 *
 * M1. Every timer row has an entry in the heap; an entry without its row is stale and dropped when
 *     met.
 * Semantics: docs/semantics/state.md (Flink's InternalTimerServiceImpl).
 */
import { KeyColumn } from "../columns/key-column.ts";
import { oxbowError } from "../errors.ts";
import type { TimerService } from "./keyed-backend.ts";
import type { Namespace } from "./row-chunk.ts";
import type { Table } from "./table.ts";
import { TimerHeap } from "./timer-heap.ts";

const NO_NAMESPACE: Namespace = Object.freeze({ start: 0, end: 0 });
/** A heap with fewer entries is not rebuilt. */
const REBUILD_COUNT_MIN = 1024;

/** What timers need of their backend. */
export interface TimerKeys {
  /** The current key as a column and a position in it. */
  readonly probeKeys: KeyColumn;
  readonly probeIndex: number;
  /** Makes the key of a row of another table current. */
  setCurrentFromRow(table: Table, row: number): void;
}

/** See the file header. */
export class HeapTimers implements TimerService {
  readonly #keys: TimerKeys;
  readonly #roots: Table;
  readonly #table: Table;
  readonly #heap = new TimerHeap();
  readonly #probe = new KeyColumn("number");

  constructor(keys: TimerKeys, roots: Table, table: Table) {
    this.#keys = keys;
    this.#roots = roots;
    this.#table = table;
    this.#probe.reset(3);
  }

  get size(): number {
    return this.#table.rowsCount;
  }

  register(timestamp: number, namespace: Namespace = NO_NAMESPACE): void {
    if (Number.isNaN(timestamp)) {
      throw oxbowError("INVALID_ARGUMENT", "A timer's timestamp is NaN; it must be a time in ms.");
    }
    const { probeKeys, probeIndex } = this.#keys;
    const rootRow = this.#roots.upsert(probeKeys, probeIndex);
    this.#setProbe(timestamp, namespace);
    const table = this.#table;
    const before = table.rowsCount;
    const token = table.links.tokenOf(rootRow);
    const row = table.code.upsert(table, this.#probe, 0, token, rootRow);
    if (table.rowsCount > before) this.#heap.push(timestamp, row);
  }

  delete(timestamp: number, namespace: Namespace = NO_NAMESPACE): void {
    const { probeKeys, probeIndex } = this.#keys;
    const rootRow = this.#roots.find(probeKeys, probeIndex);
    if (rootRow === 0) return;
    const table = this.#table;
    const token = table.links.tokenIfAny(rootRow);
    if (token === 0) return;
    this.#setProbe(timestamp, namespace);
    const row = table.code.find(table, this.#probe, 0, token);
    if (row !== 0) this.#remove(row);
    const { count } = this.#heap;
    if (count > REBUILD_COUNT_MIN && count > table.rowsCount * 2) this.rebuild();
  }

  #setProbe(timestamp: number, namespace: Namespace): void {
    const { numbers } = this.#probe;
    numbers[0] = timestamp + 0;
    numbers[1] = namespace.start + 0;
    numbers[2] = namespace.end + 0;
  }

  #remove(row: number): void {
    const rootRow = this.#table.parentRowOf(row);
    this.#table.remove(row);
    for (const table of this.#roots.childTables) if (table.links.countOf(rootRow) > 0) return;
    this.#roots.remove(rootRow);
  }

  nextTimestamp(): number {
    this.#dropStale();
    return this.#heap.firstTimestamp;
  }

  popDue(
    upTo: number,
    countMax: number,
    fire: (timestamp: number, namespace: Namespace) => void,
  ): number {
    let fired = 0;
    while (fired < countMax) {
      this.#dropStale();
      const timestamp = this.#heap.firstTimestamp;
      if (timestamp > upTo || this.#heap.count === 0) break;
      const row = this.#heap.firstRow;
      this.#heap.pop();
      const namespace = this.#namespaceOf(row);
      this.#keys.setCurrentFromRow(this.#roots, this.#table.parentRowOf(row));
      this.#remove(row);
      fired += 1;
      fire(timestamp, namespace);
    }
    return fired;
  }

  #dropStale(): void {
    const heap = this.#heap;
    while (heap.count > 0) {
      const row = heap.firstRow;
      if (this.#table.live.has(row) && this.#timestampOf(row) === heap.firstTimestamp) return;
      heap.pop();
    }
  }

  #timestampOf(row: number): number {
    const table = this.#table;
    return table.pageOf(row).f64[(table.baseOf(row) + table.layout.keyOffset / 4) >> 1];
  }

  #namespaceOf(row: number): Namespace {
    const table = this.#table;
    const { f64 } = table.pageOf(row);
    const at = (table.baseOf(row) + table.layout.keyOffset / 4) >> 1;
    const start = f64[at + 1];
    const end = f64[at + 2];
    return start === 0 && end === 0 ? NO_NAMESPACE : { start, end };
  }

  /** Makes the heap anew from the rows; after loading. */
  rebuild(): void {
    this.#heap.clear();
    const { live } = this.#table;
    for (let row = live.next(0); row !== 0; row = live.next(row)) {
      this.#heap.push(this.#timestampOf(row), row);
    }
  }

  get sizeBytes(): number {
    return this.#heap.sizeBytes;
  }
}
