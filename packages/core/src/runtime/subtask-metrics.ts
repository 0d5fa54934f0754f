/**
 * SubtaskMetrics: what one subtask counts, as plain stores into its blocks of shared memory
 * (`metrics.ts`).
 */
import type { JobGraph } from "../graph/job-graph.ts";
import type { OperatorMetrics } from "../operators/output.ts";
import type { OutputCounters } from "./chain.ts";
import { OPERATOR_SLOTS, TASK_SLOTS, metricBlock, metricLayout } from "./metrics.ts";
import type { SubtaskId } from "./messages.ts";

/**
 * What one step came to. `blocked`: outputs are full. `idle`: there is nothing to do before a
 * wake-up.
 */
export type StepResult = "progressed" | "idle" | "blocked";

/** See the file header. */
export class SubtaskMetrics {
  readonly #task: Float64Array;
  readonly #operators = new Map<string, OperatorMetrics>();
  readonly #operatorValues: Float64Array[] = [];
  /** Monotonic ms up to which time has been accounted for. */
  #accountedMs: number | undefined;
  #lastResult: StepResult = "idle";

  constructor(job: JobGraph, memory: SharedArrayBuffer, id: SubtaskId) {
    const layout = metricLayout(job.vertices);
    const { vertex, subtask } = id;
    this.#task = metricBlock(memory, layout, { kind: "task", vertex, subtask }).values;
    const nodes = job.vertices[vertex].nodes;
    for (const [position, { uid }] of nodes.entries()) {
      const { values } = metricBlock(memory, layout, { kind: "operator", vertex, subtask, uid });
      const isHead = position === 0;
      this.#operatorValues.push(values);
      this.#operators.set(uid, operatorMetrics(values, isHead ? this.#task : undefined));
    }
  }

  /** Counters of an operator of the chain. */
  operator(uid: string): OperatorMetrics {
    return this.#operators.get(uid) as OperatorMetrics;
  }

  /** Counters of one of an operator's outputs. */
  outputCounters(uid: string): OutputCounters {
    const operator = this.operator(uid);
    return {
      countRecordsOut: (count) => operator.countRecordsOut(count),
      countRecordsSent: (count) => {
        this.#task[TASK_SLOTS.numRecordsOut] += count;
      },
    };
  }

  countBytesIn(sizeBytes: number): void {
    this.#task[TASK_SLOTS.numBytesIn] += sizeBytes;
  }

  countBytesOut(sizeBytes: number): void {
    this.#task[TASK_SLOTS.numBytesOut] += sizeBytes;
  }

  /** The watermark that has come in. */
  setInputWatermark(watermark: number): void {
    this.#task[TASK_SLOTS.currentInputWatermark] = watermark;
    for (const values of this.#operatorValues) {
      values[OPERATOR_SLOTS.currentInputWatermark] = watermark;
    }
  }

  /** The watermark that everything in the chain has fired for. */
  setOutputWatermark(watermark: number): void {
    for (const values of this.#operatorValues) {
      values[OPERATOR_SLOTS.currentOutputWatermark] = watermark;
    }
  }

  /** Figures of the newest checkpoint, ms. */
  setCheckpoint(alignmentMs: number, startDelayMs: number): void {
    this.#task[TASK_SLOTS.checkpointAlignmentTime] = alignmentMs * 1e6;
    this.#task[TASK_SLOTS.checkpointStartDelayNanos] = startDelayMs * 1e6;
  }

  /** Accounts for a step from `beganMs` to `endedMs`, and for the time since the last one. */
  countStep(result: StepResult, beganMs: number, endedMs: number): void {
    const values = this.#task;
    const waitedMs = beganMs - (this.#accountedMs ?? beganMs);
    // Between two steps a task that progressed waits for its turn on the thread: that is busy time.
    if (this.#lastResult === "idle") values[TASK_SLOTS.accumulateIdleTimeMs] += waitedMs;
    else if (this.#lastResult === "blocked")
      values[TASK_SLOTS.accumulateBackPressuredTimeMs] += waitedMs;
    else values[TASK_SLOTS.accumulateBusyTimeMs] += waitedMs;
    values[TASK_SLOTS.accumulateBusyTimeMs] += endedMs - beganMs;
    this.#accountedMs = endedMs;
    this.#lastResult = result;
  }
}

function operatorMetrics(values: Float64Array, task: Float64Array | undefined): OperatorMetrics {
  return {
    countRecordsIn: (count) => {
      values[OPERATOR_SLOTS.numRecordsIn] += count;
      if (task !== undefined) task[TASK_SLOTS.numRecordsIn] += count;
    },
    countRecordsOut: (count) => {
      values[OPERATOR_SLOTS.numRecordsOut] += count;
    },
    countLateRecordsDropped: (count) => {
      values[OPERATOR_SLOTS.numLateRecordsDropped] += count;
    },
    countMalformedRecords: (count) => {
      values[OPERATOR_SLOTS.numRecordsInErrors] += count;
    },
  };
}
