/*
 * SessionTable: the sessions of all keys as rows (key, session), and those of the current key
 * sorted by start. A session's sub key is a time that it contains for ever: that of the record that
 * began it. Sessions of a key never overlap, so no two have the same.
 *
 * I1. Extending a session changes columns; merging changes one row and removes the others.
 * I2. What `load` found is valid until a session of the key comes, goes or changes.
 */
import { assert } from "../assert.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { NEXT_INDEX, RELATION_FIRST, STAMP_INDEX } from "../state/layout.ts";
import type { ColumnSpec, RowLayout } from "../state/layout.ts";
import type { Table } from "../state/table.ts";
import { t } from "../types/t.ts";
import type { TimeWindow } from "./assigner.ts";
import { FlagColumn } from "./flag-column.ts";
import type { SortedSessions } from "./session-merge.ts";

/** Name of the table in state; goes into snapshots. */
export const SESSIONS = "sessions";

/** The session has no timer. */
export const NO_TIMER = Number.MAX_SAFE_INTEGER;

const FIRED = "$fired";

/** Where fields lie in a row, in words of 8 bytes. */
interface SessionOffsets {
  readonly id: number;
  readonly start: number;
  readonly end: number;
  readonly timer: number;
}

/** The records of a batch on their way into sessions. */
export interface SessionRun {
  readonly count: number;
  /** Rows of their keys in the main table; 0: none, or not there yet when they were looked up. */
  readonly parents: Int32Array;
  /** The sessions that they are each by themselves, `[start, end)`. */
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  /** A session whose last timestamp is not above it is past its end. */
  readonly firesUpTo: number;
  /** Filled in: rows of their sessions. */
  readonly rows: Int32Array;
}

/** See the file header. */
export class SessionTable implements SortedSessions {
  readonly table: Table;
  readonly #backend: KeyedBackend;
  readonly #offsets: SessionOffsets;
  /** Whether the session has fired since it last changed. */
  readonly fired: FlagColumn;
  #rows: number[] = [];
  count = 0;

  /** `columns`: those of accumulators and triggers. */
  constructor(backend: KeyedBackend, columns: readonly ColumnSpec[]) {
    this.#backend = backend;
    const time = (name: string): ColumnSpec => ({ name, type: t.timestamp, default: 0 });
    this.table = backend.childTable({
      name: SESSIONS,
      keyType: t.timestamp,
      // A key has few sessions at a time: its list is walked.
      isIndexed: false,
      columns: [
        time("start"),
        time("end"),
        { name: "timer", type: t.timestamp, default: NO_TIMER },
        FlagColumn.spec(FIRED),
        ...columns,
      ],
    });
    const { layout } = this.table;
    this.#offsets = offsetsOf(layout);
    this.fired = new FlagColumn(layout, FIRED);
  }

  /** Finds the sessions of the current key, sorted by start. */
  load(): void {
    const { links } = this.table;
    const parent = this.#backend.currentRow;
    this.count = 0;
    if (parent === 0) return;
    for (let row = links.firstOf(parent); row !== 0; row = links.nextOf(row)) {
      // Few per key, and nearly sorted.
      let at = this.count;
      while (at > 0 && this.startOf(this.#rows[at - 1]) > this.startOf(row)) {
        this.#rows[at] = this.#rows[at - 1];
        at -= 1;
      }
      this.#rows[at] = row;
      this.count += 1;
    }
  }

  /**
   * Takes the records of a batch from `from` on into their sessions, as long as that is simple: the
   * session is the only one of its key, contains the record's time, and is not past its end. So it
   * has not fired, does not fire now, and its timer goes off in time. Returns the position of the
   * first record of another kind.
   */
  extendRun(run: SessionRun, from: number): number {
    const { count, parents, rows, starts, ends, firesUpTo } = run;
    const { table } = this;
    const { main } = this.#backend;
    const [mainShift, shift] = [main.layout.pageShift, table.layout.pageShift];
    const [mainMask, mask] = [(1 << mainShift) - 1, (1 << shift) - 1];
    const [mainWords, words] = [main.layout.strideBytes >>> 2, table.layout.strideBytes >>> 2];
    const [mainPages, { pages }] = [main.pages, table];
    const first = table.links.relationWord + RELATION_FIRST;
    const { start: startAt, end: endAt } = this.#offsets;
    const { floor } = table.changes;
    for (let at = from; at < count; at++) {
      const parent = parents[at];
      if (parent === 0) return at;
      const row = mainPages[parent >>> mainShift].i32[(parent & mainMask) * mainWords + first];
      if (row === 0) return at;
      const { i32, f64 } = pages[row >>> shift];
      const word = (row & mask) * words;
      const base = word >>> 1;
      const start = starts[at];
      const end = ends[at];
      const until = f64[base + endAt];
      if (i32[word + NEXT_INDEX] !== 0 || until - 1 <= firesUpTo) return at;
      if (f64[base + startAt] > start || until < start) return at;
      if (until < end) {
        if (i32[word + STAMP_INDEX] < floor) table.touchSlow(row);
        f64[base + endAt] = end;
      }
      rows[at] = row;
    }
    return count;
  }

  /** Row of a session that `load` found. */
  rowAt(index: number): number {
    assert(index < this.count, "a session of the current key is asked for");
    return this.#rows[index];
  }

  startAt(index: number): number {
    return this.startOf(this.#rows[index]);
  }

  endAt(index: number): number {
    return this.endOf(this.#rows[index]);
  }

  /** Adds a session to the current key, which has none that contains its start. */
  add({ start, end }: TimeWindow): number {
    const row = this.table.links.appendAt(this.#backend.ensureRow(), 0);
    const { f64 } = this.table.pageOf(row);
    const base = this.table.baseOf(row) >>> 1;
    const at = this.#offsets;
    f64[base + at.id] = start;
    f64[base + at.start] = start;
    f64[base + at.end] = end;
    return row;
  }

  /** The session of the current key with exactly this window; 0: none. */
  findWindow({ start, end }: TimeWindow): number {
    this.load();
    for (let at = 0; at < this.count; at++) {
      if (this.startAt(at) === start && this.endAt(at) === end) return this.#rows[at];
    }
    return 0;
  }

  /** Removes a session, and the key's row if nothing is left in it. */
  remove(row: number): void {
    const parent = this.table.parentRowOf(row);
    this.table.remove(row);
    this.count = 0;
    this.#backend.releaseRow(parent);
  }

  idOf(row: number): number {
    return this.#f64(row, this.#offsets.id);
  }

  startOf(row: number): number {
    return this.#f64(row, this.#offsets.start);
  }

  endOf(row: number): number {
    return this.#f64(row, this.#offsets.end);
  }

  windowOf(row: number): TimeWindow {
    return Object.freeze({ start: this.startOf(row), end: this.endOf(row) });
  }

  setWindow(row: number, { start, end }: TimeWindow): void {
    this.#setF64(row, this.#offsets.start, start);
    this.#setF64(row, this.#offsets.end, end);
  }

  /** When the session's timer is set for; `NO_TIMER`: not at all. */
  timerOf(row: number): number {
    return this.#f64(row, this.#offsets.timer);
  }

  setTimer(row: number, timestamp: number): void {
    this.#setF64(row, this.#offsets.timer, timestamp);
  }

  #f64(row: number, offset: number): number {
    return this.table.pageOf(row).f64[(this.table.baseOf(row) >>> 1) + offset];
  }

  #setF64(row: number, offset: number, value: number): void {
    if (this.#f64(row, offset) === value) return;
    this.table.touch(row);
    this.table.pageOf(row).f64[(this.table.baseOf(row) >>> 1) + offset] = value;
  }
}

function offsetsOf(layout: RowLayout): SessionOffsets {
  const offsetOf = (name: string): number => {
    const column = layout.columns.find((candidate) => candidate.name === name);
    assert(column?.kind === "f64", () => `sessions have a column ${name}`);
    return column.offset >>> 3;
  };
  return {
    id: layout.keyOffset >>> 3,
    start: offsetOf("start"),
    end: offsetOf("end"),
    timer: offsetOf("timer"),
  };
}
