/*
 * SessionTriggers: triggers other than the default one on sessions. Their timers have the window as
 * namespace, so when a session grows or merges the timers of the old windows are cleared and the
 * trigger registers new ones (`onMerge`), in Flink's order.
 *
 * I1. `onMerging` … `onMerged` enclose each change of a session's window.
 */
import { assert } from "../assert.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import type { ColumnSpec } from "../state/layout.ts";
import type { Namespace } from "../state/row-chunk.ts";
import type { AccumulatorTable, TableAggregates } from "./aggregate-table.ts";
import { FlagColumn } from "./flag-column.ts";
import type { SessionTable } from "./session-table.ts";
import { FIRE, PURGE } from "./trigger.ts";
import type { Trigger, TriggerResult } from "./trigger.ts";
import { TriggerCalls } from "./trigger-state.ts";
import type { WindowPlan } from "./window-plan.ts";

const FILLED = "$filled";

/** What triggers on sessions work with. */
export interface SessionTriggerParts {
  readonly sessions: SessionTable;
  readonly accumulators: AccumulatorTable;
  readonly aggregates: TableAggregates;
  readonly emit: (row: number) => void;
  readonly now: () => number;
}

/** See the file header. */
export class SessionTriggers {
  /** Columns that it needs besides the trigger's own. */
  static readonly columns: readonly ColumnSpec[] = [FlagColumn.spec(FILLED)];
  readonly #trigger: Trigger;
  readonly #parts: SessionTriggerParts;
  readonly #calls: TriggerCalls;
  readonly #filled: FlagColumn;

  constructor(plan: WindowPlan, backend: KeyedBackend, parts: SessionTriggerParts) {
    const { layout } = parts.sessions.table;
    this.#trigger = plan.trigger;
    this.#parts = parts;
    this.#calls = new TriggerCalls(plan.trigger, layout, { backend, now: parts.now });
    this.#filled = new FlagColumn(layout, FILLED);
  }

  /** Watermark that triggers see. */
  seeWatermark(watermark: number): void {
    this.#calls.currentWatermark = watermark;
  }

  /** A record was added to a session. */
  onRecord(row: number, record: unknown, timestamp: number): void {
    const { sessions } = this.#parts;
    this.#filled.set(sessions.table, row, true);
    this.#act(this.#trigger.onRecord(record, timestamp, this.#callsOn(row)), row);
  }

  /** A timer of a trigger: nothing happens where its window is no more. */
  onTimer(timestamp: number, window: Namespace, domain: "event" | "processing"): void {
    const row = this.#parts.sessions.findWindow(window);
    if (row === 0) return;
    const calls = this.#callsOn(row);
    const result =
      domain === "event"
        ? this.#trigger.onEventTime(timestamp, calls)
        : this.#trigger.onProcessingTime(timestamp, calls);
    this.#act(result, row);
  }

  /**
   * `row` will grow, and take in `others`: the timers of all of them go, and states merge into
   * `row`.
   */
  onMerging(row: number, others: readonly number[]): void {
    const { sessions } = this.#parts;
    const { table } = sessions;
    const all = [row, ...others];
    const old = all.map((of) => ({
      values: this.#calls.valuesAt(table, of),
      window: sessions.windowOf(of),
    }));
    const isFilled = all.some((of) => this.#filled.get(table, of));
    for (const { values } of old.slice(1)) this.#calls.mergeInto(table, row, values);
    this.#filled.set(table, row, isFilled);
    for (const { values, window } of old) {
      this.#trigger.clear(this.#calls.onDetached({ ...values }, window));
    }
  }

  /** `row` has its new window. */
  onMerged(row: number): void {
    assert(this.#trigger.onMerge !== undefined, "a trigger on sessions can merge");
    this.#trigger.onMerge(this.#callsOn(row));
  }

  /** The session goes. */
  clear(row: number): void {
    this.#trigger.clear(this.#callsOn(row));
  }

  #callsOn(row: number): TriggerCalls {
    const { sessions } = this.#parts;
    return this.#calls.on(sessions.table, row, sessions.windowOf(row));
  }

  #act(result: TriggerResult, row: number): void {
    const { sessions, accumulators, aggregates, emit } = this.#parts;
    if ((result & FIRE) !== 0 && this.#filled.get(sessions.table, row)) emit(row);
    if ((result & PURGE) === 0) return;
    aggregates.reset(accumulators, row);
    this.#filled.set(sessions.table, row, false);
  }
}
