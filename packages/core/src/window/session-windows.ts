/*
 * SessionWindows: session windows, with any trigger that can merge. Sessions are rows
 * (`session-table.ts`) with one timer of the engine each. Contract: `window-operator.ts`.
 *
 * I1. The engine's timer of a session has the namespace [id, id), which no window is; it is never
 *     set anew per record: if the session has grown when it goes off, it is set again.
 * I2. A record is late when its session, after merging, is past its end and the allowed lateness;
 *     since what is past is gone, that is a record that merges with none and is past by itself.
 * I3. Default trigger: the engine's timer fires the session at its end and removes it at its
 *     cleanup time. Other triggers have timers of their own, with the window as namespace, and the
 *     engine's is for the cleanup only, which comes after all timers of the same time.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { KeyedBackend, TimerService } from "../state/keyed-backend.ts";
import type { Namespace } from "../state/row-chunk.ts";
import { addSaturated, NO_WATERMARK } from "../time/timestamp.ts";
import { accumulatorColumns, TableAggregates } from "./aggregate-table.ts";
import type { AccumulatorTable, PreparedBatch } from "./aggregate-table.ts";
import { sessionGapMs } from "./assigner.ts";
import type { SessionAssigner, TimeWindow } from "./assigner.ts";
import { emitLate, RecordIndexes } from "./record-groups.ts";
import { mergeSession } from "./session-merge.ts";
import { sessionChildSpec, sessionStore } from "./session-stores.ts";
import { NO_TIMER, SessionTable } from "./session-table.ts";
import { SessionTimers } from "./session-timers.ts";
import { SessionTriggers } from "./session-triggers.ts";
import { triggerColumns } from "./trigger-state.ts";
import type { WindowContext, WindowOperator } from "./window-operator.ts";
import type { WindowPlan } from "./window-plan.ts";
import { WindowResults } from "./window-results.ts";

/** A session whose cleanup waits until all timers of its time have fired. */
interface PendingCleanup {
  readonly key: unknown;
  readonly id: number;
  readonly timestamp: number;
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
  /** Records that wait to be folded into their sessions: rows, and positions in the batch. */
  #rows = new Int32Array(1);
  #indexes = new Int32Array(1);
  #waitingCount = 0;
  /** Rows of the backend for the records of a batch. */
  #parents = new Int32Array(1);
  readonly #late = new RecordIndexes();
  #pending: PendingCleanup[] = [];
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
    this.#engine = new SessionTimers(
      sessions,
      this.#isEvent ? backend.eventTimers : backend.processingTimers,
    );
    this.#accumulators = { table, stores };
    this.#aggregates = new TableAggregates(aggregates, table.layout);
    const { layout } = backend.main;
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
  }

  processBatch(batch: Batch, keys: KeyColumn, input: number): void {
    assert(!this.isFiring, "no batch comes while windows fire");
    assert(!this.#isEvent || batch.timestamps !== undefined, "records have timestamps");
    this.#seeWatermark(this.#watermark);
    const prepared = this.#aggregates.prepare(batch, input);
    const now = this.#context.now();
    const isLookedAt = this.#triggers !== undefined || this.#assigner.gapOf !== undefined;
    const records = isLookedAt ? batch.records() : undefined;
    this.#late.count = 0;
    this.#begin(keys, batch.count);
    for (let index = 0; index < batch.count; index++) {
      const timestamp = batch.timestamps?.[index] ?? now;
      const start = this.#isEvent ? timestamp : now;
      const end = start + sessionGapMs(this.#assigner, records?.[index]);
      if (this.#extends(index, { start, end })) continue;
      this.#foldIn(prepared);
      this.#backend.setCurrent(keys, index);
      const row = this.#sessionFor({ start, end });
      if (row === 0) {
        this.#late.add(index);
        continue;
      }
      this.#wait(row, index);
      this.#foldIn(prepared);
      if (this.#triggers === undefined) this.#onAdded(row);
      else this.#onTriggered(row, records?.[index], timestamp);
    }
    this.#foldIn(prepared);
    emitLate(batch, this.#late, this.#plan, this.#context.output);
  }

  /** Looks up the keys of a batch together. A key that is not there yet is looked up again. */
  #begin(keys: KeyColumn, count: number): void {
    if (this.#rows.length < count) {
      this.#rows = new Int32Array(count);
      this.#indexes = new Int32Array(count);
      this.#parents = new Int32Array(count);
    }
    if (this.#triggers === undefined) {
      this.#backend.main.lookup(keys, count, this.#parents, "find");
    }
  }

  /**
   * The usual case: the record goes on with the one session of its key, and nothing fires. Such
   * records are folded in together.
   */
  #extends(index: number, window: TimeWindow): boolean {
    if (this.#triggers !== undefined) return false;
    if (this.#isEvent && window.end - 1 <= this.#watermark) return false;
    const parent = this.#parents[index];
    const row = parent === 0 ? 0 : this.#sessions.onlyOf(parent);
    if (row === 0 || !this.#sessions.extend(row, window)) return false;
    this.#wait(row, index);
    return true;
  }

  #wait(row: number, index: number): void {
    this.#rows[this.#waitingCount] = row;
    this.#indexes[this.#waitingCount] = index;
    this.#waitingCount += 1;
  }

  #foldIn(prepared: PreparedBatch): void {
    const to = this.#waitingCount;
    if (to === 0) return;
    this.#waitingCount = 0;
    prepared.add(this.#accumulators, this.#rows, this.#indexes, { from: 0, to });
  }

  /** Row of the session that takes the record: new, extended or merged; 0: the record is late. */
  #sessionFor(added: TimeWindow): number {
    const sessions = this.#sessions;
    sessions.load();
    const { from, to, merged } = mergeSession(sessions, added);
    if (from === to) return this.#isPast(added.end) ? 0 : sessions.add(added);
    const row = sessions.rowAt(from);
    const isSame = to - from === 1 && sessions.startOf(row) === merged.start;
    if (isSame && sessions.endOf(row) === merged.end) return row;
    const others: number[] = [];
    for (let at = from + 1; at < to; at++) others.push(sessions.rowAt(at));
    this.#triggers?.onMerging(row, others);
    for (const other of others) this.#absorb(row, other);
    sessions.setWindow(row, merged);
    this.#triggers?.onMerged(row);
    return row;
  }

  #absorb(row: number, other: number): void {
    const { table, stores } = this.#accumulators;
    this.#aggregates.merge(this.#accumulators, row, this.#accumulators, other);
    for (const store of stores) store.clear(other);
    this.#engine.disarm(other);
    table.remove(other);
  }

  /** Default trigger: a record was added. */
  #onAdded(row: number): void {
    const sessions = this.#sessions;
    const end = sessions.endOf(row);
    const isPast = this.#isEvent && end - 1 <= this.#watermark;
    sessions.fired.set(sessions.table, row, isPast);
    if (isPast) this.#emit(row);
    this.#engine.arm(row, this.#neededTime(row));
  }

  #onTriggered(row: number, record: unknown, timestamp: number): void {
    this.#engine.arm(row, this.#cleanupTime(this.#sessions.endOf(row)));
    this.#triggers?.onRecord(row, record, timestamp);
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
    return this.#backend.processingTimers.nextTimestamp() + 1;
  }

  fire(rowsMax: number): boolean {
    this.#seeWatermark(this.#targetWatermark);
    const { eventTimers, processingTimers } = this.#backend;
    let left = rowsMax;
    if (this.#targetWatermark > this.#watermark) {
      left -= this.#pop(eventTimers, this.#targetWatermark, left);
      if (left <= 0) return false;
      this.#watermark = this.#targetWatermark;
    }
    if (this.#isClockDue) {
      left -= this.#pop(processingTimers, this.#targetClock, left);
      if (left <= 0) return false;
      this.#isClockDue = false;
    }
    return true;
  }

  #pop(timers: TimerService, upTo: number, countMax: number): number {
    const isEvent = timers === this.#backend.eventTimers;
    const count = timers.popDue(upTo, countMax, (timestamp, namespace) => {
      this.#cleanUpBefore(timestamp);
      if (namespace.start === namespace.end) this.#onEngineTimer(timestamp, namespace);
      else this.#triggers?.onTimer(timestamp, namespace, isEvent ? "event" : "processing");
    });
    if (count < countMax) this.#cleanUpBefore(Number.POSITIVE_INFINITY);
    return count;
  }

  #onEngineTimer(timestamp: number, { start: id }: Namespace): void {
    const sessions = this.#sessions;
    const row = sessions.find(id);
    if (row === 0 || sessions.timerOf(row) !== timestamp) return;
    sessions.setTimer(row, NO_TIMER);
    let needed = this.#neededTime(row);
    if (
      timestamp >= needed &&
      this.#triggers === undefined &&
      !sessions.fired.get(sessions.table, row)
    ) {
      this.#emit(row);
      sessions.fired.set(sessions.table, row, true);
      needed = this.#neededTime(row);
    }
    if (timestamp < needed) this.#engine.arm(row, needed);
    else if (this.#triggers === undefined) this.#drop(row);
    else this.#pending.push({ key: this.#backend.currentKey(), id, timestamp });
  }

  #cleanUpBefore(timestamp: number): void {
    if (this.#pending.length === 0 || this.#pending[0].timestamp >= timestamp) return;
    const current = this.#backend.currentKey();
    for (const { key, id } of this.#pending) {
      this.#backend.setCurrentKey(key);
      const row = this.#sessions.find(id);
      if (row === 0) continue;
      this.#triggers?.clear(row);
      this.#drop(row);
    }
    this.#pending = [];
    this.#backend.setCurrentKey(current);
  }

  #drop(row: number): void {
    for (const store of this.#accumulators.stores) store.clear(row);
    this.#sessions.remove(row);
  }

  #emit(row: number): void {
    const key = this.#backend.currentKey();
    this.#results.emit(this.#accumulators, row, { key, window: this.#sessions.windowOf(row) });
  }

  /** Cleanups that wait go back into their timers. */
  prepareSnapshot(): boolean {
    for (const { key, id, timestamp } of this.#pending) {
      this.#backend.setCurrentKey(key);
      const row = this.#sessions.find(id);
      if (row !== 0) this.#engine.arm(row, timestamp);
    }
    this.#pending = [];
    return true;
  }

  #cleanupTime(end: number): number {
    return addSaturated(end - 1, this.#plan.allowedLatenessMs);
  }

  #isPast(end: number): boolean {
    return this.#isEvent && this.#cleanupTime(end) <= this.#watermark;
  }

  #seeWatermark(watermark: number): void {
    this.#results.currentWatermark = watermark;
    this.#triggers?.seeWatermark(watermark);
  }
}
