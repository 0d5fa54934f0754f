/*
 * RecordSteps: map and filter, one or several of them in one loop. Operators that follow each other
 * in a chain with nothing between are run as one: a record goes through all of them before the next
 * is looked at, and no batch is made in between.
 *
 * I1. Fused or not, results, timestamps, counters and errors are the same.
 * I2. The loop is compiled for these very functions (see `compileLoop`), so that they are inlined.
 */
import { BATCH_COUNT, Batch, recordPlaces } from "../columns/batch.ts";
import { freezeDeep } from "../types/freeze-deep.ts";
import { StatelessOperator } from "./operator.ts";
import type { OperatorContext } from "./operator.ts";
import type { Output } from "./output.ts";
import { compileLoop, timestampAt, userFunctionFailed } from "./user-function.ts";

/** A map or filter of the program. */
interface Step {
  readonly kind: "map" | "filter";
  readonly fn: (record: unknown) => unknown;
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
 * into `kept`; their timestamps into `times`.
 */
type Loop = (batch: Batch, out: unknown[], kept: Int32Array, times: Float64Array) => number;

const NO_TIMES = new Float64Array(0);
const NO_RECORDS: unknown[] = [];

/** See the file header. */
export class RecordSteps extends StatelessOperator {
  #steps: readonly Step[];
  #output: Output;
  #loop: Loop;
  /** By step: records that it was given of the last batch. */
  #counts = new Int32Array(1);
  #kept = new Int32Array(BATCH_COUNT);

  constructor(context: OperatorContext, kind: Step["kind"], fn: (record: unknown) => unknown) {
    super();
    this.#steps = [{ kind, fn, context, countOut: undefined, seenCount: 0 }];
    this.#output = context.output;
    this.#loop = this.#compile(false);
  }

  /**
   * Does from now on what `next` would do with its output, which `countOut` counts. To be called
   * before the first batch. `freezes`: records are made immutable on their way.
   */
  absorb(next: RecordSteps, countOut: (count: number) => void, freezes: boolean): void {
    this.#steps[this.#steps.length - 1].countOut = countOut;
    this.#steps = [...this.#steps, ...next.#steps];
    this.#output = next.#output;
    this.#counts = new Int32Array(this.#steps.length);
    this.#loop = this.#compile(freezes);
  }

  processBatch(batch: Batch): void {
    const { count } = batch;
    if (this.#kept.length < count) this.#kept = new Int32Array(count);
    const out = this.#isSelecting ? NO_RECORDS : recordPlaces(count);
    const times = this.#isSelecting ? NO_TIMES : new Float64Array(count);
    const left = this.#loop(batch, out, this.#kept, times);
    this.#count(left);
    if (left === 0) return;
    if (this.#isSelecting) {
      this.#output.emit(left === count ? batch : batch.select(this.#kept, left));
      return;
    }
    if (left * 2 < count) out.length = left;
    const timestamps = left === count ? batch.timestamps : times.subarray(0, left);
    this.#output.emit(
      Batch.ofRecords(out, left, batch.timestamps === undefined ? undefined : timestamps),
    );
  }

  /** Whether records stay as they are, so that columns can, too. */
  get #isSelecting(): boolean {
    return this.#steps.every(({ kind }) => kind === "filter");
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

  #compile(freezes: boolean): Loop {
    const steps = this.#steps;
    const names = steps.map((_, index) => `f${index}`);
    const body = steps.map(({ kind }, index) => {
      const call = `f${index}(record)`;
      const work =
        kind === "filter"
          ? `if (!${call}) continue;`
          : `record = ${freezes ? `freeze(${call})` : call};`;
      return `step = ${index}; n${index}++; ${work}`;
    });
    const keep = `out[left] = record;
          if (timestamps !== undefined) times[left] = timestamps[index];`;
    const counters = steps.map((_, index) => `n${index}`);
    const bindings = {
      ...Object.fromEntries(names.map((name, index) => [name, steps[index].fn])),
      counts: this.#counts,
      freeze: freezeDeep,
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
          ${this.#isSelecting ? "kept[left] = index;" : keep}
          left++;
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
    const { context, kind, seenCount } = this.#steps[step];
    throw userFunctionFailed(
      {
        uid: context.uid,
        subtaskIndex: context.subtaskIndex,
        what: kind,
        recordIndex: seenCount + index,
        timestamp: timestampAt(batch, batchIndex),
        record,
      },
      error,
    );
  }
}
