/*
 * Settings of checkpointing as data: what a program writes, validated once into what the engine
 * uses.
 *
 * Owns: defaults (Flink's, but for the two named below), bounds and refusals. Does not read
 * configuration keys (`checkpoint-config.ts`). Reference: `docs/semantics/checkpoints.md`.
 *
 * Two defaults differ from Flink's on purpose: checkpoints are incremental, and those of a job that
 * failed are kept, because the same command resumes the run from them.
 */
import type { CheckpointRetention } from "../snapshot/retention.ts";
import type {
  CheckpointMode,
  CheckpointOptions,
  RetainOptions,
  Retention,
} from "../graph/checkpoint-options.ts";
import { parseDuration } from "../time/duration.ts";
import {
  checkNumber,
  refuseUnknownOptions,
  settingInvalid,
  settingNotSupported,
} from "./config-values.ts";

/** Validated settings: plain frozen data, echoed by status commands. */
export interface CheckpointSettings {
  /** Undefined: no periodic checkpoints; checkpointing is off. */
  readonly intervalMs: number | undefined;
  readonly minPauseMs: number;
  readonly timeoutMs: number;
  readonly mode: CheckpointMode;
  readonly maxConcurrent: number;
  /** `UNLIMITED_FAILURES`: the job never fails because of checkpoints. */
  readonly tolerableFailures: number;
  readonly isIncremental: boolean;
  readonly retain: Required<RetainOptions>;
}

/** Least interval and timeout, as in Flink. */
export const MIN_CHECKPOINT_TIME_MS = 10;
/** Intervals and pauses above are cut (pause, as in Flink) or refused (interval). */
export const MAX_CHECKPOINT_PAUSE_MS = 365 * 24 * 60 * 60 * 1000;
/** `tolerableFailures` for "any number" (Flink's `Integer.MAX_VALUE`). */
export const UNLIMITED_FAILURES = 2_147_483_647;
/** Most checkpoints in progress; each holds a copy set per task. */
export const MAX_CONCURRENT_CHECKPOINTS = 1_000;
/** Most retained checkpoints. */
export const MAX_RETAINED_CHECKPOINTS = 100_000;

/** Flink's default of `execution.checkpointing.timeout`: 10 minutes. */
const DEFAULT_TIMEOUT_MS = 600_000;

const OPTIONS: readonly (keyof CheckpointOptions)[] = [
  "interval",
  "minPause",
  "timeout",
  "mode",
  "maxConcurrent",
  "tolerableFailures",
  "incremental",
  "retain",
  "unaligned",
  "alignedTimeout",
];
const RETAIN_OPTIONS: readonly (keyof RetainOptions)[] = ["count", "onCancellation", "onFailure"];

const MODES: readonly CheckpointMode[] = ["exactly-once", "at-least-once"];
const RETENTIONS: readonly Retention[] = ["keep", "delete"];

/**
 * Validates options. Errors: `SETTING_INVALID`, `DURATION_INVALID`; `SETTING_NOT_SUPPORTED` for
 * what this version cannot do.
 *
 * @example
 * checkpointSettings({ interval: "10s", minPause: "1s" }).timeoutMs; // 600_000
 */
export function checkpointSettings(options: CheckpointOptions = {}): CheckpointSettings {
  refuseUnknownOptions("checkpoint", options, OPTIONS);
  refuseUnaligned(options);
  return Object.freeze({
    intervalMs:
      options.interval === undefined
        ? undefined
        : parseDuration(options.interval, "checkpoint.interval", {
            minMs: MIN_CHECKPOINT_TIME_MS,
            maxMs: MAX_CHECKPOINT_PAUSE_MS,
          }),
    minPauseMs: Math.min(
      parseDuration(options.minPause ?? 0, "checkpoint.minPause"),
      MAX_CHECKPOINT_PAUSE_MS,
    ),
    timeoutMs: parseDuration(options.timeout ?? DEFAULT_TIMEOUT_MS, "checkpoint.timeout", {
      minMs: MIN_CHECKPOINT_TIME_MS,
    }),
    mode: oneOf("checkpoint.mode", options.mode ?? "exactly-once", MODES),
    maxConcurrent: checkNumber("checkpoint.maxConcurrent", options.maxConcurrent ?? 1, {
      min: 1,
      max: MAX_CONCURRENT_CHECKPOINTS,
      isWhole: true,
    }),
    tolerableFailures: tolerableFailures(options.tolerableFailures ?? 0),
    isIncremental: options.incremental ?? true,
    retain: retainSettings(options.retain ?? {}),
  });
}

/** Time between two periodic triggers: never less than the pause. Undefined while off. */
export function baseIntervalMs(settings: CheckpointSettings): number | undefined {
  return settings.intervalMs === undefined
    ? undefined
    : Math.max(settings.intervalMs, settings.minPauseMs);
}

/** The policy that the store of completed checkpoints knows, under Flink's names. */
export function retentionOf({ retain }: CheckpointSettings): CheckpointRetention {
  if (retain.onCancellation === "keep") return "retain-on-cancellation";
  return retain.onFailure === "keep" ? "delete-on-cancellation" : "none";
}

function retainSettings(options: RetainOptions): Required<RetainOptions> {
  refuseUnknownOptions("checkpoint.retain", options, RETAIN_OPTIONS);
  const { count = 1, onCancellation = "delete", onFailure = "keep" } = options;
  checkNumber("checkpoint.retain.count", count, {
    min: 1,
    max: MAX_RETAINED_CHECKPOINTS,
    isWhole: true,
  });
  oneOf("checkpoint.retain.onCancellation", onCancellation, RETENTIONS);
  oneOf("checkpoint.retain.onFailure", onFailure, RETENTIONS);
  if (onCancellation === "keep" && onFailure === "delete") {
    throw settingInvalid(
      "checkpoint.retain.onFailure",
      onFailure,
      '"keep", since onCancellation is "keep"',
    );
  }
  return Object.freeze({ count, onCancellation, onFailure });
}

function refuseUnaligned(options: CheckpointOptions): void {
  const instead = "Leave it out: checkpoints are aligned, or set mode to at-least-once.";
  if (options.unaligned === true) {
    throw settingNotSupported("checkpoint.unaligned", "true", instead);
  }
  const { alignedTimeout = 0 } = options;
  if (parseDuration(alignedTimeout, "checkpoint.alignedTimeout") !== 0) {
    throw settingNotSupported("checkpoint.alignedTimeout", String(alignedTimeout), instead);
  }
}

function tolerableFailures(value: number | "unlimited"): number {
  if (value === "unlimited" || value === -1) return UNLIMITED_FAILURES;
  return checkNumber("checkpoint.tolerableFailures", value, {
    min: 0,
    max: UNLIMITED_FAILURES,
    isWhole: true,
  });
}

/** The types say so already; values from plain JavaScript or JSON are checked all the same. */
function oneOf<T extends string>(setting: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw settingInvalid(setting, String(value), `one of ${allowed.join(", ")}`);
}
