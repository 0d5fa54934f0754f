/*
 * RecordSteps: map, filter, flatMap and lookup, one or several of them in one loop. Operators that
 * follow each other in a chain with nothing between are run as one: a record goes through all of
 * them before the next is looked at, and no batch is made in between. Those that make any number of
 * records of one, flatMap and lookup, end a loop: what they make leaves through a collector, in
 * batches of bounded size.
 *
 * I1. Fused or not, results, timestamps, counters and errors are the same.
 * I2. The loop is compiled for these very functions (see `compileLoop`), so that they are inlined.
 */
import { assert } from "../assert.ts";
import { BATCH_COUNT, Batch } from "../columns/batch.ts";
import { presized } from "../columns/presized.ts";
import { newTimestamps } from "../columns/new-timestamps.ts";
import { freezeDeep } from "../types/freeze-deep.ts";
import { StatelessOperator } from "./operator.ts";
import type { OperatorContext } from "./operator.ts";
import { RecordCollector } from "./output.ts";
import type { Output } from "./output.ts";
import { callUser, compileLoop, timestampAt, userFunctionFailed } from "./user-function.ts";

/** A function of the program, called for each record, and what comes of its result. */
export type RecordFunction =
  | { readonly kind: "map" | "filter"; readonly fn: (record: unknown) => unknown }
  | { readonly kind: "flatMap"; readonly fn: (record: unknown) => Iterable<unknown> }
  | {
      readonly kind: "lookup";
      readonly fn: (record: unknown, emit: (result: unknown) => void) => void;
      /** Called when the subtask opens. */
      readonly open: () => void;
    };

interface Step {
  readonly run: RecordFunction;
  readonly context: OperatorContext;
  /** Counts what it emits where another step takes that over; undefined for the last one. */
  countOut: ((count: number) => void) | undefined;
  /** Records that it was given before this batch, since the attempt began. */
  seenCount: number;
}

/** Where a loop was when a function threw. */
interface Failure {
  readonly step: number;
  /** Of the record in the step's input of this batch. */
  readonly index: number;
  readonly record: unknown;
  /** Of the record in the batch. */
  readonly batchIndex: number;
  readonly error: unknown;
}

/**
 * Returns how many records are left: the records go into `out`, or, of filters alone, their indexes
 * into `kept`; their timestamps into `times`. What flatMap and lookup make is not among them.
 */
type Loop = (batch: Batch, out: unknown[], kept: Int32Array, times: Float64Array) => number;

/** What the code of a loop does with what has gone through all steps. */
const KEEP_INDEX = "kept[left++] = index;";
const KEEP_RECORD = `out[left] = record;
          if (timestamps !== undefined) times[left] = timestamps[index];
          left++;`;

const NO_TIMES = new Float64Array(0);
const NO_RECORDS: unknown[] = [];

/** See the file header. */
export class RecordSteps extends StatelessOperator {
  #steps: readonly Step[];
  #output: Output;
  /** Where flatMap and lookup, if one is the last step, put what they make. */
  #collector: RecordCollector | undefined;
  #loop: Loop;
  /** Of filters alone: the loop over batches of columns, which stay columns. */
  #selection: Loop | undefined;
  /** By step: records that it was given of the last batch. */
  #counts = new Int32Array(1);
  #kept = new Int32Array(BATCH_COUNT);

  constructor(context: OperatorContext, run: RecordFunction) {
    super();
    this.#steps = [{ run, context, countOut: undefined, seenCount: 0 }];
    this.#output = context.output;
    if (run.kind === "flatMap" || run.kind === "lookup") {
      this.#collector = new RecordCollector(context.output);
    }
    this.#loop = this.#compile(false);
    if (run.kind === "filter") this.#selection = this.#compile(false, KEEP_INDEX);
  }

  /** Whether a loop ends with it. */
  get isLast(): boolean {
    return this.#collector !== undefined;
  }

  /**
   * Does from now on what `next` would do with its output, which `countOut` counts. To be called
   * before `open`, on what is not the last. `freezes`: records are made immutable on their way.
   */
  absorb(next: RecordSteps, countOut: (count: number) => void, freezes: boolean): void {
    assert(!this.isLast, "what makes any number of records is the last of its loop");
    this.#steps[this.#steps.length - 1].countOut = countOut;
    this.#steps = [...this.#steps, ...next.#steps];
    this.#output = next.#output;
    this.#collector = next.#collector;
    this.#counts = new Int32Array(this.#steps.length);
    this.#loop = this.#compile(freezes);
    const isSelecting = this.#steps.every(({ run }) => run.kind === "filter");
    this.#selection = isSelecting ? this.#compile(freezes, KEEP_INDEX) : undefined;
  }

  override open(): void {
    // What was absorbed is opened as the operator that it was.
    const [{ run, context }] = this.#steps;
    if (run.kind !== "lookup") return;
    const { uid, subtaskIndex } = context;
    callUser({ uid, subtaskIndex, what: "open" }, run.open);
  }

  processBatch(batch: Batch): void {
    if (this.#selection !== undefined && batch.isColumnar) this.#select(batch, this.#selection);
    else this.#make(batch);
  }

  #select(batch: Batch, loop: Loop): void {
    const { count } = batch;
    if (this.#kept.length < count) this.#kept = new Int32Array(count);
    const left = loop(batch, NO_RECORDS, this.#kept, NO_TIMES);
    this.#count(left);
    if (left === 0) return;
    this.#output.emit(left === count ? batch : batch.select(this.#kept, left));
  }

  #make(batch: Batch): void {
    const { count } = batch;
    const out = this.isLast ? NO_RECORDS : presized(count);
    const times = this.isLast || batch.timestamps === undefined ? NO_TIMES : newTimestamps(count);
    const left = this.#loop(batch, out, this.#kept, times);
    this.#count(left);
    this.#collector?.flush();
    if (left === 0) return;
    out.length = left;
    const timestamps = left === count ? batch.timestamps : times.subarray(0, left);
    this.#output.emit(
      Batch.ofRecords(out, left, batch.timestamps === undefined ? undefined : timestamps),
    );
  }

  #count(left: number): void {
    for (let index = 0; index < this.#steps.length; index++) {
      const step = this.#steps[index];
      const count = this.#counts[index];
      step.seenCount += count;
      step.context.metrics.countRecordsIn(count);
      step.countOut?.(index + 1 < this.#counts.length ? this.#counts[index + 1] : left);
    }
  }

  #compile(freezes: boolean, keep = this.isLast ? "" : KEEP_RECORD): Loop {
    const steps = this.#steps;
    const body = steps.map(({ run }, index) => {
      return `step = ${index}; n${index}++; ${codeOf(run.kind, `f${index}`, freezes)}`;
    });
    const counters = steps.map((_, index) => `n${index}`);
    const collector = this.#collector;
    const bindings = {
      ...Object.fromEntries(steps.map(({ run }, index) => [`f${index}`, run.fn])),
      counts: this.#counts,
      freeze: freezeDeep,
      collector,
      emit: (result: unknown): void => collector?.collectNow(result),
      fail: (batch: Batch, failure: Failure): never => this.#fail(batch, failure),
    };
    const source = `(batch, out, kept, times) => {
      const { count, timestamps } = batch;
      const records = batch.records();
      let left = 0, index = 0, step = 0, record;
      let ${counters.map((name) => `${name} = 0`).join(", ")};
      try {
        for (; index < count; index++) {
          record = records[index];
          ${body.join("\n          ")}
          ${keep}
        }
      } catch (error) {
        const seen = [${counters.join(", ")}][step];
        fail(batch, { step, index: seen - 1, record, batchIndex: index, error });
      }
      ${counters.map((name, index) => `counts[${index}] = ${name};`).join(" ")}
      return left;
    }`;
    const uids = steps.map(({ context }) => context.uid);
    return compileLoop(uids.join(", "), bindings, source) as Loop;
  }

  #fail(batch: Batch, { step, index, record, batchIndex, error }: Failure): never {
    const { context, run, seenCount } = this.#steps[step];
    throw userFunctionFailed(
      {
        uid: context.uid,
        subtaskIndex: context.subtaskIndex,
        what: run.kind,
        recordIndex: seenCount + index,
        timestamp: timestampAt(batch, batchIndex),
        record,
      },
      error,
    );
  }
}

/** What a loop does with `record` at a step whose function is bound to a name. */
function codeOf(kind: RecordFunction["kind"], fn: string, freezes: boolean): string {
  const time = "timestamps === undefined ? NaN : timestamps[index]";
  switch (kind) {
    case "filter":
      return `if (!${fn}(record)) continue;`;
    case "map":
      return `record = ${freezes ? `freeze(${fn}(record))` : `${fn}(record)`};`;
    case "flatMap":
      return `const time = ${time};
          for (const result of ${fn}(record)) collector.collect(result, time);`;
    case "lookup":
      return `collector.time = ${time};
          ${fn}(record, emit);`;
  }
}
