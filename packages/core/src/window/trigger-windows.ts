/*
 * TriggerWindows: windows with any trigger, one pane per window. The trigger is called per record,
 * its timers are timers of the key. Contract: `window-operator.ts`; order of calls: Flink's
 * WindowOperator.
 *
 * I1. A row is `filled` from its first record until a purge; what is not filled gives no result
 *     (Flink: contents are null).
 * I2. A window goes when its cleanup time (last timestamp + allowed lateness) is reached: after the
 *     timers of that time, and before later ones. Timers of a window that is gone do nothing.
 * I3. A row that is not filled and whose trigger states are initial is removed: an idle key of a
 *     global window costs nothing.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { KeyProbe } from "../state/key-probe.ts";
import type { Namespace } from "../state/row-chunk.ts";
import { addSaturated, NO_WATERMARK } from "../time/timestamp.ts";
import { accumulatorColumns, TableAggregates } from "./aggregate-table.ts";
import type { PreparedBatch } from "./aggregate-table.ts";
import { GLOBAL_WINDOW } from "./assigner.ts";
import { childTableSpec } from "./child-store.ts";
import { FlagColumn } from "./flag-column.ts";
import { OpenPanes } from "./open-panes.ts";
import type { OpenPane } from "./open-panes.ts";
import { lastWindowStart, paneAssignment } from "./pane-assignment.ts";
import type { PaneAssignment } from "./pane-assignment.ts";
import { PaneGrouping } from "./pane-grouping.ts";
import { PANES } from "./pane-windows.ts";
import { emitLate, RecordGroups } from "./record-groups.ts";
import type { RecordGroup } from "./record-groups.ts";
import { RowKeyReader } from "./row-key.ts";
import { FIRE, PURGE } from "./trigger.ts";
import type { Trigger, TriggerResult } from "./trigger.ts";
import { triggerColumns, TriggerCalls } from "./trigger-state.ts";
import type { WindowContext, WindowOperator } from "./window-operator.ts";
import type { WindowPlan } from "./window-plan.ts";
import { WindowResults } from "./window-results.ts";

const FILLED = "$filled";

interface GroupBatch {
  readonly prepared: PreparedBatch;
  readonly keys: KeyColumn;
  /** Undefined where the trigger does not look at records. */
  readonly records: readonly unknown[] | undefined;
  readonly timestamps: Float64Array | undefined;
}

/** See the file header. */
export class TriggerWindows implements WindowOperator {
  readonly #plan: WindowPlan;
  readonly #backend: KeyedBackend;
  readonly #context: WindowContext;
  readonly #trigger: Trigger;
  readonly #isEvent: boolean;
  /** Undefined for the global window. */
  readonly #assignment: PaneAssignment | undefined;
  readonly #grouping: PaneGrouping | undefined;
  readonly #all = new RecordGroups();
  readonly #panes: OpenPanes;
  readonly #aggregates: TableAggregates;
  readonly #results: WindowResults;
  readonly #calls: TriggerCalls;
  readonly #filled: FlagColumn;
  readonly #probe: KeyProbe;
  readonly #keyReader: RowKeyReader;
  #rows = new Int32Array(1024);
  #watermark = NO_WATERMARK;
  #targetWatermark = NO_WATERMARK;
  /** Processing-time timers fire when the clock is past them: the last ms that is over. */
  #targetClock = NO_WATERMARK;
  #isClockDue = false;
  /** A window that is being cleared, and the last row done. */
  #clearing: { readonly pane: OpenPane; cursor: number } | undefined;

  constructor(plan: WindowPlan, backend: KeyedBackend, context: WindowContext) {
    const { assigner, trigger, aggregates, allowedLatenessMs: latenessMs } = plan;
    assert(assigner.kind !== "session", "sessions are kept otherwise");
    this.#plan = plan;
    this.#backend = backend;
    this.#context = context;
    this.#trigger = trigger;
    this.#isEvent = assigner.time === "event";
    const panes = assigner.kind === "global" ? undefined : paneAssignment(assigner);
    this.#assignment = panes;
    this.#grouping = panes && new PaneGrouping({ panes, isShared: false, latenessMs });
    const columns = [...accumulatorColumns(aggregates), FlagColumn.spec(FILLED)];
    const family = backend.family({
      name: PANES,
      columns: [...columns, ...triggerColumns(trigger)],
      children: aggregates.children.map(childTableSpec),
    });
    const { layout } = family;
    this.#panes = new OpenPanes(family, aggregates.children);
    this.#aggregates = new TableAggregates(aggregates, layout);
    this.#results = new WindowResults(plan, this.#aggregates, { layout, context });
    this.#calls = new TriggerCalls(trigger, layout, { backend, now: context.now });
    this.#filled = new FlagColumn(layout, FILLED);
    this.#probe = new KeyProbe(backend.keyType, plan.uid);
    this.#keyReader = new RowKeyReader(layout);
  }

  get currentWatermark(): number {
    return this.#watermark;
  }

  get isFiring(): boolean {
    return this.#targetWatermark > this.#watermark || this.#isClockDue;
  }

  restored(watermark: number): void {
    this.#watermark = watermark;
    this.#targetWatermark = watermark;
    const assignment = this.#assignment;
    this.#panes.restore(this.#plan.uid, (time) => {
      if (assignment === undefined) return GLOBAL_WINDOW;
      const start = lastWindowStart(assignment, time);
      return { start, end: start + assignment.sizeMs };
    });
  }

  processBatch(batch: Batch, keys: KeyColumn, input: number): void {
    assert(!this.isFiring, "no batch comes while windows fire");
    const groups = this.#group(batch);
    this.#seeWatermark(this.#watermark);
    const needsRecords = this.#trigger.kind === "custom" || this.#trigger.kind === "purging";
    const of: GroupBatch = {
      prepared: this.#aggregates.prepare(batch, input),
      keys,
      records: needsRecords ? batch.records() : undefined,
      timestamps: batch.timestamps,
    };
    for (let at = 0; at < groups.count; at++) this.#addGroup(groups.at(at), of);
    if (this.#grouping === undefined) return;
    emitLate(batch, this.#grouping.late, this.#plan, this.#context.output);
  }

  #group(batch: Batch): RecordGroups {
    const grouping = this.#grouping;
    if (grouping === undefined) {
      this.#all.reset();
      for (let i = 0; i < batch.count; i++) this.#all.add(GLOBAL_WINDOW.start, i);
      return this.#all;
    }
    if (this.#isEvent) {
      assert(batch.timestamps !== undefined, "event-time windows get records with timestamps");
      grouping.group(batch.timestamps, batch.count, this.#watermark);
    } else {
      grouping.groupAll(this.#context.now(), batch.count);
    }
    return grouping.groups;
  }

  #addGroup(group: RecordGroup, batch: GroupBatch): void {
    const { start, indexes, count } = group;
    const { sizeMs } = this.#assignment ?? {};
    const end = sizeMs === undefined ? GLOBAL_WINDOW.end : start + sizeMs;
    const pane = this.#panes.open(start, end);
    if (this.#rows.length < count) this.#rows = new Int32Array(count * 2);
    for (let k = 0; k < count; k++) {
      const index = indexes[k];
      this.#backend.setCurrent(batch.keys, index);
      // Row by row: a purge may remove one and another may take its place.
      const row = pane.table.upsert(batch.keys, index);
      this.#rows[k] = row;
      batch.prepared.add(pane, this.#rows, indexes, { from: k, to: k + 1 });
      this.#filled.set(pane.table, row, true);
      const timestamp = batch.timestamps?.[index] ?? Number.NaN;
      const calls = this.#calls.on(pane.table, row, pane.window);
      this.#act(this.#trigger.onRecord(batch.records?.[index], timestamp, calls), pane, row);
    }
  }

  #act(result: TriggerResult, pane: OpenPane, row: number): void {
    const { table } = pane;
    if ((result & FIRE) !== 0 && this.#filled.get(table, row)) {
      this.#results.emitRow(pane, row, pane.window);
    }
    if ((result & PURGE) !== 0) {
      this.#aggregates.reset(pane, row);
      this.#filled.set(table, row, false);
    }
    if (!this.#filled.get(table, row) && this.#calls.isInitial(table, row)) table.remove(row);
  }

  advanceWatermark(watermark: number): void {
    this.#targetWatermark = Math.max(this.#targetWatermark, watermark);
  }

  advanceProcessingTime(now: number): void {
    // Also when the clock stands still: a timer may have been registered for a time that is over.
    if (this.nextProcessingTime() > now) return;
    this.#targetClock = now - 1;
    this.#isClockDue = true;
  }

  nextProcessingTime(): number {
    const cleanup = this.#isEvent ? Number.POSITIVE_INFINITY : this.#nextCleanup();
    return Math.min(this.#backend.processingTimers.nextTimestamp(), cleanup) + 1;
  }

  fire(rowsMax: number): boolean {
    this.#seeWatermark(this.#targetWatermark);
    let left = rowsMax;
    while (this.isFiring) {
      if (left <= 0) return false;
      const isEvent = this.#targetWatermark > this.#watermark;
      left = isEvent ? this.#fireEvent(left) : this.#fireProcessing(left);
    }
    return true;
  }

  #fireEvent(rowsMax: number): number {
    const { eventTimers } = this.#backend;
    const cleanup = this.#isEvent ? this.#nextCleanup() : Number.POSITIVE_INFINITY;
    const upTo = Math.min(this.#targetWatermark, cleanup);
    const count = eventTimers.popDue(upTo, rowsMax, (timestamp, window) =>
      this.#onTimer(timestamp, window, "event"),
    );
    if (count >= rowsMax) return 0;
    const left = rowsMax - count;
    if (cleanup <= upTo) return this.#clear(left);
    this.#watermark = upTo;
    return left;
  }

  #fireProcessing(rowsMax: number): number {
    const { processingTimers } = this.#backend;
    const cleanup = this.#isEvent ? Number.POSITIVE_INFINITY : this.#nextCleanup();
    const upTo = Math.min(this.#targetClock, cleanup);
    const count = processingTimers.popDue(upTo, rowsMax, (timestamp, window) =>
      this.#onTimer(timestamp, window, "processing"),
    );
    if (count >= rowsMax) return 0;
    const left = rowsMax - count;
    if (cleanup <= upTo) return this.#clear(left);
    this.#isClockDue = false;
    return left;
  }

  #onTimer(timestamp: number, window: Namespace, domain: "event" | "processing"): void {
    const pane = this.#panes.get(window.start);
    if (pane === undefined) return;
    this.#probe.set(this.#backend.currentKey());
    const row = pane.table.upsert(this.#probe.keys, 0);
    const calls = this.#calls.on(pane.table, row, pane.window);
    const result =
      domain === "event"
        ? this.#trigger.onEventTime(timestamp, calls)
        : this.#trigger.onProcessingTime(timestamp, calls);
    this.#act(result, pane, row);
  }

  /** Clears the window whose cleanup time is the earliest: its trigger's timers, then the pane. */
  #clear(rowsMax: number): number {
    this.#clearing ??= { pane: this.#panes.list[0], cursor: 0 };
    const { pane } = this.#clearing;
    const { table } = pane;
    let row = this.#clearing.cursor;
    let left = rowsMax;
    while (left > 0) {
      row = table.nextRow(row);
      if (row === 0) break;
      left -= 1;
      this.#backend.setCurrentKey(this.#keyReader.read(table, row));
      this.#trigger.clear(this.#calls.on(table, row, pane.window));
    }
    this.#clearing.cursor = row;
    if (row !== 0) return left;
    this.#clearing = undefined;
    this.#panes.drop(pane);
    return left;
  }

  /** Timers and rows say all: what has fired is not in state any more, and clearing may repeat. */
  prepareSnapshot(): boolean {
    return true;
  }

  #nextCleanup(): number {
    const first = this.#panes.list[0];
    if (first === undefined || this.#grouping === undefined) return Number.POSITIVE_INFINITY;
    return addSaturated(first.window.end - 1, this.#plan.allowedLatenessMs);
  }

  #seeWatermark(watermark: number): void {
    this.#calls.currentWatermark = watermark;
    this.#results.begin(watermark);
  }
}
