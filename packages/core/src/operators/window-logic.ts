/**
 * WindowLogic: a window operator (`window/window-operator.ts`) as the logic of a keyed operator:
 * outputs, late records, time.
 *
 * I1. Results carry the last timestamp of their window, late records their own.
 */
import type { Batch } from "../columns/batch.ts";
import type { KeyColumn } from "../columns/key-column.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { NO_WATERMARK } from "../time/timestamp.ts";
import { createWindowOperator } from "../window/create-window-operator.ts";
import type { WindowOperator } from "../window/window-operator.ts";
import type { WindowPlan } from "../window/window-plan.ts";
import type { KeyedLogic } from "./keyed-operator.ts";
import type { OperatorContext } from "./operator.ts";
import { RecordCollector } from "./output.ts";
import { callUser } from "./user-function.ts";
import type { UserCall } from "./user-function.ts";

/**
 * The side output of late records, if one is connected, has the name that the user gave its tag.
 */
export interface WindowLogicOptions {
  readonly plan: WindowPlan;
  readonly lateTag: string | undefined;
  /** What the user's function is called in messages. */
  readonly what: "window" | "join" | "coGroup";
}

/** See the file header. */
export class WindowLogic implements KeyedLogic {
  readonly backend: KeyedBackend;
  readonly #results: RecordCollector;
  readonly #late: RecordCollector | undefined;
  readonly #operator: WindowOperator;
  /** For messages about functions of aggregates, triggers, gaps and results. */
  readonly #place: Pick<UserCall, "uid" | "subtaskIndex" | "what">;
  /** By input. */
  readonly #recordsSeenCounts = [0, 0];

  constructor(context: OperatorContext, backend: KeyedBackend, options: WindowLogicOptions) {
    this.backend = backend;
    const { uid, subtaskIndex } = context;
    this.#place = { uid, subtaskIndex, what: options.what };
    const results = new RecordCollector(context.output);
    const late =
      options.lateTag === undefined
        ? undefined
        : new RecordCollector(context.sideOutput(options.lateTag));
    this.#results = results;
    this.#late = late;
    this.#operator = createWindowOperator(options.plan, backend, {
      output: {
        emit: (record, timestamp) => results.collect(record, timestamp),
        emitLate: (record, timestamp) => late?.collect(record, timestamp),
        countLate: (count) => context.metrics.countLateRecordsDropped(count),
      },
      now: () => context.env.clock.now(),
    });
  }

  open(watermark: number): void {
    this.#operator.restored(watermark);
  }

  processKeyed(batch: Batch, keys: KeyColumn, input: number): void {
    callUser(this.#place, () => this.#operator.processBatch(batch, keys, input), {
      batch,
      seenCount: this.#recordsSeenCounts[input],
    });
    this.#recordsSeenCounts[input] += batch.count;
    this.#flush();
  }

  advanceWatermark(timestamp: number): void {
    if (timestamp > NO_WATERMARK) this.#operator.advanceWatermark(timestamp);
  }

  advanceProcessingTime(now: number): void {
    this.#operator.advanceProcessingTime(now);
  }

  fire(budget: number): boolean {
    if (!this.#operator.isFiring) return true;
    const isDone = callUser(this.#place, () => this.#operator.fire(budget));
    this.#flush();
    return isDone;
  }

  nextProcessingTimer(): number {
    return this.#operator.nextProcessingTime();
  }

  #flush(): void {
    this.#results.flush();
    this.#late?.flush();
  }
}
