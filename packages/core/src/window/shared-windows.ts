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
import { childTableSpec } from "./child-store.ts";
import { OpenPanes } from "./open-panes.ts";
import type { OpenPane } from "./open-panes.ts";
import {
  firstWindowEnd,
  lastWindowEnd,
  nextWindowEnd,
  paneAssignment,
  paneAt,
} from "./pane-assignment.ts";
import type { PaneAssignment } from "./pane-assignment.ts";
import { PaneGrouping } from "./pane-grouping.ts";
import { PANES } from "./pane-windows.ts";
import { emitLate, RowBuffer } from "./record-groups.ts";
import type { RecordGroup } from "./record-groups.ts";
import { WindowMerge } from "./window-merge.ts";
import type { WindowContext, WindowOperator } from "./window-operator.ts";
import type { WindowPlan } from "./window-plan.ts";
import { WindowResults } from "./window-results.ts";

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
  readonly #merge: WindowMerge;
  readonly #rows = new RowBuffer();
  /** All windows that end at or before it + 1 have fired. */
  #time = NO_WATERMARK;
  #target = NO_WATERMARK;
  #nextDue = Number.POSITIVE_INFINITY;
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
    this.#merge = new WindowMerge(this.#aggregates, this.#results);
  }

  get currentWatermark(): number {
    return this.#time;
  }

  restored(watermark: number): void {
    this.#time = watermark;
    this.#panes.restore(this.#plan.uid, (time) => paneAt(this.#assignment, time));
    this.#findNextDue();
  }

  processBatch(batch: Batch, keys: KeyColumn, input: number): void {
    assert(!this.isFiring, "no batch comes while windows fire");
    assert(batch.timestamps !== undefined, "event-time windows get records with timestamps");
    const grouping = this.#grouping;
    grouping.group(batch.timestamps, batch.count, this.#time);
    const prepared = this.#aggregates.prepare(batch, input);
    const late: LateRecord[] = [];
    for (let at = 0; at < grouping.groups.count; at++) {
      const group = grouping.groups.at(at);
      const pane = this.#openAt(group.start);
      if (this.#hasFired(pane)) {
        for (let k = 0; k < group.count; k++) late.push({ pane, index: group.indexes[k] });
      } else {
        this.#addGroup(pane, group, { prepared, keys, count: batch.count });
      }
    }
    if (late.length > 0) this.#addLate(late, prepared, keys);
    emitLate(batch, grouping.late, this.#plan, this.#context.output);
  }

  #openAt(start: number): OpenPane {
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
    this.#results.begin(this.#time);
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
      const window = Object.freeze({ start: end - sizeMs, end });
      this.#merge.emitKey(window, this.#panesOf(end), record.keys, record.index);
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
    this.#results.begin(this.#target);
    let left = rowsMax;
    while (this.#merge.window !== undefined || this.#beginNext()) {
      if (left <= 0) return false;
      const { window } = this.#merge;
      left = this.#merge.fire(left);
      if (this.#merge.window === undefined && window !== undefined) this.#time = window.end - 1;
    }
    this.#time = this.#target;
    this.isFiring = false;
    this.#dropPast();
    this.#findNextDue();
    return true;
  }

  /** Begins with the next window that is due; false: none is. */
  #beginNext(): boolean {
    const end = nextWindowEnd(this.#assignment, this.#panes.list, this.#time);
    if (end - 1 > this.#target) return false;
    const window = Object.freeze({ start: end - this.#assignment.sizeMs, end });
    this.#merge.begin(window, this.#panesOf(end));
    return true;
  }

  /** A window whose keys were emitted in part has no form in state: it is finished first. */
  prepareSnapshot(): boolean {
    return this.#merge.window === undefined;
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
    this.#nextDue = Math.min(
      cleanup,
      nextWindowEnd(this.#assignment, this.#panes.list, this.#time) - 1,
    );
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
