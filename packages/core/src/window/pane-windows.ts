/*
 * PaneWindows: tumbling and sliding windows with the default trigger, one pane per window. No
 * timers: panes are in order of end, and firing scans them. Contract: `window-operator.ts`.
 *
 * I1. In event time a window fires when the watermark reaches end − 1; in processing time when the
 *     clock reaches its end, so that no record of that ms is left behind.
 * I2. Without lateness a pane is dropped when it has fired. With lateness it stays, each row
 *     carries whether it has fired since it last changed, and a record for a window that has fired
 *     fires at once for its key.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { KeyedBackend, PaneFamily } from "../state/keyed-backend.ts";
import { addSaturated, NO_WATERMARK } from "../time/timestamp.ts";
import { accumulatorColumns, TableAggregates } from "./aggregate-table.ts";
import type { PreparedBatch } from "./aggregate-table.ts";
import { childTableSpec } from "./child-store.ts";
import { FlagColumn } from "./flag-column.ts";
import { OpenPanes } from "./open-panes.ts";
import type { OpenPane } from "./open-panes.ts";
import { lastWindowStart, paneAssignment } from "./pane-assignment.ts";
import type { PaneAssignment } from "./pane-assignment.ts";
import { PaneGrouping } from "./pane-grouping.ts";
import { emitLate, RowBuffer } from "./record-groups.ts";
import type { RecordGroup } from "./record-groups.ts";
import type { WindowContext, WindowOperator } from "./window-operator.ts";
import type { WindowPlan } from "./window-plan.ts";
import { WindowResults } from "./window-results.ts";

/** Name of the family in state; goes into snapshots. */
export const PANES = "panes";
/** Name of the column that says whether a row has fired. */
export const FIRED = "$fired";

/** See the file header. */
export class PaneWindows implements WindowOperator {
  readonly #plan: WindowPlan;
  readonly #context: WindowContext;
  readonly #isEvent: boolean;
  readonly #assignment: PaneAssignment;
  readonly #grouping: PaneGrouping;
  readonly #panes: OpenPanes;
  readonly #aggregates: TableAggregates;
  readonly #results: WindowResults;
  /** Undefined without lateness. */
  readonly #fired: FlagColumn | undefined;
  readonly #rows = new RowBuffer();
  /** Event time: the watermark. Processing time: the last ms that is over. */
  #time = NO_WATERMARK;
  /** Processing time: the watermark, of which nothing hangs here. */
  #watermark = NO_WATERMARK;
  #target = NO_WATERMARK;
  isFiring = false;
  /** The earliest time at which a pane fires or goes. */
  #nextDue = Number.POSITIVE_INFINITY;
  #firing: OpenPane | undefined;
  #cursor = 0;

  constructor(plan: WindowPlan, backend: KeyedBackend, context: WindowContext) {
    const { assigner, allowedLatenessMs: latenessMs, aggregates } = plan;
    assert(assigner.kind === "tumbling" || assigner.kind === "sliding", "panes have a fixed size");
    this.#plan = plan;
    this.#context = context;
    this.#isEvent = assigner.time === "event";
    this.#assignment = paneAssignment(assigner);
    this.#grouping = new PaneGrouping({ panes: this.#assignment, isShared: false, latenessMs });
    const family = declareFamily(plan, backend);
    this.#panes = new OpenPanes(family, aggregates.children);
    this.#aggregates = new TableAggregates(aggregates, family.layout);
    this.#results = new WindowResults(plan, this.#aggregates, { layout: family.layout, context });
    this.#fired = latenessMs > 0 ? new FlagColumn(family.layout, FIRED) : undefined;
  }

  get currentWatermark(): number {
    return this.#isEvent ? this.#time : this.#watermark;
  }

  restored(watermark: number): void {
    this.#watermark = watermark;
    if (this.#isEvent) this.#time = watermark;
    // A pane is a window here; windows begin where slides do.
    const { sizeMs } = this.#assignment;
    this.#panes.restore(this.#plan.uid, (time) => {
      const start = lastWindowStart(this.#assignment, time);
      return { start, end: start + sizeMs };
    });
    for (const pane of this.#panes.list) pane.isFired = this.#isDue(pane);
    this.#findNextDue();
  }

  processBatch(batch: Batch, keys: KeyColumn, input: number): void {
    assert(!this.isFiring, "no batch comes while windows fire");
    const grouping = this.#grouping;
    if (this.#isEvent) {
      assert(batch.timestamps !== undefined, "event-time windows get records with timestamps");
      grouping.group(batch.timestamps, batch.count, this.#time);
    } else {
      grouping.groupAll(this.#context.now(), batch.count);
    }
    const prepared = this.#aggregates.prepare(batch, input);
    for (let at = 0; at < grouping.groups.count; at++) {
      this.#addGroup(grouping.groups.at(at), { prepared, keys, count: batch.count });
    }
    emitLate(batch, grouping.late, this.#plan, this.#context.output);
  }

  #addGroup(
    group: RecordGroup,
    batch: { readonly prepared: PreparedBatch; readonly keys: KeyColumn; readonly count: number },
  ): void {
    const { start, indexes, count } = group;
    const end = start + this.#assignment.sizeMs;
    const known = this.#panes.get(start);
    const pane = known ?? this.#panes.open(start, end);
    if (known === undefined) {
      pane.isFired = this.#isEvent && this.#isDue(pane);
      this.#nextDue = Math.min(this.#nextDue, this.#dueTime(pane));
    }
    const rows = this.#rows.find(pane.table, batch.keys, { indexes, count, of: batch.count });
    if (pane.isFired) {
      this.#addLate(pane, rows, { prepared: batch.prepared, indexes, count });
      return;
    }
    batch.prepared.add(pane, rows, indexes, { from: 0, to: count });
    if (this.#fired === undefined || !pane.isRestored) return;
    for (let k = 0; k < count; k++) this.#fired.set(pane.table, rows[k], false);
  }

  /** Records for a window that has fired: each fires again for its key. */
  #addLate(
    pane: OpenPane,
    rows: Int32Array,
    of: { readonly prepared: PreparedBatch; readonly indexes: Int32Array; readonly count: number },
  ): void {
    this.#results.begin(this.#time);
    for (let k = 0; k < of.count; k++) {
      of.prepared.add(pane, rows, of.indexes, { from: k, to: k + 1 });
      this.#results.emitRow(pane, rows[k], pane.window);
      this.#fired?.set(pane.table, rows[k], true);
    }
  }

  advanceWatermark(watermark: number): void {
    this.#watermark = Math.max(this.#watermark, watermark);
    if (this.#isEvent) this.#advance(watermark);
  }

  advanceProcessingTime(now: number): void {
    if (!this.#isEvent) this.#advance(now - 1);
  }

  #advance(time: number): void {
    // The clock may stand still or go back, and yet a pane that was opened since may be due.
    if (!this.isFiring && time < this.#nextDue) {
      this.#time = Math.max(this.#time, time);
      return;
    }
    this.#target = Math.max(this.#target, time);
    this.isFiring = true;
  }

  nextProcessingTime(): number {
    return this.#isEvent ? Number.POSITIVE_INFINITY : this.#nextDue + 1;
  }

  fire(rowsMax: number): boolean {
    if (!this.isFiring) return true;
    this.#results.begin(this.#isEvent ? this.#target : this.#watermark);
    let left = rowsMax;
    for (;;) {
      this.#firing ??= this.#nextToFire();
      if (this.#firing === undefined) break;
      if (left <= 0) return false;
      left = this.#fireRows(this.#firing, left);
    }
    this.#time = this.#target;
    this.isFiring = false;
    this.#dropPast();
    this.#findNextDue();
    return true;
  }

  #nextToFire(): OpenPane | undefined {
    for (const pane of this.#panes.list) {
      if (pane.window.end - 1 > this.#target) return undefined;
      if (!pane.isFired) return pane;
    }
    return undefined;
  }

  /** Fires up to `rowsMax` rows; returns how many are left to fire of the budget. */
  #fireRows(pane: OpenPane, rowsMax: number): number {
    const { table, window } = pane;
    const fired = this.#fired;
    let left = rowsMax;
    let row = this.#cursor;
    while (left > 0) {
      row = table.nextRow(row);
      if (row === 0) break;
      left -= 1;
      if (fired !== undefined) {
        if (pane.isRestored && fired.get(table, row)) continue;
        fired.set(table, row, true);
      }
      this.#results.emitRow(pane, row, window);
    }
    this.#cursor = row;
    if (row !== 0) return left;
    this.#firing = undefined;
    if (fired === undefined) this.#panes.drop(pane);
    else pane.isFired = true;
    return left;
  }

  /** Without lateness, what has fired leaves the pane; with it, the rows say so themselves. */
  prepareSnapshot(): boolean {
    if (this.#firing === undefined || this.#fired !== undefined) return true;
    const { table } = this.#firing;
    for (let row = table.nextRow(0); row !== 0 && row <= this.#cursor; row = table.nextRow(row)) {
      table.remove(row);
    }
    return true;
  }

  #dropPast(): void {
    for (const pane of [...this.#panes.list]) {
      if (pane.window.end - 1 > this.#time) return;
      if (this.#cleanupTime(pane) <= this.#time) this.#panes.drop(pane);
    }
  }

  #findNextDue(): void {
    this.#nextDue = Number.POSITIVE_INFINITY;
    for (const pane of this.#panes.list) {
      this.#nextDue = Math.min(this.#nextDue, this.#dueTime(pane));
    }
  }

  #dueTime(pane: OpenPane): number {
    return pane.isFired ? this.#cleanupTime(pane) : pane.window.end - 1;
  }

  #cleanupTime(pane: OpenPane): number {
    return addSaturated(pane.window.end - 1, this.#plan.allowedLatenessMs);
  }

  #isDue(pane: OpenPane): boolean {
    return pane.window.end - 1 <= this.#time;
  }
}

function declareFamily(plan: WindowPlan, backend: KeyedBackend): PaneFamily {
  const { aggregates, allowedLatenessMs } = plan;
  const columns = accumulatorColumns(aggregates);
  return backend.family({
    name: PANES,
    columns: allowedLatenessMs > 0 ? [...columns, FlagColumn.spec(FIRED)] : columns,
    children: aggregates.children.map(childTableSpec),
  });
}
