/*
 * TriggerCalls: runs a trigger on the row of one key and window: its declared states as columns of
 * that row, its timers as timers of the key with the window as namespace.
 *
 * I1. Before a call the key is current in the backend, since timers belong to the current key.
 * I2. Columns are named `$trigger.<state>`, which goes into snapshots.
 */
import { assert } from "../assert.ts";
import type { KeyedBackend, TimerService } from "../state/keyed-backend.ts";
import type { ColumnSpec, RowLayout } from "../state/layout.ts";
import type { Table } from "../state/table.ts";
import { FieldAccessor } from "./accumulator-fields.ts";
import type { TimeWindow } from "./assigner.ts";
import type { Trigger, TriggerContext } from "./trigger.ts";

const PREFIX = "$trigger.";

/** The columns that a trigger's states need. */
export function triggerColumns(trigger: Trigger): readonly ColumnSpec[] {
  return Object.entries(trigger.state).map(([name, { type, initial }]) => ({
    name: PREFIX + name,
    type,
    default: initial,
  }));
}

interface StateColumn {
  readonly name: string;
  readonly initial: unknown;
  readonly merge: ((a: unknown, b: unknown) => unknown) | undefined;
  readonly accessor: FieldAccessor;
}

/** See the file header; also the context that triggers see. */
export class TriggerCalls implements TriggerContext {
  readonly #columns: readonly StateColumn[];
  readonly #event: TimerService;
  readonly #processing: TimerService;
  readonly #now: () => number;
  #table: Table | undefined;
  #row = 0;
  /** Set while a trigger is asked about a window whose states are no longer in a row. */
  #detached: Record<string, unknown> | undefined;
  window: TimeWindow = { start: 0, end: 0 };
  currentWatermark = 0;
  readonly state: Record<string, unknown> = {};

  constructor(
    trigger: Trigger,
    layout: RowLayout,
    context: { readonly backend: KeyedBackend; readonly now: () => number },
  ) {
    this.#event = context.backend.eventTimers;
    this.#processing = context.backend.processingTimers;
    this.#now = context.now;
    this.#columns = Object.entries(trigger.state).map(([name, { initial, merge }]) => {
      const column = layout.columns.find((candidate) => candidate.name === PREFIX + name);
      assert(column !== undefined, () => `the table has a column for the trigger's ${name}`);
      const accessor = new FieldAccessor(layout, column);
      return { name, initial, merge: merge as StateColumn["merge"], accessor };
    });
    for (const column of this.#columns) this.#defineState(column);
  }

  get currentProcessingTime(): number {
    return this.#now();
  }

  /** Makes a row and window those of the next call. */
  on(table: Table, row: number, window: TimeWindow): this {
    this.#table = table;
    this.#row = row;
    this.window = window;
    this.#detached = undefined;
    return this;
  }

  /** Makes states that were taken out of a row (`valuesAt`) and a window those of the next call. */
  onDetached(values: Record<string, unknown>, window: TimeWindow): this {
    this.#detached = values;
    this.window = window;
    return this;
  }

  /** Whether all states of a row are as in a new one. */
  isInitial(table: Table, row: number): boolean {
    return this.#columns.every(({ accessor, initial }) =>
      Object.is(accessor.get(table, row), initial),
    );
  }

  /** The states of a row as values. */
  valuesAt(table: Table, row: number): Record<string, unknown> {
    const values: Record<string, unknown> = {};
    for (const { name, accessor } of this.#columns) values[name] = accessor.get(table, row);
    return values;
  }

  /** Merges states into those of a row. */
  mergeInto(table: Table, row: number, values: Readonly<Record<string, unknown>>): void {
    table.touch(row);
    for (const { name, merge, accessor } of this.#columns) {
      assert(merge !== undefined, () => `the trigger's state ${name} says how it merges`);
      accessor.set(table, row, merge(accessor.get(table, row), values[name]));
    }
  }

  registerEventTimeTimer(timestamp: number): void {
    this.#event.register(timestamp, this.window);
  }

  deleteEventTimeTimer(timestamp: number): void {
    this.#event.delete(timestamp, this.window);
  }

  registerProcessingTimeTimer(timestamp: number): void {
    this.#processing.register(timestamp, this.window);
  }

  deleteProcessingTimeTimer(timestamp: number): void {
    this.#processing.delete(timestamp, this.window);
  }

  #defineState({ name, accessor }: StateColumn): void {
    Object.defineProperty(this.state, name, {
      enumerable: true,
      get: () => {
        if (this.#detached !== undefined) return this.#detached[name];
        return accessor.get(this.#tableOfCall(), this.#row);
      },
      set: (value: unknown) => {
        if (this.#detached !== undefined) {
          this.#detached[name] = value;
          return;
        }
        const table = this.#tableOfCall();
        table.touch(this.#row);
        accessor.set(table, this.#row, value);
      },
    });
  }

  #tableOfCall(): Table {
    assert(this.#table !== undefined, "a trigger's state is used during its calls only");
    return this.#table;
  }
}
