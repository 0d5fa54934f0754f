/*
 * Plans on state tables: the accumulator of a row is its columns and child rows. One loop is
 * generated per form of batch (which inputs come as which columns), kept, and reused.
 *
 * I1. Rows are touched before they change (T2 of `state/table.ts`).
 * I2. A batch of columns whose inputs are all fields is folded in without building a record.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import { FailedRecord } from "../columns/failed-record.ts";
import type { ColumnLayout, ColumnSpec, RowLayout } from "../state/layout.ts";
import { sourceTag } from "../state/row-source.ts";
import type { Table } from "../state/table.ts";
import {
  FieldAccessor,
  LOOP_TOUCH,
  fieldRef,
  isDirect,
  keptRef,
  keptSource,
  rowSource,
} from "./accumulator-fields.ts";
import type { RowNames } from "./accumulator-fields.ts";
import type { AccumulatorRef } from "./aggregate.ts";
import type { AggregatePlan } from "./aggregate-plan.ts";
import {
  columnValues,
  formOf,
  mergeSource,
  planBindings,
  recordSource,
  keyedResultSource,
  resultSource,
  updateSource,
} from "./aggregate-source.ts";
import type { ChildStore } from "./child-store.ts";

/** Where accumulators of one plan lie. */
export interface AccumulatorTable {
  readonly table: Table;
  /** By position in `AggregatePlan.children`. */
  readonly stores: readonly ChildStore[];
}

/**
 * The records of one batch, ready to be folded in. Valid until the next `prepare`. What is thrown
 * over a record is a `FailedRecord`.
 */
export interface PreparedBatch {
  /** Folds in record `indexes[k]` at row `rows[k]`, for k in [from, to). */
  add(to: AccumulatorTable, rows: Int32Array, indexes: Int32Array, range: IndexRange): void;
  /**
   * Folds in every record i at row `rows[i]` and puts the result after it at `results[i]`: for a
   * single aggregate its value, else `{ key: keys[i], …named results }`.
   */
  addEach(
    to: AccumulatorTable,
    rows: Int32Array,
    keys: ArrayLike<unknown>,
    results: unknown[],
  ): void;
}

/** Positions [from, to). */
export interface IndexRange {
  readonly from: number;
  readonly to: number;
}

/** The columns that a plan needs in a table; names as in the plan. */
export function accumulatorColumns(plan: AggregatePlan): readonly ColumnSpec[] {
  return plan.columns.map(({ name, type, initial }) => ({ name, type, default: initial }));
}

type AddLoop = (batch: LoopInput, to: AccumulatorTable, at: LoopRows) => void;

type EachLoop = (batch: LoopInput, to: AccumulatorTable, at: EachRows) => void;

interface EachRows {
  readonly count: number;
  readonly rows: Int32Array;
  readonly keys: ArrayLike<unknown>;
  readonly results: unknown[];
}

interface LoopInput {
  readonly c: readonly unknown[];
  readonly p: readonly (Uint8Array | undefined)[];
  readonly records: readonly unknown[];
}

interface LoopRows {
  readonly rows: Int32Array;
  readonly indexes: Int32Array;
  readonly from: number;
  readonly to: number;
}

/** Forms of batches that one operator keeps loops for; beyond that all are made again. */
const MAX_LOOPS = 64;

type RowFunctions = Pick<TableAggregates, "merge" | "result" | "record" | "reset">;

/** A plan bound to the layout of its tables. */
export class TableAggregates {
  readonly plan: AggregatePlan;
  readonly #layout: RowLayout;
  /** The accumulator of a row in a loop. */
  readonly #inLoop: AccumulatorRef;
  /** Declarations for it, before the loop. */
  readonly #kept: string;
  readonly #accessors: readonly (FieldAccessor | undefined)[];
  readonly #loops = new Map<string, AddLoop>();
  readonly #eachLoops = new Map<string, EachLoop>();
  /** Adds the accumulator at a row of `from` to that at a row of `to`. */
  readonly merge: (to: AccumulatorTable, row: number, from: AccumulatorTable, row_: number) => void;
  /** The result at a row. */
  readonly result: (of: AccumulatorTable, row: number) => unknown;
  /** The result at a row as the record of a window: `{ key, window, … }`. */
  readonly record: (of: AccumulatorTable, row: number, key: unknown, window: unknown) => unknown;
  /** Gives a row's accumulator its initial values. */
  readonly reset: (of: AccumulatorTable, row: number) => void;

  constructor(plan: AggregatePlan, layout: RowLayout, columnNames?: readonly string[]) {
    this.plan = plan;
    this.#layout = layout;
    const columns = columnsOf(plan, layout, columnNames);
    this.#accessors = columns.map((column) =>
      isDirect(column) ? undefined : new FieldAccessor(layout, column),
    );
    const own = this.#refs(columns, "");
    const other = this.#refs(columns, "_");
    this.#inLoop = {
      ...own,
      fields: own.fields.map((field, n) =>
        columns[n].kind === "var" ? keptRef(field, `x${n}`) : field,
      ),
    };
    this.#kept = columns
      .map(({ kind }, n) => (kind === "var" ? keptSource(`x${n}`) : ""))
      .join(" ");
    const { merge, result, record, reset } = this.#compileRowFunctions(own, other);
    this.merge = merge;
    this.result = result;
    this.record = record;
    this.reset = reset;
  }

  /** Brings a batch of one of the operator's streams into the form that loops read. */
  prepare(batch: Batch, stream = 0): PreparedBatch {
    const { inputs } = this.plan;
    const columns = inputs.map(({ input, stream: own }) =>
      input.kind === "field" && own === stream ? batch.column(input.field) : undefined,
    );
    // An absent column of a columnar batch means that no record has the field: records say so too.
    const needsRecords = columns.some((column, n) => {
      return column === undefined && inputs[n].stream === stream;
    });
    const form = `${stream} ${formOf(columns)}`;
    const update = (): string => updateSource(this.plan, this.#inLoop, { stream, columns });
    const input: LoopInput = {
      c: columns.map((column) => column && columnValues(column)),
      p: columns.map((column) => column?.presence),
      records: needsRecords ? batch.records() : [],
    };
    return {
      add: (to, rows, indexes, range) =>
        this.#loopFor(form, update)(input, to, { rows, indexes, from: range.from, to: range.to }),
      addEach: (to, rows, keys, results) =>
        this.#eachLoopFor(form, update)(input, to, { count: batch.count, rows, keys, results }),
    };
  }

  #loopFor(form: string, body: () => string): AddLoop {
    return kept(this.#loops, form, () => {
      const source = loopSource(this.plan, this.#layout, { body: body(), kept: this.#kept });
      return this.#compile(`add ${form}`, source) as AddLoop;
    });
  }

  #eachLoopFor(form: string, body: () => string): EachLoop {
    return kept(this.#eachLoops, form, () => {
      const result = keyedResultSource(this.plan, this.#inLoop);
      const text = { body: body(), result, kept: this.#kept };
      const source = eachLoopSource(this.plan, this.#layout, text);
      return this.#compile(`each ${form}`, source) as EachLoop;
    });
  }

  #compileRowFunctions(own: AccumulatorRef, other: AccumulatorRef): RowFunctions {
    const { plan } = this;
    const layout = this.#layout;
    const stores = plan.children.map((_, n) => `const s${n} = to.stores[${n}];`).join(" ");
    const others = plan.children.map((_, n) => `const s${n}_ = from.stores[${n}];`).join(" ");
    const merge = plan.canMerge
      ? `const table = to.table, table_ = from.table; ${stores} ${others}
        ${rowSource(layout, "_", false)} ${rowSource(layout, "", true)}
        ${mergeSource(plan, own, other)}`
      : 'throw new Error("the plan cannot merge")';
    const resets = own.fields.map((field, n) => field.write(`initial[${n}]`));
    const clears = plan.children.map((_, n) => `s${n}.clear(row);`);
    const source = `return {
      merge(to, row, from, row_) { ${merge} },
      result(to, row) { const table = to.table; ${stores} ${rowSource(layout, "", false)}
        return (${resultSource(plan, own)}); },
      record(to, row, key, window) { const table = to.table; ${stores}
        ${rowSource(layout, "", false)} return (${recordSource(plan, own)}); },
      reset(to, row) { const table = to.table; ${stores} ${rowSource(layout, "", true)}
        ${resets.join("\n")} ${clears.join("\n")} },
    };`;
    return this.#compile("rows", source) as RowFunctions;
  }

  #compile(what: string, source: string): unknown {
    const { b, fn } = planBindings(this.plan);
    const initial = this.plan.columns.map((column) => column.initial);
    const text = `${sourceTag(`${this.plan.uid}: ${what}`)}\n${source}`;
    const names = ["b", "fn", "x", "initial", "FailedRecord"];
    const make = new Function(...names, text) as (...args: unknown[]) => unknown;
    return make(b, fn, this.#accessors, initial, FailedRecord);
  }

  #refs(columns: readonly ColumnLayout[], names: RowNames): AccumulatorRef {
    return {
      fields: columns.map((column, n) => fieldRef(column, names, `x[${n}]`)),
      children: this.plan.children.map((_, n) => ({
        add: (value) => `s${n}${names}.add(row${names}, ${value})`,
        addAll: (other) => `s${n}${names}.addAll(row${names}, ${other.values})`,
        values: `s${n}${names}.values(row${names})`,
      })),
    };
  }
}

function columnsOf(
  plan: AggregatePlan,
  layout: RowLayout,
  names: readonly string[] = plan.columns.map((column) => column.name),
): readonly ColumnLayout[] {
  return names.map((name) => {
    const column = layout.columns.find((candidate) => candidate.name === name);
    assert(column !== undefined, () => `table ${layout.table} has no column ${name}`);
    return column;
  });
}

interface LoopText {
  readonly body: string;
  /** Declarations before the loop. */
  readonly kept: string;
}

function loopSource(plan: AggregatePlan, layout: RowLayout, text: LoopText): string {
  const inputs = plan.inputs
    .map((_, n) => `const c${n} = batch.c[${n}], p${n} = batch.p[${n}];`)
    .join(" ");
  const stores = plan.children.map((_, n) => `const s${n} = to.stores[${n}];`).join(" ");
  return `return (batch, to, at) => {
    const table = to.table, records = batch.records, rows = at.rows, indexes = at.indexes;
    const end = at.to;
    ${inputs} ${stores} ${LOOP_TOUCH} ${text.kept}
    let k = at.from;
    try {
      for (; k < end; k++) {
        const i = indexes[k], row = rows[k];
        ${rowSource(layout, "", "hoisted")}
        const record = records[i];
        ${text.body}
      }
    } catch (error) {
      throw new FailedRecord(indexes[k], error);
    }
  };`;
}

function eachLoopSource(
  plan: AggregatePlan,
  layout: RowLayout,
  text: LoopText & { readonly result: string },
): string {
  const inputs = plan.inputs
    .map((_, n) => `const c${n} = batch.c[${n}], p${n} = batch.p[${n}];`)
    .join(" ");
  const stores = plan.children.map((_, n) => `const s${n} = to.stores[${n}];`).join(" ");
  return `return (batch, to, at) => {
    const table = to.table, records = batch.records;
    const { count, rows, keys, results } = at;
    ${inputs} ${stores} ${LOOP_TOUCH} ${text.kept}
    let i = 0;
    try {
      for (; i < count; i++) {
        const row = rows[i];
        ${rowSource(layout, "", "hoisted")}
        const record = records[i];
        ${text.body}
        results[i] = ${text.result};
      }
    } catch (error) {
      throw new FailedRecord(i, error);
    }
  };`;
}

/**
 * What is kept under a name, made if it is not there; all is made again when there are too many.
 */
function kept<L>(loops: Map<string, L>, form: string, make: () => L): L {
  let loop = loops.get(form);
  if (loop === undefined) {
    if (loops.size >= MAX_LOOPS) loops.clear();
    loop = make();
    loops.set(form, loop);
  }
  return loop;
}
