/*
 * MetricReader: the metrics of a job as data, with rates, and as Prometheus text.
 *
 * Owns: sampling for rates, and the formats. Does not write metrics (`metrics.ts`), nor serve them.
 *
 * I1. A rate is the growth over the newest samples that span at most its window, per second; it is
 *     known once there are two samples. Counters of records and bytes: 60 s, as Flink's MeterView;
 *     time spent in a state: 5 s, as Flink's.
 * I2. At most `SAMPLES_COUNT` samples are kept, at least `SAMPLE_DISTANCE_MS` apart.
 * Reference: `docs/metrics.md`.
 */
import { assert } from "../assert.ts";
import { metricsOf } from "./metrics.ts";
import type { MetricBlockSpec, MetricKind, MetricLayout, MetricScope } from "./metrics.ts";

/** Window of the rates of counters. */
export const RATE_WINDOW_MS = 60_000;
/** Least distance of two samples, and window of the rates of accumulated times. */
export const SAMPLE_DISTANCE_MS = 5_000;
/** Enough for the greatest window. */
const SAMPLES_COUNT = RATE_WINDOW_MS / SAMPLE_DISTANCE_MS + 1;

/** One scope with its values; metrics without a value yet are left out. */
export interface MetricSnapshot {
  readonly scope: MetricScope;
  readonly values: Readonly<Record<string, number>>;
}

/** Names for the labels, Flink's scope variables. */
export interface MetricLabels {
  readonly jobId: string;
  readonly jobName: string;
  /** By vertex: id and name of the task. */
  readonly tasks: readonly { readonly id: string; readonly name: string }[];
  /** Operator id (32 hex digits) of a uid. */
  readonly operatorId: (uid: string) => string;
}

interface Sample {
  readonly atMs: number;
  readonly values: Float64Array;
}

/** See the file header. */
export class MetricReader {
  readonly #memory: SharedArrayBuffer;
  readonly #layout: MetricLayout;
  /** Oldest first. */
  readonly #samples: Sample[] = [];

  constructor(memory: SharedArrayBuffer, layout: MetricLayout) {
    assert(memory.byteLength === layout.sizeBytes, "memory and layout belong together");
    this.#memory = memory;
    this.#layout = layout;
  }

  /** Takes a sample for rates if the last one is old enough. To be called every few seconds. */
  sample(monotonicMs: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && monotonicMs - last.atMs < SAMPLE_DISTANCE_MS) return;
    this.#samples.push({ atMs: monotonicMs, values: this.#copy() });
    if (this.#samples.length > SAMPLES_COUNT) this.#samples.shift();
  }

  /** All scopes in the order of the layout. `monotonicMs` is the clock that `sample` is given. */
  snapshot(monotonicMs: number): MetricSnapshot[] {
    const now: Sample = { atMs: monotonicMs, values: this.#copy() };
    return this.#layout.blocks.map((block) => this.#snapshotOf(block, now));
  }

  #snapshotOf(block: MetricBlockSpec, now: Sample): MetricSnapshot {
    const values: Record<string, number> = {};
    const start = block.byteOffset / Float64Array.BYTES_PER_ELEMENT;
    for (const [slot, [name, spec]] of Object.entries(metricsOf(block.scope.kind)).entries()) {
      const value = now.values[start + slot];
      if (value === undefined || Number.isNaN(value)) continue;
      values[name] = value;
      if (spec.rate === undefined) continue;
      const rate = this.#rate(start + slot, now, windowOf(spec.kind));
      if (rate !== undefined) values[spec.rate] = rate;
    }
    return { scope: block.scope, values };
  }

  /** Growth per second since the oldest sample in the window, or the newest before it. */
  #rate(index: number, now: Sample, windowMs: number): number | undefined {
    const old = this.#samples.filter((sample) => sample.atMs < now.atMs);
    const base = old.find((sample) => now.atMs - sample.atMs <= windowMs) ?? old.at(-1);
    const before = base?.values[index];
    if (base === undefined || before === undefined) return undefined;
    const growth = (now.values[index] ?? 0) - before;
    return Math.max(0, (growth * 1_000) / (now.atMs - base.atMs));
  }

  #copy(): Float64Array {
    return Float64Array.from(new Float64Array(this.#memory));
  }
}

function windowOf(kind: MetricKind): number {
  return kind === "accumulatedMs" ? SAMPLE_DISTANCE_MS : RATE_WINDOW_MS;
}

/** Prefixes of Flink's Prometheus reporter, so that dashboards made for it fit. */
const PREFIX_OF_SCOPE: Readonly<Record<MetricScope["kind"], string>> = {
  job: "flink_jobmanager_job_",
  task: "flink_taskmanager_job_task_",
  operator: "flink_taskmanager_job_task_operator_",
};

/** Snapshots in Prometheus' text format (version 0.0.4), one family after another. */
export function prometheusText(snapshots: readonly MetricSnapshot[], labels: MetricLabels): string {
  const families = new Map<string, { header: string; lines: string[] }>();
  for (const { scope, values } of snapshots) {
    const labelText = labelsOf(scope, labels);
    for (const [name, value] of Object.entries(values)) {
      const full = PREFIX_OF_SCOPE[scope.kind] + name;
      let family = families.get(full);
      if (family === undefined) {
        family = { header: headerOf(full, scope.kind, name), lines: [] };
        families.set(full, family);
      }
      family.lines.push(`${full}{${labelText}} ${numberText(value)}`);
    }
  }
  const blocks = [...families.values()].map(({ header, lines }) => [header, ...lines].join("\n"));
  return blocks.length === 0 ? "" : `${blocks.join("\n")}\n`;
}

function headerOf(full: string, kind: MetricScope["kind"], name: string): string {
  const metrics = metricsOf(kind);
  const rated = Object.values(metrics).find((spec) => spec.rate === name);
  const help = metrics[name]?.help ?? `${rated?.help ?? ""} Per second.`.trim();
  // As Flink's reporter does: counters may start again at 0, so all are gauges.
  return `# HELP ${full} ${help}\n# TYPE ${full} gauge`;
}

function labelsOf(scope: MetricScope, labels: MetricLabels): string {
  const pairs: [string, string][] = [
    ["job_id", labels.jobId],
    ["job_name", labels.jobName],
  ];
  if (scope.kind !== "job") {
    const task = labels.tasks[scope.vertex];
    assert(task !== undefined, () => `vertex ${scope.vertex} has no name`);
    pairs.push(
      ["task_id", task.id],
      ["task_name", task.name],
      ["subtask_index", String(scope.subtask)],
    );
  }
  if (scope.kind === "operator") {
    pairs.push(["operator_id", labels.operatorId(scope.uid)], ["operator_name", scope.uid]);
  }
  return pairs.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(",");
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}
