/**
 * AggregateLogic: running aggregates per key: after each record, the new result of its key goes
 * out.
 *
 * The accumulators are columns of the backend's main table. A batch is folded in by one generated
 * loop over the rows of its keys, which are looked up all at once.
 */
import { BATCH_COUNT, Batch } from "../columns/batch.ts";
import { presized } from "../columns/presized.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import type { AggregatePlan } from "../window/aggregate-plan.ts";
import { TableAggregates, accumulatorColumns } from "../window/aggregate-table.ts";
import type { AccumulatorTable } from "../window/aggregate-table.ts";
import { childStore, childTableSpec } from "../window/child-store.ts";
import type { KeyedLogic } from "./keyed-operator.ts";
import type { OperatorContext } from "./operator.ts";
import { callUser } from "./user-function.ts";

/** See the file header. */
export class AggregateLogic implements KeyedLogic {
  readonly backend: KeyedBackend;
  readonly #context: OperatorContext;
  readonly #aggregates: TableAggregates;
  readonly #accumulators: AccumulatorTable;
  /** For messages. */
  readonly #what: string;
  #rows = new Int32Array(BATCH_COUNT);
  #recordsSeenCount = 0;

  constructor(context: OperatorContext, backend: KeyedBackend, plan: AggregatePlan) {
    this.#context = context;
    this.#what = plan.isSingle ? "reduce" : "aggregate";
    this.backend = backend;
    const names = backend.columns(accumulatorColumns(plan));
    const stores = plan.children.map((child) =>
      childStore(child, backend.childTable(childTableSpec(child))),
    );
    this.#aggregates = new TableAggregates(plan, backend.main.layout, names);
    this.#accumulators = { table: backend.main, stores };
  }

  open(_watermark: number): void {}

  processKeyed(batch: Batch, keys: KeyColumn): void {
    const { count } = batch;
    if (this.#rows.length < count) this.#rows = new Int32Array(count * 2);
    this.backend.main.lookup(keys, count, this.#rows, "upsert");
    const results = presized<unknown>(count);
    const { uid, subtaskIndex } = this.#context;
    callUser(
      { uid, subtaskIndex, what: this.#what },
      () =>
        this.#aggregates
          .prepare(batch)
          .addEach(this.#accumulators, this.#rows, keyValues(keys), results),
      { batch, seenCount: this.#recordsSeenCount },
    );
    this.#recordsSeenCount += count;
    this.#context.output.emit(Batch.ofRecords(results, count, batch.timestamps));
  }

  advanceWatermark(_timestamp: number): void {}
  advanceProcessingTime(_now: number): void {}
  fire(_budget: number): boolean {
    return true;
  }
  nextProcessingTimer(): number {
    return Infinity;
  }
}

/** The keys of a batch as the user sees them. */
function keyValues(keys: KeyColumn): ArrayLike<unknown> {
  switch (keys.form) {
    case "number":
      if (keys.numberHash !== "boolean") return keys.numbers;
      return Array.from(keys.numbers.subarray(0, keys.count), (number) => number === 1);
    case "string":
      return keys.strings;
    case "bigint":
      return keys.bigints;
    case "encoded":
      return keys.values;
  }
}
