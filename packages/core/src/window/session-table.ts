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
import { KeyProbe } from "../state/key-probe.ts";
import type { ColumnSpec } from "../state/layout.ts";
import type { Table } from "../state/table.ts";
import { t } from "../types/t.ts";
import type { TimeWindow } from "./assigner.ts";
import { FlagColumn } from "./flag-column.ts";
import type { SortedSessions } from "./session-merge.ts";

/** Name of the table in state; goes into snapshots. */
export const SESSIONS = "sessions";

/** The column has no timer. */
export const NO_TIMER = Number.MAX_SAFE_INTEGER;

const FIRED = "$fired";

/** See the file header. */
export class SessionTable implements SortedSessions {
  readonly table: Table;
  readonly #backend: KeyedBackend;
  readonly #probe: KeyProbe;
  readonly #start: number;
  readonly #end: number;
  readonly #timer: number;
  readonly #id: number;
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
      columns: [
        time("start"),
        time("end"),
        { name: "timer", type: t.timestamp, default: NO_TIMER },
        FlagColumn.spec(FIRED),
        ...columns,
      ],
    });
    const { layout } = this.table;
    const offsetOf = (name: string): number => {
      const column = layout.columns.find((candidate) => candidate.name === name);
      assert(column?.kind === "f64", () => `sessions have a column ${name}`);
      return column.offset >>> 3;
    };
    this.#start = offsetOf("start");
    this.#end = offsetOf("end");
    this.#timer = offsetOf("timer");
    this.#id = layout.keyOffset >>> 3;
    this.fired = new FlagColumn(layout, FIRED);
    this.#probe = new KeyProbe(t.timestamp, backend.uid);
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

  /** The session at a row of the backend, if it is the only one of its key; else 0. */
  onlyOf(parent: number): number {
    const { links } = this.table;
    const row = links.firstOf(parent);
    return row !== 0 && links.nextOf(row) === 0 ? row : 0;
  }

  /**
   * Extends a session to `end` if it contains `start`, waits for its timer and has not fired;
   * returns whether.
   */
  extend(row: number, { start, end }: TimeWindow): boolean {
    const { table } = this;
    const { f64 } = table.pageOf(row);
    const base = table.baseOf(row) >>> 1;
    if (f64[base + this.#start] > start || f64[base + this.#end] < start) return false;
    if (f64[base + this.#timer] === NO_TIMER || this.fired.get(table, row)) return false;
    if (f64[base + this.#end] >= end) return true;
    table.touch(row);
    f64[base + this.#end] = end;
    return true;
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

  /** Adds a session to the current key. */
  add({ start, end }: TimeWindow): number {
    const parent = this.#backend.ensureRow();
    const { table } = this;
    this.#probe.set(start);
    const before = table.rowsCount;
    const row = table.code.upsert(table, this.#probe.keys, 0, table.links.tokenOf(parent), parent);
    assert(table.rowsCount > before, "no two sessions of a key have the same sub key");
    this.setWindow(row, { start, end });
    return row;
  }

  /** The session of the current key with this id; 0: none. */
  find(id: number): number {
    const parent = this.#backend.currentRow;
    if (parent === 0) return 0;
    const token = this.table.links.tokenIfAny(parent);
    if (token === 0) return 0;
    this.#probe.set(id);
    return this.table.code.find(this.table, this.#probe.keys, 0, token);
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
    this.table.remove(row);
    this.count = 0;
    this.#backend.release();
  }

  idOf(row: number): number {
    return this.#f64(row, this.#id);
  }

  startOf(row: number): number {
    return this.#f64(row, this.#start);
  }

  endOf(row: number): number {
    return this.#f64(row, this.#end);
  }

  windowOf(row: number): TimeWindow {
    return Object.freeze({ start: this.startOf(row), end: this.endOf(row) });
  }

  setWindow(row: number, { start, end }: TimeWindow): void {
    this.#setF64(row, this.#start, start);
    this.#setF64(row, this.#end, end);
  }

  /** When the session's timer is set for; `NO_TIMER`: not at all. */
  timerOf(row: number): number {
    return this.#f64(row, this.#timer);
  }

  setTimer(row: number, timestamp: number): void {
    this.#setF64(row, this.#timer, timestamp);
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
