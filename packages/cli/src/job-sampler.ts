/*
 * JobSampler: reads the metrics of a running job and sums them up per operator, with rates over the
 * last seconds. Owns no timer: whoever shows the figures says when to sample.
 */
import type { JobHandle } from "oxbow";

/** One operator, all subtasks together. */
export interface OperatorFigures {
  readonly uid: string;
  /** Operators of one vertex run chained. */
  readonly vertex: number;
  /** Subtasks. */
  readonly parallelism: number;
  readonly isSource: boolean;
  /** Records that it emitted, for sources; that it received, for all others. */
  readonly recordsCount: number;
  readonly recordsPerSecond: number;
  /** The lowest of its subtasks, ms; beyond `Date` when all have ended. */
  readonly watermark: number | undefined;
  readonly lateRecordsCount: number;
  readonly malformedRecordsCount: number;
}

/** A job at one moment. */
export interface JobFigures {
  readonly status: string;
  /** Since the sampler was made. */
  readonly elapsedMs: number;
  readonly operators: readonly OperatorFigures[];
  /** Records that came out of the sources. */
  readonly recordsCount: number;
  readonly recordsPerSecond: number;
  /** The lowest of the job. */
  readonly watermark: number | undefined;
  readonly checkpointsCount: number;
  readonly failedCheckpointsCount: number;
  readonly lastCheckpointMs: number | undefined;
  readonly lastCheckpointBytes: number | undefined;
  readonly restartsCount: number;
}

/** Span of the rates. */
const RATE_SPAN_MS = 2_000;

interface Sample {
  readonly atMs: number;
  readonly counts: ReadonlyMap<string, number>;
}

type Sums = { -readonly [Name in keyof OperatorFigures]: OperatorFigures[Name] } & {
  receivedCount: number;
  emittedCount: number;
};

/** See the file header. Times are ms of one monotonic clock. */
export class JobSampler {
  readonly #job: JobHandle;
  readonly #startedMs: number;
  /** Oldest first; the first is at most one sample older than the span. */
  #samples: Sample[] = [];

  constructor(job: JobHandle, nowMs: number) {
    this.#job = job;
    this.#startedMs = nowMs;
  }

  sample(nowMs: number): JobFigures {
    const snapshots = this.#job.metrics();
    const ofJob = snapshots.find(({ scope }) => scope.kind === "job")?.values ?? {};
    const operators = this.#operators(snapshots, nowMs);
    const sources = operators.filter((operator) => operator.isSource);
    const watermarks = operators.map(({ watermark }) => watermark ?? -Infinity);
    const watermark = Math.min(...watermarks);
    return {
      status: this.#job.status,
      elapsedMs: nowMs - this.#startedMs,
      operators,
      recordsCount: sources.reduce((sum, source) => sum + source.recordsCount, 0),
      recordsPerSecond: sources.reduce((sum, source) => sum + source.recordsPerSecond, 0),
      watermark: Number.isFinite(watermark) ? watermark : undefined,
      checkpointsCount: ofJob["numberOfCompletedCheckpoints"] ?? 0,
      failedCheckpointsCount: ofJob["numberOfFailedCheckpoints"] ?? 0,
      lastCheckpointMs: ofJob["lastCheckpointDuration"],
      lastCheckpointBytes: ofJob["lastCheckpointSize"],
      restartsCount: ofJob["numRestarts"] ?? 0,
    };
  }

  #operators(snapshots: ReturnType<JobHandle["metrics"]>, nowMs: number): OperatorFigures[] {
    const byUid = new Map<string, Sums>();
    for (const { scope, values } of snapshots) {
      if (scope.kind !== "operator") continue;
      const sums = byUid.get(scope.uid) ?? emptySums(scope.uid, scope.vertex);
      byUid.set(scope.uid, sums);
      addTo(sums, values);
    }
    const all = [...byUid.values()];
    for (const sums of all) {
      sums.isSource = sums.receivedCount === 0;
      sums.recordsCount = sums.isSource ? sums.emittedCount : sums.receivedCount;
    }
    const counts = new Map(all.map(({ uid, recordsCount }) => [uid, recordsCount]));
    this.#samples.push({ atMs: nowMs, counts });
    const from = this.#samples.findLastIndex(({ atMs }) => nowMs - atMs >= RATE_SPAN_MS);
    if (from > 0) this.#samples = this.#samples.slice(from);
    const [base] = this.#samples;
    for (const sums of all) {
      const spanMs = nowMs - base.atMs;
      const before = base.counts.get(sums.uid) ?? 0;
      sums.recordsPerSecond = spanMs === 0 ? 0 : ((sums.recordsCount - before) * 1_000) / spanMs;
    }
    return all;
  }
}

function emptySums(uid: string, vertex: number): Sums {
  return {
    uid,
    vertex,
    parallelism: 0,
    isSource: false,
    recordsCount: 0,
    recordsPerSecond: 0,
    watermark: undefined,
    lateRecordsCount: 0,
    malformedRecordsCount: 0,
    receivedCount: 0,
    emittedCount: 0,
  };
}

function addTo(sums: Sums, values: Readonly<Record<string, number>>): void {
  sums.parallelism++;
  sums.receivedCount += values["numRecordsIn"] ?? 0;
  sums.emittedCount += values["numRecordsOut"] ?? 0;
  sums.lateRecordsCount += values["numLateRecordsDropped"] ?? 0;
  sums.malformedRecordsCount += values["numRecordsInErrors"] ?? 0;
  const watermark = values["currentOutputWatermark"] ?? -Infinity;
  sums.watermark = sums.parallelism === 1 ? watermark : Math.min(sums.watermark ?? 0, watermark);
}
