/*
 * Watermark strategies: what a user says about time in a source, checked once and kept as data.
 *
 * Owns: the settings of `.watermarks({ … })`, their defaults and checks. Does not: make watermarks
 * (`watermark-generator.ts`) or read timestamps out of batches (`timestamp-extractor.ts`).
 * Semantics: docs/semantics/watermarks.md.
 */
import { oxbowError } from "../errors.ts";
import { parseDuration } from "./duration.ts";
import type { Duration } from "./duration.ts";

/** Names of the fields of `T` that hold a number: the ones that can be a timestamp in ms. */
export type NumberField<T> = [T] extends [object]
  ? { [K in keyof T]-?: T[K] extends number ? K : never }[keyof T] & string
  : never;

/**
 * What a custom generator may tell. A watermark that is not higher than the last one is ignored.
 */
export interface WatermarkOutput {
  /** No record of this split with a timestamp ≤ `timestamp` is expected any more. */
  emitWatermark(timestamp: number): void;
  /** The split has nothing for now and holds nobody back; ends with its next record. */
  markIdle(): void;
}

/** A user's own generator, one per split. It is called on the task's thread, record by record. */
export interface WatermarkGenerator<T> {
  /** After each record; `timestamp` in ms. */
  onRecord(record: T, timestamp: number, output: WatermarkOutput): void;
  /** Every `interval` of the strategy, and after each batch. */
  onPeriodic(output: WatermarkOutput): void;
  /** Plain data that goes with the split into snapshots, and comes back as `restored`. */
  snapshot?(): unknown;
}

/** What a custom generator is made with. */
export interface WatermarkGeneratorContext {
  readonly splitId: string;
  /** What `snapshot` of an earlier generator of this split returned, else undefined. */
  readonly restored: unknown;
}

/** Sources whose watermarks stay within `maxDrift` of the slowest of their group. */
export interface AlignmentSettings {
  /** Name of the group; sources of one job that give the same name belong together. */
  readonly group: string;
  /** How far a source or split may be ahead of the slowest one of the group. */
  readonly maxDrift: Duration;
  /** How often readers report; default "1s" (Flink's). */
  readonly updateInterval?: Duration;
}

/** The argument of `.watermarks`. */
export interface WatermarkSettings<T> {
  /** Event time of a record in ms: a field by name, or a function. */
  readonly timestamp: NumberField<T> | ((record: T) => number);
  /** How much later than a younger record of the same split a record may come. Default 0. */
  readonly outOfOrderness?: Duration;
  /** States that timestamps never fall within a split; the same as `outOfOrderness: 0`. */
  readonly monotonous?: boolean;
  /** A split without records for so long is idle. Default: never. */
  readonly idleAfter?: Duration;
  /** How often idleness and custom generators are looked at; default "200ms" (Flink's). */
  readonly interval?: Duration;
  /** A generator of one's own instead of `outOfOrderness`. */
  readonly generator?: (context: WatermarkGeneratorContext) => WatermarkGenerator<T>;
  readonly alignment?: AlignmentSettings;
}

/** How watermarks follow from timestamps. */
export type WatermarkPolicy =
  | { readonly kind: "bounded"; readonly delayMs: number }
  | {
      readonly kind: "custom";
      readonly create: (context: WatermarkGeneratorContext) => WatermarkGenerator<unknown>;
    };

/** Checked settings; plain data except for the user's functions. */
export interface WatermarkStrategy {
  readonly timestamp: string | ((record: unknown) => number);
  readonly policy: WatermarkPolicy;
  /** Undefined: never idle. */
  readonly idleAfterMs: number | undefined;
  readonly intervalMs: number;
  readonly alignment: WatermarkAlignment | undefined;
}

/** Checked alignment settings. */
export interface WatermarkAlignment {
  readonly group: string;
  readonly maxDriftMs: number;
  readonly updateIntervalMs: number;
}

const DEFAULT_INTERVAL_MS = 200;
const DEFAULT_ALIGNMENT_INTERVAL_MS = 1_000;

/**
 * Checks the settings of the source `uid`. Errors: `WATERMARKS_INVALID` for settings that
 * contradict each other, `DURATION_INVALID`.
 */
export function watermarkStrategy<T>(
  settings: WatermarkSettings<T>,
  uid: string,
): WatermarkStrategy {
  const { timestamp, idleAfter, interval = DEFAULT_INTERVAL_MS, alignment } = settings;
  const name = (setting: string): string => `source "${uid}", watermarks.${setting}`;
  if (typeof timestamp !== "function" && (typeof timestamp !== "string" || timestamp === "")) {
    throw invalid(uid, "timestamp", "is neither the name of a field nor a function of the record");
  }
  return Object.freeze({
    timestamp: timestamp as WatermarkStrategy["timestamp"],
    policy: policyOf(settings, uid),
    idleAfterMs:
      idleAfter === undefined
        ? undefined
        : parseDuration(idleAfter, name("idleAfter"), { minMs: 1 }),
    intervalMs: parseDuration(interval, name("interval"), { minMs: 1 }),
    alignment: alignment === undefined ? undefined : alignmentOf(alignment, uid),
  });
}

function policyOf<T>(settings: WatermarkSettings<T>, uid: string): WatermarkPolicy {
  const { outOfOrderness, monotonous = false, generator } = settings;
  if (generator !== undefined) {
    if (outOfOrderness !== undefined || monotonous) {
      throw invalid(uid, "generator", "excludes outOfOrderness and monotonous; give one of them");
    }
    const create = generator;
    return { kind: "custom", create };
  }
  const delayMs = parseDuration(outOfOrderness ?? 0, `source "${uid}", watermarks.outOfOrderness`);
  if (monotonous && delayMs > 0) {
    throw invalid(uid, "monotonous", "and an outOfOrderness above 0 contradict each other");
  }
  return { kind: "bounded", delayMs };
}

function alignmentOf(settings: AlignmentSettings, uid: string): WatermarkAlignment {
  const { group, maxDrift, updateInterval = DEFAULT_ALIGNMENT_INTERVAL_MS } = settings;
  if (typeof group !== "string" || group === "") {
    throw invalid(uid, "alignment.group", "is not a name");
  }
  const name = `source "${uid}", watermarks.alignment`;
  return {
    group,
    maxDriftMs: parseDuration(maxDrift, `${name}.maxDrift`),
    updateIntervalMs: parseDuration(updateInterval, `${name}.updateInterval`, { minMs: 1 }),
  };
}

function invalid(uid: string, setting: string, problem: string): Error {
  const message = `Source "${uid}": watermarks.${setting} ${problem}.`;
  return oxbowError("WATERMARKS_INVALID", message, { uid, setting });
}
