/*
 * SharedWindows: sliding event-time windows over shared panes, merged when a window fires. A record
 * is folded in once, however many windows it is in. Contract: `window-operator.ts`.
 *
 * I1. A window has fired exactly when its last timestamp ≤ `currentWatermark`, which is why nothing
 *     but panes is in state.
 * I2. A pane stays until its last window is past its end and the allowed lateness.
 * I3. A late record fires again, for its key, each window that has fired, contains it, and is not
 *     past the allowed lateness.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { addSaturated, NO_WATERMARK } from "../time/timestamp.ts";
import { accumulatorColumns, TableAggregates } from "./aggregate-table.ts";
import type { PreparedBatch } from "./aggregate-table.ts";
import type { TimeWindow } from "./assigner.ts";
import { childTableSpec } from "./child-store.ts";
import { OpenPanes } from "./open-panes.ts";
import type { OpenPane } from "./open-panes.ts";
import { firstWindowEnd, lastWindowEnd, paneAssignment } from "./pane-assignment.ts";
import type { PaneAssignment } from "./pane-assignment.ts";
import { PaneGrouping } from "./pane-grouping.ts";
import { PANES } from "./pane-windows.ts";
import { emitLate, RowBuffer } from "./record-groups.ts";
import type { RecordGroup } from "./record-groups.ts";
import { ScratchAccumulators } from "./scratch-accumulators.ts";
import type { WindowContext, WindowOperator } from "./window-operator.ts";
import type { WindowPlan } from "./window-plan.ts";
import { WindowResults } from "./window-results.ts";

/**
 * A window that fires: first its panes are merged, then the keys of the merged table are emitted.
 */
interface Firing {
  readonly window: TimeWindow;
  readonly panes: readonly OpenPane[];
  /** Position in `panes`; at its end: emitting. */
  at: number;
  /** Last row done in the pane, or in the merged table. */
  cursor: number;
}

interface GroupBatch {
  readonly prepared: PreparedBatch;
  readonly keys: KeyColumn;
  readonly count: number;
}

/** A record for a pane that has windows that have fired. */
interface LateRecord {
  readonly pane: OpenPane;
  readonly index: number;
}

/** See the file header. */
export class SharedWindows implements WindowOperator {
  readonly #plan: WindowPlan;
  readonly #context: WindowContext;
  readonly #assignment: PaneAssignment;
  readonly #grouping: PaneGrouping;
  readonly #panes: OpenPanes;
  readonly #aggregates: TableAggregates;
  readonly #results: WindowResults;
  readonly #rows = new RowBuffer();
  #scratch: ScratchAccumulators | undefined;
  /** All windows that end at or before it + 1 have fired. */
  #time = NO_WATERMARK;
  #target = NO_WATERMARK;
  #nextDue = Number.POSITIVE_INFINITY;
  #firing: Firing | undefined;
  isFiring = false;

  constructor(plan: WindowPlan, backend: KeyedBackend, context: WindowContext) {
    const { assigner, aggregates, allowedLatenessMs: latenessMs } = plan;
    assert(assigner.kind === "sliding" && aggregates.canMerge, "shared panes are merged");
    this.#plan = plan;
    this.#context = context;
    this.#assignment = paneAssignment(assigner);
    this.#grouping = new PaneGrouping({ panes: this.#assignment, isShared: true, latenessMs });
    const family = backend.family({
      name: PANES,
      columns: accumulatorColumns(aggregates),
      children: aggregates.children.map(childTableSpec),
    });
    this.#panes = new OpenPanes(family, aggregates.children);
    this.#aggregates = new TableAggregates(aggregates, family.layout);
    this.#results = new WindowResults(plan, this.#aggregates, { layout: family.layout, context });
  }

  get currentWatermark(): number {
    return this.#time;
  }

  restored(watermark: number): void {
    this.#time = watermark;
    this.#panes.restore();
    this.#findNextDue();
  }

  processBatch(batch: Batch, keys: KeyColumn): void {
    assert(!this.isFiring, "no batch comes while windows fire");
    assert(batch.timestamps !== undefined, "event-time windows get records with timestamps");
    const grouping = this.#grouping;
    grouping.group(batch.timestamps, batch.count, this.#time);
    const prepared = this.#aggregates.prepare(batch);
    const late: LateRecord[] = [];
    for (let at = 0; at < grouping.groups.count; at++) {
      const group = grouping.groups.at(at);
      const pane = this.#paneAt(group.start);
      if (this.#hasFired(pane)) {
        for (let k = 0; k < group.count; k++) late.push({ pane, index: group.indexes[k] });
      } else {
        this.#addGroup(pane, group, { prepared, keys, count: batch.count });
      }
    }
    if (late.length > 0) this.#addLate(late, prepared, keys);
    const { lateIndexes, lateCount } = grouping;
    if (lateCount === 0) return;
    emitLate(batch, { indexes: lateIndexes, count: lateCount }, this.#plan, this.#context.output);
  }

  #paneAt(start: number): OpenPane {
    const known = this.#panes.get(start);
    if (known !== undefined) return known;
    const pane = this.#panes.open(start, start + this.#assignment.paneMs);
    this.#nextDue = Math.min(this.#nextDue, this.#dueTime(pane));
    return pane;
  }

  /** Whether a window of the pane has fired that a record may still change. */
  #hasFired(pane: OpenPane): boolean {
    if (this.#plan.allowedLatenessMs === 0) return false;
    const firstEnd = firstWindowEnd(this.#assignment, pane.window);
    return firstEnd !== undefined && firstEnd - 1 <= this.#time;
  }

  #addGroup(pane: OpenPane, group: RecordGroup, batch: GroupBatch): void {
    const { indexes, count } = group;
    const rows = this.#rows.find(pane.table, batch.keys, { indexes, count, of: batch.count });
    batch.prepared.add(pane, rows, indexes, { from: 0, to: count });
  }

  /** Each fires before the next is added, so they are taken in their order across panes. */
  #addLate(late: readonly LateRecord[], prepared: PreparedBatch, keys: KeyColumn): void {
    this.#results.currentWatermark = this.#time;
    const one = { indexes: new Int32Array(1), count: 1, of: 0 };
    for (const { pane, index } of late.toSorted((a, b) => a.index - b.index)) {
      one.indexes[0] = index;
      const rows = this.#rows.find(pane.table, keys, one);
      prepared.add(pane, rows, one.indexes, { from: 0, to: 1 });
      const firstEnd = firstWindowEnd(this.#assignment, pane.window);
      if (firstEnd !== undefined) this.#fireLate(pane, firstEnd, { keys, index });
    }
  }

  /** Fires, for one key, the windows of a pane that have fired and still count. */
  #fireLate(
    pane: OpenPane,
    firstEnd: number,
    record: { readonly keys: KeyColumn; readonly index: number },
  ): void {
    const { sizeMs, slideMs } = this.#assignment;
    const lastEnd = lastWindowEnd(this.#assignment, pane.window) ?? firstEnd;
    for (let end = firstEnd; end <= lastEnd && end - 1 <= this.#time; end += slideMs) {
      if (this.#isPast(end)) continue;
      const scratch = this.#emptyScratch(pane);
      let row = 0;
      for (const part of this.#panesOf(end)) {
        const partRow = part.table.find(record.keys, record.index);
        if (partRow === 0) continue;
        row = scratch.rowLike(part.table, partRow);
        this.#aggregates.merge(scratch, row, part, partRow);
      }
      assert(row !== 0, "the pane of the late record has its key");
      this.#results.emitRow(scratch, row, Object.freeze({ start: end - sizeMs, end }));
    }
  }

  #panesOf(windowEnd: number): readonly OpenPane[] {
    const { paneMs, panesPerWindow, sizeMs } = this.#assignment;
    const panes: OpenPane[] = [];
    for (let n = 0; n < panesPerWindow; n++) {
      const pane = this.#panes.get(windowEnd - sizeMs + n * paneMs);
      if (pane !== undefined) panes.push(pane);
    }
    return panes;
  }

  #emptyScratch(like: OpenPane): ScratchAccumulators {
    const { children } = this.#plan.aggregates;
    this.#scratch ??= new ScratchAccumulators(like.pane, children);
    this.#scratch.clear();
    return this.#scratch;
  }

  advanceWatermark(watermark: number): void {
    if (watermark <= this.#time) return;
    if (!this.isFiring && watermark < this.#nextDue) {
      this.#time = watermark;
      return;
    }
    this.#target = Math.max(this.#target, watermark);
    this.isFiring = true;
  }

  advanceProcessingTime(_now: number): void {}

  nextProcessingTime(): number {
    return Number.POSITIVE_INFINITY;
  }

  fire(rowsMax: number): boolean {
    if (!this.isFiring) return true;
    this.#results.currentWatermark = this.#target;
    let left = rowsMax;
    for (;;) {
      this.#firing ??= this.#nextToFire();
      if (this.#firing === undefined) break;
      if (left <= 0) return false;
      left = this.#fireSlice(this.#firing, left);
    }
    this.#time = this.#target;
    this.isFiring = false;
    this.#dropPast();
    this.#findNextDue();
    return true;
  }

  #nextToFire(): Firing | undefined {
    const end = this.#nextWindowEnd();
    if (end - 1 > this.#target) return undefined;
    const panes = this.#panesOf(end);
    this.#emptyScratch(panes[0]);
    const window = Object.freeze({ start: end - this.#assignment.sizeMs, end });
    // The rows of a single pane need no merging: they are emitted from where they are.
    return { window, panes, at: panes.length === 1 ? 1 : 0, cursor: 0 };
  }

  #fireSlice(firing: Firing, rowsMax: number): number {
    const left = this.#mergeRows(firing, rowsMax);
    if (firing.at < firing.panes.length) return left;
    return this.#emitRows(firing, left);
  }

  #mergeRows(firing: Firing, rowsMax: number): number {
    const scratch = this.#scratch;
    assert(scratch !== undefined, "a firing window has a table to merge into");
    let left = rowsMax;
    while (firing.at < firing.panes.length && left > 0) {
      const pane = firing.panes[firing.at];
      const row = pane.table.nextRow(firing.cursor);
      firing.cursor = row;
      left -= 1;
      if (row === 0) firing.at += 1;
      else this.#aggregates.merge(scratch, scratch.rowLike(pane.table, row), pane, row);
    }
    return left;
  }

  #emitRows(firing: Firing, rowsMax: number): number {
    const merged = firing.panes.length === 1 ? firing.panes[0] : this.#scratch;
    assert(merged !== undefined, "a firing window has a table to emit from");
    let left = rowsMax;
    while (left > 0) {
      const row = merged.table.nextRow(firing.cursor);
      firing.cursor = row;
      left -= 1;
      if (row !== 0) {
        this.#results.emitRow(merged, row, firing.window);
        continue;
      }
      this.#time = firing.window.end - 1;
      this.#firing = undefined;
      this.#scratch?.clear();
      break;
    }
    return left;
  }

  /** A window whose keys were emitted in part has no form in state: it is finished first. */
  prepareSnapshot(): boolean {
    return this.#firing === undefined;
  }

  /** End of the first window that has a pane and has not fired; Infinity for none. */
  #nextWindowEnd(): number {
    const { slideMs } = this.#assignment;
    let next = Number.POSITIVE_INFINITY;
    for (const pane of this.#panes.list) {
      const firstEnd = firstWindowEnd(this.#assignment, pane.window);
      const lastEnd = lastWindowEnd(this.#assignment, pane.window);
      if (firstEnd === undefined || lastEnd === undefined) continue;
      // Later panes have later windows.
      if (firstEnd >= next) break;
      const firedCount = Math.max(0, Math.floor((this.#time + 1 - firstEnd) / slideMs) + 1);
      const end = firstEnd + (firedCount === 0 ? 0 : firedCount * slideMs);
      if (end <= lastEnd) next = Math.min(next, end);
    }
    return next;
  }

  #dropPast(): void {
    for (const pane of [...this.#panes.list]) {
      if (this.#cleanupTime(pane) > this.#time) return;
      this.#panes.drop(pane);
    }
  }

  #findNextDue(): void {
    const [oldest] = this.#panes.list;
    const cleanup = oldest === undefined ? Number.POSITIVE_INFINITY : this.#cleanupTime(oldest);
    this.#nextDue = Math.min(cleanup, this.#nextWindowEnd() - 1);
  }

  #dueTime(pane: OpenPane): number {
    const firstEnd = firstWindowEnd(this.#assignment, pane.window) ?? pane.window.end;
    return firstEnd - 1 > this.#time ? firstEnd - 1 : this.#time;
  }

  #cleanupTime(pane: OpenPane): number {
    const lastEnd = lastWindowEnd(this.#assignment, pane.window) ?? pane.window.end;
    return addSaturated(lastEnd - 1, this.#plan.allowedLatenessMs);
  }

  #isPast(windowEnd: number): boolean {
    return addSaturated(windowEnd - 1, this.#plan.allowedLatenessMs) <= this.#time;
  }
}
