/*
 * WindowResults: builds and emits what a window gives for one key: `{ key, window, …outputs }`
 * (with a single aggregate: `{ key, window, value }`), or what the user's window function makes of
 * it.
 *
 * I1. A result's timestamp is the last timestamp of its window (Flink's).
 */
import type { RowLayout } from "../state/layout.ts";
import type { AccumulatorTable, TableAggregates } from "./aggregate-table.ts";
import type { TimeWindow } from "./assigner.ts";
import { RowKeyReader } from "./row-key.ts";
import type { WindowContext } from "./window-operator.ts";
import type { WindowFunction, WindowPlan } from "./window-plan.ts";

/** See the file header. */
export class WindowResults {
  readonly #aggregates: TableAggregates;
  readonly #context: WindowContext;
  readonly #result: WindowFunction<unknown, unknown, unknown> | undefined;
  readonly #keys: RowKeyReader;
  #currentWatermark = 0;
  #currentProcessingTime = 0;

  /** `layout` is that of the tables whose rows have the records' keys. */
  constructor(
    plan: WindowPlan,
    aggregates: TableAggregates,
    { layout, context }: { readonly layout: RowLayout; readonly context: WindowContext },
  ) {
    this.#aggregates = aggregates;
    this.#context = context;
    this.#result = plan.result;
    this.#keys = new RowKeyReader(layout);
  }

  /**
   * Says which times window functions see, before some results are emitted: a look at the clock for
   * each would cost as much as a small function.
   */
  begin(currentWatermark: number): void {
    this.#currentWatermark = currentWatermark;
    this.#currentProcessingTime = this.#context.now();
  }

  /** Emits the result of the accumulator at `row`, whose key is that row's. */
  emitRow(of: AccumulatorTable, row: number, window: TimeWindow): void {
    this.emit(of, row, { key: this.#keys.read(of.table, row), window });
  }

  /** Emits the result of the accumulator at `row` for a key. */
  emit(
    of: AccumulatorTable,
    row: number,
    { key, window }: { readonly key: unknown; readonly window: TimeWindow },
  ): void {
    const { output } = this.#context;
    const timestamp = window.end - 1;
    if (this.#result === undefined) {
      output.emit(this.#aggregates.record(of, row, key, window), timestamp);
      return;
    }
    const info = {
      key,
      window,
      currentWatermark: this.#currentWatermark,
      currentProcessingTime: this.#currentProcessingTime,
    };
    this.#result(this.#aggregates.result(of, row), info, (record) =>
      output.emit(record, timestamp),
    );
  }
}
