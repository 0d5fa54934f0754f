/*
 * SessionWindows: session windows, with any trigger that can merge. Sessions are rows
 * (`session-table.ts`) with one timer of the engine each. Contract: `window-operator.ts`.
 *
 * I1. A session has one timer of the engine (`session-timers.ts`), which is not set per record: if
 *     the session has grown when it goes off, it is set again.
 * I2. A record is late when its session, after merging, is past its end and the allowed lateness;
 *     since what is past is gone, that is a record that merges with none and is past by itself.
 * I3. Default trigger: the engine's timer fires the session at its end and removes it at its
 *     cleanup time. Other triggers have timers of their own, with the window as namespace, and the
 *     engine's is for the cleanup only, which comes after all timers of the same time.
 * I4. Records wait to be folded in until accumulators are read or a session goes.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { addSaturated, NO_WATERMARK } from "../time/timestamp.ts";
import { accumulatorColumns, TableAggregates } from "./aggregate-table.ts";
import type { AccumulatorTable, PreparedBatch } from "./aggregate-table.ts";
import { sessionGapMs } from "./assigner.ts";
import type { SessionAssigner } from "./assigner.ts";
import { emitLate, RecordIndexes } from "./record-groups.ts";
import { RowKeyReader } from "./row-key.ts";
import { mergeSession } from "./session-merge.ts";
import { sessionChildSpec, sessionStore } from "./session-stores.ts";
import { SessionTable } from "./session-table.ts";
import type { SessionRun } from "./session-table.ts";
import { SessionTimers } from "./session-timers.ts";
import { SessionTriggers } from "./session-triggers.ts";
import { triggerColumns } from "./trigger-state.ts";
import type { WindowContext, WindowOperator } from "./window-operator.ts";
import type { WindowPlan } from "./window-plan.ts";
import { WindowResults } from "./window-results.ts";

/** The records of one batch; its arrays are reused from batch to batch. */
class BatchRun implements SessionRun {
  count = 0;
  firesUpTo = NO_WATERMARK;
  parents = new Int32Array(0);
  starts: Float64Array = new Float64Array(0);
  ends = new Float64Array(0);
  rows = new Int32Array(0);
  /** 0, 1, 2, … */
  indexes = new Int32Array(0);
  #clock = new Float64Array(0);

  /** `times`: one per record, or the same for all. */
  begin(count: number, times: Float64Array | number): void {
    this.count = count;
    if (this.rows.length < count) {
      this.parents = new Int32Array(count);
      this.ends = new Float64Array(count);
      this.rows = new Int32Array(count);
      this.indexes = Int32Array.from({ length: count }, (_, index) => index);
      this.#clock = new Float64Array(count);
    }
    this.starts = typeof times === "number" ? this.#clock.fill(times) : times;
  }
}

/** See the file header. */
export class SessionWindows implements WindowOperator {
  readonly #plan: WindowPlan;
  readonly #backend: KeyedBackend;
  readonly #context: WindowContext;
  readonly #assigner: SessionAssigner;
  readonly #isEvent: boolean;
  readonly #engine: SessionTimers;
  readonly #sessions: SessionTable;
  readonly #accumulators: AccumulatorTable;
  readonly #aggregates: TableAggregates;
  readonly #results: WindowResults;
  /** Undefined for the default trigger. */
  readonly #triggers: SessionTriggers | undefined;
  readonly #keys: RowKeyReader;
  readonly #run = new BatchRun();
  /** Records of the batch below it are folded in. */
  #foldedTo = 0;
  readonly #late = new RecordIndexes();
  #watermark = NO_WATERMARK;
  #targetWatermark = NO_WATERMARK;
  #targetClock = NO_WATERMARK;
  #isClockDue = false;

  constructor(plan: WindowPlan, backend: KeyedBackend, context: WindowContext) {
    const { assigner, trigger, aggregates } = plan;
    assert(assigner.kind === "session", "only sessions merge");
    this.#plan = plan;
    this.#backend = backend;
    this.#context = context;
    this.#assigner = assigner;
    this.#isEvent = assigner.time === "event";
    const sessions = new SessionTable(backend, [
      ...accumulatorColumns(aggregates),
      ...SessionTriggers.columns,
      ...triggerColumns(trigger),
    ]);
    const stores = aggregates.children.map((child) =>
      sessionStore(child, backend.childTable(sessionChildSpec(child)), sessions),
    );
    const { table } = sessions;
    this.#sessions = sessions;
    this.#engine = new SessionTimers(sessions);
    this.#accumulators = { table, stores };
    this.#aggregates = new TableAggregates(aggregates, table.layout);
    const { layout } = backend.main;
    this.#keys = new RowKeyReader(layout);
    this.#results = new WindowResults(plan, this.#aggregates, { layout, context });
    const isDefault = trigger.kind === (this.#isEvent ? "event-time" : "processing-time");
    if (isDefault) return;
    this.#triggers = new SessionTriggers(plan, backend, {
      sessions,
      accumulators: this.#accumulators,
      aggregates: this.#aggregates,
      emit: (row) => this.#emit(row),
      now: context.now,
    });
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
    this.#engine.restore();
    if (this.#triggers !== undefined) return;
    // Snapshots of version 0.1 hold timers of the engine, which are columns of sessions, too.
    const { eventTimers, processingTimers } = this.#backend;
    for (const timers of [eventTimers, processingTimers]) {
      timers.popDue(Infinity, Infinity, () => undefined);
    }
  }

  processBatch(batch: Batch, keys: KeyColumn, input: number): void {
    assert(!this.isFiring, "no batch comes while windows fire");
    assert(!this.#isEvent || batch.timestamps !== undefined, "records have timestamps");
    const prepared = this.#aggregates.prepare(batch, input);
    const run = this.#begin(batch, keys);
    this.#seeWatermark(this.#watermark);
    const { count } = batch;
    const isDefault = this.#triggers === undefined;
    for (let index = 0; index < count; index++) {
      if (isDefault) index = this.#sessions.extendRun(run, index);
      if (index === count) break;
      this.#backend.setCurrent(keys, index);
      if (!this.#take(index, prepared)) {
        this.#foldIn(prepared, index);
        this.#foldedTo = index + 1;
        this.#late.add(index);
        continue;
      }
      if (isDefault) this.#onAdded(index, prepared);
      else this.#onTriggered(index, prepared, batch);
    }
    this.#foldIn(prepared, count);
    emitLate(batch, this.#late, this.#plan, this.#context.output);
  }

  /** Looks up the keys of a batch together. A key that is not there yet is looked up again. */
  #begin(batch: Batch, keys: KeyColumn): BatchRun {
    const { count, timestamps } = batch;
    const run = this.#run;
    run.begin(count, this.#isEvent && timestamps ? timestamps : this.#context.now());
    run.firesUpTo = this.#isEvent ? this.#watermark : NO_WATERMARK;
    const { starts, ends } = run;
    const { gapMs } = this.#assigner;
    if (gapMs === undefined) {
      const records = batch.records();
      for (let index = 0; index < count; index++) {
        ends[index] = starts[index] + sessionGapMs(this.#assigner, records[index]);
      }
    } else {
      for (let index = 0; index < count; index++) ends[index] = starts[index] + gapMs;
    }
    if (this.#triggers === undefined) {
      this.#backend.main.lookup(keys, count, run.parents, "find");
    }
    this.#late.count = 0;
    this.#foldedTo = 0;
    return run;
  }

  /** Folds in the records before `to` that wait. */
  #foldIn(prepared: PreparedBatch, to: number): void {
    const from = this.#foldedTo;
    if (from >= to) return;
    this.#foldedTo = to;
    const { rows, indexes } = this.#run;
    prepared.add(this.#accumulators, rows, indexes, { from, to });
  }

  /** Finds the record's session: new, extended or merged. False: the record is late. */
  #take(index: number, prepared: PreparedBatch): boolean {
    const { starts, ends, rows } = this.#run;
    const added = { start: starts[index], end: ends[index] };
    const sessions = this.#sessions;
    sessions.load();
    const { from, to, merged } = mergeSession(sessions, added);
    if (from === to) {
      if (this.#isPast(added.end)) return false;
      rows[index] = sessions.add(added);
      return true;
    }
    const row = sessions.rowAt(from);
    rows[index] = row;
    const isSame = to - from === 1 && sessions.startOf(row) === merged.start;
    if (isSame && sessions.endOf(row) === merged.end) return true;
    const others: number[] = [];
    for (let at = from + 1; at < to; at++) others.push(sessions.rowAt(at));
    this.#triggers?.onMerging(row, others);
    if (others.length > 0) this.#foldIn(prepared, index);
    for (const other of others) this.#absorb(row, other);
    sessions.setWindow(row, merged);
    this.#triggers?.onMerged(row);
    return true;
  }

  #absorb(row: number, other: number): void {
    const { table, stores } = this.#accumulators;
    this.#aggregates.merge(this.#accumulators, row, this.#accumulators, other);
    for (const store of stores) store.clear(other);
    table.remove(other);
  }

  /** Default trigger: the record at `index` has its session. */
  #onAdded(index: number, prepared: PreparedBatch): void {
    const sessions = this.#sessions;
    const row = this.#run.rows[index];
    const isPast = this.#isEvent && sessions.endOf(row) - 1 <= this.#watermark;
    sessions.fired.set(sessions.table, row, isPast);
    if (isPast) {
      this.#foldIn(prepared, index + 1);
      this.#emit(row);
    }
    this.#engine.arm(row, this.#neededTime(row));
  }

  #onTriggered(index: number, prepared: PreparedBatch, batch: Batch): void {
    const row = this.#run.rows[index];
    this.#foldIn(prepared, index + 1);
    this.#engine.arm(row, this.#cleanupTime(this.#sessions.endOf(row)));
    const timestamp = batch.timestamps?.[index] ?? this.#run.starts[index];
    this.#triggers?.onRecord(row, batch.records()[index], timestamp);
  }

  /** When the engine has next to look at a session. */
  #neededTime(row: number): number {
    const end = this.#sessions.endOf(row);
    const waits =
      this.#triggers === undefined && !this.#sessions.fired.get(this.#sessions.table, row);
    return waits ? end - 1 : this.#cleanupTime(end);
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
    const triggered = this.#backend.processingTimers.nextTimestamp();
    const own = this.#isEvent ? Infinity : this.#engine.nextTimestamp();
    return Math.min(triggered, own) + 1;
  }

  fire(rowsMax: number): boolean {
    this.#seeWatermark(this.#targetWatermark);
    let left = rowsMax;
    if (this.#targetWatermark > this.#watermark) {
      left -= this.#fireDue("event", this.#targetWatermark, left);
      if (left <= 0) return false;
      this.#watermark = this.#targetWatermark;
    }
    if (this.#isClockDue) {
      left -= this.#fireDue("processing", this.#targetClock, left);
      if (left <= 0) return false;
      this.#isClockDue = false;
    }
    return true;
  }

  /** Timers of one kind of time, earliest first; of one time those of triggers first. */
  #fireDue(domain: "event" | "processing", upTo: number, countMax: number): number {
    const isOwn = (domain === "event") === this.#isEvent;
    const engine = this.#engine;
    let count = 0;
    while (count < countMax) {
      const next = isOwn ? engine.nextTimestamp() : Infinity;
      if (this.#triggers !== undefined) {
        count += this.#fireTriggers(domain, Math.min(next, upTo), countMax - count);
      }
      if (count === countMax || next > upTo) break;
      this.#onEngineTimer(engine.take(), next);
      count += 1;
    }
    return count;
  }

  #fireTriggers(domain: "event" | "processing", upTo: number, countMax: number): number {
    const { eventTimers, processingTimers } = this.#backend;
    const timers = domain === "event" ? eventTimers : processingTimers;
    return timers.popDue(upTo, countMax, (timestamp, window) =>
      this.#triggers?.onTimer(timestamp, window, domain),
    );
  }

  #onEngineTimer(row: number, timestamp: number): void {
    const sessions = this.#sessions;
    let needed = this.#neededTime(row);
    if (this.#triggers === undefined && timestamp >= needed) {
      if (!sessions.fired.get(sessions.table, row)) {
        this.#emit(row);
        needed = this.#cleanupTime(sessions.endOf(row));
        if (timestamp < needed) sessions.fired.set(sessions.table, row, true);
      }
    }
    if (timestamp < needed) {
      this.#engine.set(row, needed);
      return;
    }
    if (this.#triggers !== undefined) {
      this.#backend.setCurrentKey(this.#keyOf(row));
      this.#triggers.clear(row);
    }
    this.#drop(row);
  }

  #drop(row: number): void {
    for (const store of this.#accumulators.stores) store.clear(row);
    this.#sessions.remove(row);
  }

  #emit(row: number): void {
    const key = this.#keyOf(row);
    this.#results.emit(this.#accumulators, row, { key, window: this.#sessions.windowOf(row) });
  }

  #keyOf(row: number): unknown {
    return this.#keys.read(this.#backend.main, this.#sessions.table.parentRowOf(row));
  }

  /** Sessions and timers say all: what has fired is not in state any more, or says so. */
  prepareSnapshot(): boolean {
    return true;
  }

  #cleanupTime(end: number): number {
    return addSaturated(end - 1, this.#plan.allowedLatenessMs);
  }

  #isPast(end: number): boolean {
    return this.#isEvent && this.#cleanupTime(end) <= this.#watermark;
  }

  #seeWatermark(watermark: number): void {
    this.#results.begin(watermark);
    this.#triggers?.seeWatermark(watermark);
  }
}
