/**
 * IntervalJoinLogic: joins two keyed streams by event time: a left record at l and a right one at r
 * of the same key meet if l + lower ≤ r ≤ l + upper. (Flink's IntervalJoinOperator.) Semantics:
 * docs/semantics/joins.md.
 *
 * I1. Two records that meet are joined once, when the later of them is processed.
 * I2. A record is late, and joins nothing, if its timestamp is less than the watermark.
 * I3. A record is kept as long as one that is not late can meet it; so what comes out hangs on
 *     which records were late, and on nothing else.
 */
import { assert } from "../assert.ts";
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { NO_WATERMARK } from "../time/timestamp.ts";
import type { Type } from "../types/type.ts";
import { IntervalBuffer } from "./interval-buffer.ts";
import type { KeyedLogic } from "./keyed-operator.ts";
import type { OperatorContext } from "./operator.ts";
import { RecordCollector } from "./output.ts";
import { compileLoop, userFunctionFailed } from "./user-function.ts";

/** What an interval join's function knows besides the two records. Times in ms. */
export interface IntervalJoinInfo<K> {
  readonly key: K;
  readonly leftTimestamp: number;
  readonly rightTimestamp: number;
  /** The later of the two; results have it as theirs. */
  readonly timestamp: number;
}

/** Makes any number of results of two records (Flink's ProcessJoinFunction). */
export type IntervalJoinFunction<A, B, K, R> = (
  left: A,
  right: B,
  info: IntervalJoinInfo<K>,
  emit: (result: R) => void,
) => void;

/** One of the two streams. */
export interface IntervalSide {
  /** Of its records; undefined where it is not known. */
  readonly type: Type<unknown> | undefined;
  /** Side output of its late records; undefined: they are counted and dropped. */
  readonly lateTag: string | undefined;
}

/** What an interval join is told. Frozen. */
export interface IntervalJoinPlan {
  /** How much later than a left record a right one may be, both inclusive, ms; may be negative. */
  readonly lowerMs: number;
  readonly upperMs: number;
  readonly left: IntervalSide;
  readonly right: IntervalSide;
  readonly join: IntervalJoinFunction<unknown, unknown, unknown, unknown>;
}

/** Names of the sides in state; they go into snapshots. */
export const SIDES = ["left", "right"] as const;

interface Side {
  readonly buffer: IntervalBuffer;
  /** Timestamps of the other side's records that a record meets: its own plus these. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly late: RecordCollector | undefined;
  recordsSeenCount: number;
}

/** See the file header. */
export class IntervalJoinLogic implements KeyedLogic {
  readonly backend: KeyedBackend;
  readonly #context: OperatorContext;
  /** By input. */
  readonly #sides: readonly [left: Side, right: Side];
  readonly #join: IntervalJoinPlan["join"];
  readonly #results: RecordCollector;
  /** Of the results that the function emits. */
  #timestamp = Number.NaN;
  readonly #emit = (result: unknown): void => this.#results.collect(result, this.#timestamp);
  #watermark = NO_WATERMARK;

  constructor(context: OperatorContext, backend: KeyedBackend, plan: IntervalJoinPlan) {
    const { lowerMs, upperMs, join } = plan;
    assert(lowerMs <= upperMs, "an interval is not empty");
    this.#context = context;
    this.backend = backend;
    const sideOf = (name: "left" | "right", fromMs: number, toMs: number): Side => {
      const { type, lateTag } = plan[name];
      return {
        buffer: new IntervalBuffer(backend, { name, type, lengthMs: upperMs - lowerMs }),
        fromMs,
        toMs,
        late: lateTag === undefined ? undefined : new RecordCollector(context.sideOutput(lateTag)),
        recordsSeenCount: 0,
      };
    };
    this.#sides = [sideOf("left", lowerMs, upperMs), sideOf("right", -upperMs, -lowerMs)];
    this.#results = new RecordCollector(context.output);
    // Code of its own per operator: the call of the user's function is as fast as in any loop.
    this.#join = compileLoop(
      context.uid,
      { join },
      "(left, right, info, emit) => join(left, right, info, emit)",
    ) as IntervalJoinPlan["join"];
  }

  open(watermark: number): void {
    this.#watermark = watermark;
    for (const { buffer } of this.#sides) buffer.restored();
  }

  processKeyed(batch: Batch, keys: KeyColumn, input: number): void {
    const { count, timestamps } = batch;
    assert(timestamps !== undefined, "interval joins get records with timestamps");
    const records = batch.records();
    const side = this.#sides[input];
    for (let index = 0; index < count; index++) {
      const timestamp = timestamps[index];
      const record = records[index];
      if (timestamp < this.#watermark) this.#takeLate(side, record, timestamp);
      else this.#take(input, { keys, index, record, timestamp });
    }
    side.recordsSeenCount += count;
    this.#results.flush();
    side.late?.flush();
  }

  #takeLate({ late }: Side, record: unknown, timestamp: number): void {
    if (late === undefined) this.#context.metrics.countLateRecordsDropped(1);
    else late.collect(record, timestamp);
  }

  #take(
    input: number,
    of: {
      readonly keys: KeyColumn;
      readonly index: number;
      readonly record: unknown;
      readonly timestamp: number;
    },
  ): void {
    const { keys, index, timestamp } = of;
    const { buffer, fromMs, toMs } = this.#sides[input];
    if (timestamp + toMs >= this.#watermark) {
      try {
        buffer.add(keys, index, of);
      } catch (error) {
        throw this.#failed({ input, ...of }, error);
      }
    }
    const others = this.#sides[1 - input].buffer;
    others.find(keys, index, { from: timestamp + fromMs, to: timestamp + toMs });
    if (others.count === 0) return;
    const key = keys.valueAt(index);
    for (let position = 0; position < others.count; position++) {
      const other = { record: others.recordAt(position), timestamp: others.timestampAt(position) };
      if (input === 0) this.#pair(of, other, { key, input, index });
      else this.#pair(other, of, { key, input, index });
    }
  }

  #pair(
    left: { readonly record: unknown; readonly timestamp: number },
    right: { readonly record: unknown; readonly timestamp: number },
    at: { readonly key: unknown; readonly input: number; readonly index: number },
  ): void {
    const timestamp = Math.max(left.timestamp, right.timestamp);
    this.#timestamp = timestamp;
    const info = {
      key: at.key,
      leftTimestamp: left.timestamp,
      rightTimestamp: right.timestamp,
      timestamp,
    };
    try {
      this.#join(left.record, right.record, info, this.#emit);
    } catch (error) {
      throw this.#failed({ ...at, ...(at.input === 0 ? left : right) }, error);
    }
  }

  /** What was thrown over a record that came in. */
  #failed(
    of: {
      readonly input: number;
      readonly index: number;
      readonly record: unknown;
      readonly timestamp: number;
    },
    error: unknown,
  ): Error {
    const { uid, subtaskIndex } = this.#context;
    const { input, index, record, timestamp } = of;
    const what = `interval join (${SIDES[input]} record)`;
    const recordIndex = this.#sides[input].recordsSeenCount + index;
    return userFunctionFailed({ uid, subtaskIndex, what, recordIndex, timestamp, record }, error);
  }

  advanceWatermark(timestamp: number): void {
    this.#watermark = Math.max(this.#watermark, timestamp);
  }

  advanceProcessingTime(_now: number): void {}

  /** Emits nothing, and costs a step per pane: it is done at once. */
  fire(_budget: number): boolean {
    for (const { buffer, toMs } of this.#sides) buffer.dropBefore(this.#watermark - toMs);
    return true;
  }

  nextProcessingTimer(): number {
    return Number.POSITIVE_INFINITY;
  }
}
