/*
 * WindowPlan: everything that a window operator is told, checked once, as data.
 *
 * Owns: the checks across assigner, trigger, lateness and aggregate, and the choice of how windows
 * are kept. Semantics: docs/semantics/windows.md.
 *
 * I1. `panes` (one table per window or shared pane, no timers per key) only for the default trigger
 *     of the time domain; `sessions` for windows that merge; `triggers` (timers per key) for all
 *     else.
 */
import { oxbowError } from "../errors.ts";
import { parseDuration } from "../time/duration.ts";
import type { Duration } from "../time/duration.ts";
import type { Type } from "../types/type.ts";
import type { Aggregate, AggregateSpec } from "./aggregate.ts";
import { aggregatePlan } from "./aggregate-plan.ts";
import type { AggregatePlan } from "./aggregate-plan.ts";
import { MAX_WINDOW_MS } from "./assigner.ts";
import type { TimeWindow, WindowAssigner } from "./assigner.ts";
import { canMerge } from "./trigger.ts";
import type { Trigger } from "./trigger.ts";
import { defaultTrigger } from "./triggers.ts";

/** What a window function knows besides the contents. */
export interface WindowInfo<K> {
  readonly key: K;
  readonly window: TimeWindow;
  /** `NO_WATERMARK` before the first. */
  readonly currentWatermark: number;
  /** ms since the epoch; the clock is read once for some keys and windows that fire together. */
  readonly currentProcessingTime: number;
}

/** Turns the value of a window into any number of results (Flink's ProcessWindowFunction). */
export type WindowFunction<K, V, R> = (
  value: V,
  info: WindowInfo<K>,
  emit: (result: R) => void,
) => void;

/** What `.window(…).aggregate(uid, …)` says. */
export interface WindowSettings<T, K, V, R> {
  readonly uid: string;
  readonly assigner: WindowAssigner<T>;
  /** Default: that of the assigner. */
  readonly trigger?: Trigger<T>;
  /** How long after its end a window still takes records; default 0. Event time only. */
  readonly allowedLateness?: Duration;
  /** Whether late records go to a side output; otherwise they are counted and dropped. */
  readonly hasLateOutput?: boolean;
  readonly aggregate: Aggregate<T, V> | AggregateSpec<T>;
  /** Default: results are `{ key, window, … }`, see `window-results.ts`. */
  readonly result?: WindowFunction<K, V, R>;
  readonly recordType?: Type<T>;
}

/** How windows are kept in state; see I1. */
export type WindowStorage = "panes" | "triggers" | "sessions";

/** Checked settings. Frozen. */
export interface WindowPlan {
  readonly uid: string;
  readonly assigner: WindowAssigner<unknown>;
  readonly trigger: Trigger<unknown>;
  readonly allowedLatenessMs: number;
  readonly hasLateOutput: boolean;
  readonly aggregates: AggregatePlan;
  readonly result: WindowFunction<unknown, unknown, unknown> | undefined;
  readonly storage: WindowStorage;
  /** Whether windows fire at their end, once. */
  readonly hasDefaultTrigger: boolean;
  /** Sliding windows merge shared panes when they fire. */
  readonly hasSharedPanes: boolean;
}

/** Checks the settings. Errors: `WINDOW_INVALID`, `AGGREGATE_INVALID`, `DURATION_INVALID`. */
export function windowPlan<T, K, V, R>(settings: WindowSettings<T, K, V, R>): WindowPlan {
  const { uid, aggregate, recordType } = settings;
  return planWith(settings, aggregatePlan(aggregate, { uid, recordType }));
}

/** Likewise, with aggregates that are planned already; of several streams too. */
export function planWith<T, K, V, R>(
  settings: Omit<WindowSettings<T, K, V, R>, "aggregate" | "recordType">,
  aggregates: AggregatePlan,
): WindowPlan {
  const { uid, assigner, result } = settings;
  const trigger = settings.trigger ?? defaultTrigger(assigner);
  const allowedLatenessMs = latenessOf(settings);
  const isDefault = trigger.kind === (assigner.time === "event" ? "event-time" : "processing-time");
  if (result === undefined) checkNames(uid, aggregates);
  if (assigner.kind === "session") checkMerging(uid, trigger, aggregates);
  const storage = storageOf(assigner, isDefault);
  return Object.freeze({
    uid,
    assigner: assigner as WindowAssigner<unknown>,
    trigger,
    allowedLatenessMs,
    hasLateOutput: settings.hasLateOutput ?? false,
    aggregates,
    result: result as WindowFunction<unknown, unknown, unknown> | undefined,
    storage,
    hasDefaultTrigger: isDefault,
    hasSharedPanes: hasSharedPanes(assigner, aggregates, storage),
  });
}

function storageOf(assigner: WindowAssigner<never>, isDefault: boolean): WindowStorage {
  if (assigner.kind === "session") return "sessions";
  return isDefault && assigner.kind !== "global" ? "panes" : "triggers";
}

/** In processing time all records of a batch have one time: one pane per window costs no more. */
function hasSharedPanes(
  assigner: WindowAssigner<never>,
  aggregates: AggregatePlan,
  storage: WindowStorage,
): boolean {
  if (assigner.kind !== "sliding" || storage !== "panes") return false;
  return assigner.time === "event" && aggregates.canMerge && assigner.slideMs < assigner.sizeMs;
}

function latenessOf<T>({
  uid,
  assigner,
  allowedLateness = 0,
}: Pick<
  WindowSettings<T, unknown, unknown, unknown>,
  "uid" | "assigner" | "allowedLateness"
>): number {
  const setting = `operator "${uid}", allowedLateness`;
  const latenessMs = parseDuration(allowedLateness, setting, { maxMs: MAX_WINDOW_MS });
  if (latenessMs > 0 && assigner.time === "processing") {
    throw invalid(uid, "allowedLateness has no meaning in processing time: nothing is ever late");
  }
  return latenessMs;
}

/** Results are `{ key, window, …outputs }` unless a function makes them. */
function checkNames(uid: string, { isSingle, outputs }: AggregatePlan): void {
  const taken = outputs.find(({ name }) => !isSingle && (name === "key" || name === "window"));
  if (taken === undefined) return;
  const problem = `the output "${taken.name}" has the name of a field that every result has`;
  throw invalid(uid, `${problem}; name it differently, or give a result function`);
}

function checkMerging(uid: string, trigger: Trigger<never>, aggregates: AggregatePlan): void {
  if (!canMerge(trigger)) {
    throw invalid(
      uid,
      `sessions merge, and the trigger "${trigger.description}" does not say how; ` +
        `give it onMerge and each of its states a merge function`,
    );
  }
  if (aggregates.canMerge) return;
  const names = aggregates.outputs.filter((output) => !output.part.canMerge);
  throw invalid(
    uid,
    `sessions merge, and ${names.map((output) => `"${output.name}"`).join(", ")} cannot; ` +
      `give the aggregate function a merge`,
  );
}

function invalid(uid: string, problem: string): Error {
  return oxbowError("WINDOW_INVALID", `Operator "${uid}": ${problem}.`, { uid });
}
