/*
 * Metrics in shared memory: which there are, where each lies, and how threads write them.
 *
 * Owns: the catalogue (Flink's names), the layout, and the block that a thread writes. Reading,
 * rates and text formats are `metric-reader.ts`. Reference: `docs/metrics.md`.
 *
 * A *block* is the values of one scope (the job, a subtask, an operator in a subtask): float64
 * slots, one per metric of the scope's kind, in the order of the catalogue.
 * I1. The layout is a function of the scopes: every thread that knows the graph computes the same
 *     one.
 * I2. Each block has one writer, and begins on a cache line of its own. The writer stores plainly:
 *     `block.values[TASK_SLOTS.numRecordsIn] += n`. A reader may see a value that is a little old,
 *     but never half a value on the 64-bit machines that Node runs on.
 * I3. A gauge without a value yet is NaN. Counters are exact up to 2^53.
 */
import { assert } from "../assert.ts";

/**
 * - `counter`: only grows. - `gauge`: a current value.
 * - `accumulatedMs`: grows by the ms spent in a state; shown per second.
 */
export type MetricKind = "counter" | "gauge" | "accumulatedMs";

/** A metric of the catalogue. */
export interface MetricSpec {
  readonly kind: MetricKind;
  /** For people and for Prometheus' HELP line; says the unit. */
  readonly help: string;
  /** Name of the derived rate per second, where Flink has one. */
  readonly rate?: string;
}

const counter = (help: string, rate?: string): MetricSpec =>
  rate === undefined ? { kind: "counter", help } : { kind: "counter", help, rate };
const gauge = (help: string): MetricSpec => ({ kind: "gauge", help });
const accumulated = (help: string, rate: string): MetricSpec => ({
  kind: "accumulatedMs",
  help,
  rate,
});

/** Of the whole job; written by the job master. */
export const JOB_METRICS = {
  numRestarts: counter("Restarts of the job since it was submitted."),
  uptime: gauge("Ms since the job last became RUNNING."),
  restartingTime: gauge("Ms that the last restart took, or the current one so far."),
  numberOfCompletedCheckpoints: counter("Completed checkpoints."),
  numberOfFailedCheckpoints: counter("Failed checkpoints."),
  numberOfInProgressCheckpoints: gauge("Checkpoints in progress."),
  totalNumberOfCheckpoints: counter("Checkpoints in all, in progress, completed and failed."),
  lastCompletedCheckpointId: gauge("Id of the newest completed checkpoint."),
  lastCheckpointDuration: gauge("Ms from trigger to completion of the newest checkpoint."),
  lastCheckpointSize: gauge("Bytes written for the newest checkpoint."),
  lastCheckpointFullSize: gauge("Bytes of all that the newest checkpoint refers to."),
  lastCheckpointRestoreTimestamp: gauge("When the job last restored, ms since the epoch."),
} as const satisfies Record<string, MetricSpec>;

/** Of a subtask; written by its worker thread. */
export const TASK_METRICS = {
  numRecordsIn: counter("Records received.", "numRecordsInPerSecond"),
  numRecordsOut: counter("Records emitted.", "numRecordsOutPerSecond"),
  numBytesIn: counter("Bytes received from other threads.", "numBytesInPerSecond"),
  numBytesOut: counter("Bytes sent to other threads.", "numBytesOutPerSecond"),
  accumulateBusyTimeMs: accumulated("Ms spent working.", "busyTimeMsPerSecond"),
  accumulateIdleTimeMs: accumulated("Ms without anything to do.", "idleTimeMsPerSecond"),
  accumulateBackPressuredTimeMs: accumulated(
    "Ms waiting for room at the outputs.",
    "backPressuredTimeMsPerSecond",
  ),
  currentInputWatermark: gauge("Watermark of the inputs, ms since the epoch."),
  checkpointAlignmentTime: gauge("Ns from first to last barrier of the newest checkpoint."),
  checkpointStartDelayNanos: gauge("Ns from trigger to first barrier of the newest checkpoint."),
} as const satisfies Record<string, MetricSpec>;

/** Of an operator in a subtask; written by the subtask's worker thread. */
export const OPERATOR_METRICS = {
  numRecordsIn: counter("Records received.", "numRecordsInPerSecond"),
  numRecordsOut: counter("Records emitted.", "numRecordsOutPerSecond"),
  numRecordsInErrors: counter("Records that could not be read (malformed); sources."),
  numLateRecordsDropped: counter("Records dropped because they were too late; windows and joins."),
  currentInputWatermark: gauge("Watermark at the input, ms since the epoch."),
  currentOutputWatermark: gauge("Watermark emitted, ms since the epoch."),
} as const satisfies Record<string, MetricSpec>;

type SlotsOf<M> = { readonly [Name in keyof M]: number };

function slotsOf<M extends Record<string, MetricSpec>>(metrics: M): SlotsOf<M> {
  const entries = Object.keys(metrics).map((name, slot) => [name, slot]);
  return Object.freeze(Object.fromEntries(entries)) as SlotsOf<M>;
}

/** Index in a block, by name. */
export const JOB_SLOTS = slotsOf(JOB_METRICS);
/** Index in a block, by name. */
export const TASK_SLOTS = slotsOf(TASK_METRICS);
/** Index in a block, by name. */
export const OPERATOR_SLOTS = slotsOf(OPERATOR_METRICS);

/** What a block is about. */
export type MetricScope =
  | { readonly kind: "job" }
  | { readonly kind: "task"; readonly vertex: number; readonly subtask: number }
  | {
      readonly kind: "operator";
      readonly vertex: number;
      readonly subtask: number;
      readonly uid: string;
    };

/** Where a block lies. */
export interface MetricBlockSpec {
  readonly scope: MetricScope;
  /** Multiple of `BLOCK_ALIGNMENT_BYTES`. */
  readonly byteOffset: number;
}

/** Plain data; see I1. */
export interface MetricLayout {
  readonly sizeBytes: number;
  readonly blocks: readonly MetricBlockSpec[];
}

/** What the layout needs to know of a vertex of the job graph. */
export interface MetricVertex {
  readonly index: number;
  readonly parallelism: number;
  readonly nodes: readonly { readonly uid: string }[];
}

/** A cache line on all machines that matter (two on some). */
export const BLOCK_ALIGNMENT_BYTES = 128;

/** The metrics of a kind of scope, in the order of their slots. */
export function metricsOf(kind: MetricScope["kind"]): Readonly<Record<string, MetricSpec>> {
  switch (kind) {
    case "job":
      return JOB_METRICS;
    case "task":
      return TASK_METRICS;
    case "operator":
      return OPERATOR_METRICS;
  }
}

/**
 * The layout of a job: its own block, then per vertex and subtask the task's and its operators'.
 */
export function metricLayout(vertices: readonly MetricVertex[]): MetricLayout {
  const scopes: MetricScope[] = [{ kind: "job" }];
  for (const { index, parallelism, nodes } of vertices) {
    for (let subtask = 0; subtask < parallelism; subtask++) {
      scopes.push({ kind: "task", vertex: index, subtask });
      for (const { uid } of nodes) scopes.push({ kind: "operator", vertex: index, subtask, uid });
    }
  }
  let sizeBytes = 0;
  const blocks = scopes.map((scope): MetricBlockSpec => {
    const byteOffset = sizeBytes;
    const bytes = slotsCountOf(scope.kind) * Float64Array.BYTES_PER_ELEMENT;
    sizeBytes += Math.ceil(bytes / BLOCK_ALIGNMENT_BYTES) * BLOCK_ALIGNMENT_BYTES;
    return { scope, byteOffset };
  });
  return { sizeBytes, blocks };
}

/** The memory of a layout: counters 0, gauges without a value. */
export function createMetricMemory(layout: MetricLayout): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(layout.sizeBytes);
  for (const block of layout.blocks) resetBlock(memory, block);
  return memory;
}

/** One block as its writer has it. */
export interface MetricBlock {
  readonly scope: MetricScope;
  /** Indexed by `JOB_SLOTS`, `TASK_SLOTS` or `OPERATOR_SLOTS`. */
  readonly values: Float64Array;
}

/** The block of a scope; the scope must be in the layout. */
export function metricBlock(
  memory: SharedArrayBuffer,
  layout: MetricLayout,
  scope: MetricScope,
): MetricBlock {
  const key = scopeKey(scope);
  const spec = layout.blocks.find((block) => scopeKey(block.scope) === key);
  assert(spec !== undefined, () => `there is no metric block ${key}`);
  return { scope: spec.scope, values: blockValues(memory, spec) };
}

/** The slots of a block. */
export function blockValues(memory: SharedArrayBuffer, block: MetricBlockSpec): Float64Array {
  return new Float64Array(memory, block.byteOffset, slotsCountOf(block.scope.kind));
}

/**
 * Puts a block back to its start: what a new attempt does with the gauges of its tasks. Counters
 * stay if `keepCounters`, since rates and dashboards expect them to grow over restarts of the job.
 */
export function resetBlock(
  memory: SharedArrayBuffer,
  block: MetricBlockSpec,
  keepCounters = false,
): void {
  const values = blockValues(memory, block);
  for (const [slot, { kind }] of Object.values(metricsOf(block.scope.kind)).entries()) {
    if (kind === "gauge") values[slot] = Number.NaN;
    else if (!keepCounters) values[slot] = 0;
  }
}

function slotsCountOf(kind: MetricScope["kind"]): number {
  return Object.keys(metricsOf(kind)).length;
}

function scopeKey(scope: MetricScope): string {
  switch (scope.kind) {
    case "job":
      return "job";
    case "task":
      return `${scope.vertex}/${scope.subtask}`;
    case "operator":
      return `${scope.vertex}/${scope.subtask}/${scope.uid}`;
  }
}
