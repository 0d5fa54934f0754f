/*
 * Window assigners: which windows a record belongs to.
 *
 * Owns: the public builders `tumbling sliding session global`, their checks, and the arithmetic. An
 * assigner is frozen data (except for a session's gap function), so that it goes into the graph and
 * into snapshots. Semantics: docs/semantics/windows.md, "Assigners".
 *
 * I1. A window is [start, end); its last timestamp is end − 1.
 * I2. The tumbling windows of one assigner are disjoint and cover all of time, before 1970 too; a
 *     sliding assigner gives each timestamp exactly the windows that contain it.
 * I3. All arithmetic is exact: sizes are bounded so that no sum leaves the safe integers.
 */
import { oxbowError } from "../errors.ts";
import { formatDuration, parseDuration } from "../time/duration.ts";
import type { Duration } from "../time/duration.ts";
import { MAX_WATERMARK } from "../time/timestamp.ts";

/** A window of time: `start` inclusive, `end` exclusive, in ms. */
export interface TimeWindow {
  readonly start: number;
  readonly end: number;
}

/** Whose time decides: the records' timestamps, or the clock while they are processed. */
export type TimeDomain = "event" | "processing";

/** Fixed windows one after another. */
export interface TumblingAssigner {
  readonly kind: "tumbling";
  readonly sizeMs: number;
  readonly offsetMs: number;
  readonly time: TimeDomain;
}

/** Windows of `sizeMs`, a new one every `slideMs`. */
export interface SlidingAssigner {
  readonly kind: "sliding";
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  readonly time: TimeDomain;
}

/** Windows that grow while records come less than a gap apart, per key. */
export interface SessionAssigner<T = unknown> {
  readonly kind: "session";
  /** Undefined where `gapOf` gives it per record. */
  readonly gapMs: number | undefined;
  readonly gapOf: ((record: T) => Duration) | undefined;
  readonly time: TimeDomain;
}

/** One window for all of time; it fires only if its trigger says so. */
export interface GlobalAssigner {
  readonly kind: "global";
  readonly time: TimeDomain;
}

/** What `.window` takes. */
export type WindowAssigner<T = unknown> =
  | TumblingAssigner
  | SlidingAssigner
  | SessionAssigner<T>
  | GlobalAssigner;

/** Options of windows with a fixed size. */
export interface WindowOptions {
  /**
   * Moves all windows: `tumbling("1d", { offset: "-8h" })` are the days of UTC+8. Its amount is
   * less than the size (sliding: the slide).
   */
  readonly offset?: Duration;
  /** Default "event". */
  readonly time?: TimeDomain;
}

/** Longest window, slide or gap, about 9 500 years; keeps all sums exact. */
export const MAX_WINDOW_MS = 300_000_000_000_000;

/** Most windows that one record may belong to. */
export const MAX_WINDOWS_PER_RECORD = 10_000;

/** The window of `global()`. No record's time is outside; its end comes with `MAX_WATERMARK`. */
export const GLOBAL_WINDOW: TimeWindow = Object.freeze({
  start: -MAX_WATERMARK,
  end: MAX_WATERMARK,
});

/**
 * Windows of `size`, one after another. Errors: `WINDOW_INVALID`, `DURATION_INVALID`.
 *
 * @example
 * // Days of UTC+8.
 * const days = tumbling("1d", { offset: "-8h" });
 * flights.keyBy("origin").window(days).aggregate("per-day", { flights: count() });
 */
export function tumbling(size: Duration, options: WindowOptions = {}): TumblingAssigner {
  const sizeMs = windowMs(size, "tumbling: size");
  const offsetMs = offsetOf(options, sizeMs, "tumbling");
  return Object.freeze({ kind: "tumbling", sizeMs, offsetMs, time: options.time ?? "event" });
}

/**
 * Windows of `size`, a new one every `slide`. With a slide longer than the size, what falls between
 * two windows belongs to none. Errors: `WINDOW_INVALID`, `DURATION_INVALID`.
 *
 * @example
 * const lastHour = sliding("1h", "10m"); // each record is in six windows
 * flights.keyBy("origin").window(lastHour).aggregate("last-hour", { flights: count() });
 */
export function sliding(
  size: Duration,
  slide: Duration,
  options: WindowOptions = {},
): SlidingAssigner {
  const sizeMs = windowMs(size, "sliding: size");
  const slideMs = windowMs(slide, "sliding: slide");
  if (sizeMs / slideMs > MAX_WINDOWS_PER_RECORD) {
    throw invalid(
      `sliding: a record would be in ${Math.ceil(sizeMs / slideMs)} windows, more than ` +
        `${MAX_WINDOWS_PER_RECORD}. Take a longer slide.`,
    );
  }
  const offsetMs = offsetOf(options, slideMs, "sliding");
  const { time = "event" } = options;
  return Object.freeze({ kind: "sliding", sizeMs, slideMs, offsetMs, time });
}

/**
 * Sessions per key: a session ends when no record came for `gap`. Sessions that touch are one. A
 * function gives the gap by record. Errors: `WINDOW_INVALID`, `DURATION_INVALID`.
 *
 * @example
 * const visits = clicks.keyBy("user").window(session("30m"));
 * visits.aggregate("visits", { clicks: count(), pages: countDistinct("page") });
 */
export function session<T = unknown>(
  gap: Duration | ((record: T) => Duration),
  options: { readonly time?: TimeDomain } = {},
): SessionAssigner<T> {
  const { time = "event" } = options;
  if (typeof gap === "function") {
    return Object.freeze({ kind: "session", gapMs: undefined, gapOf: gap, time });
  }
  const gapMs = windowMs(gap, "session: gap");
  return Object.freeze({ kind: "session", gapMs, gapOf: undefined, time });
}

/**
 * One window for all records of a key. It needs a trigger: it never fires by itself (Flink's).
 *
 * @example
 * orders
 *   .keyBy("product")
 *   .window(global())
 *   .trigger(trigger.purging(trigger.count(10)))
 *   .aggregate("by-the-ten", { amount: sum("amount") });
 */
export function global(): GlobalAssigner {
  return Object.freeze({ kind: "global", time: "event" });
}

/** The last timestamp that belongs to the window. */
export function maxTimestamp(window: TimeWindow): number {
  return window.end - 1;
}

/**
 * Start of the window of `sizeMs` that contains `timestamp`, also before 1970 (Flink's
 * `TimeWindow.getWindowStartWithOffset`).
 */
export function windowStart(timestamp: number, sizeMs: number, offsetMs: number): number {
  const remainder = (timestamp - offsetMs) % sizeMs;
  return timestamp - (remainder < 0 ? remainder + sizeMs : remainder);
}

/**
 * All windows of `time` that contain it, latest first. For a session: the record's own, unmerged.
 */
export function assignWindows<T>(
  assigner: WindowAssigner<T>,
  time: number,
  record: T,
): readonly TimeWindow[] {
  switch (assigner.kind) {
    case "tumbling": {
      const start = windowStart(time, assigner.sizeMs, assigner.offsetMs);
      return [{ start, end: start + assigner.sizeMs }];
    }
    case "sliding":
      return slidingWindows(assigner, time);
    case "session":
      return [{ start: time, end: time + sessionGapMs(assigner, record) }];
    case "global":
      return [GLOBAL_WINDOW];
  }
}

function slidingWindows(assigner: SlidingAssigner, time: number): readonly TimeWindow[] {
  const { sizeMs, slideMs, offsetMs } = assigner;
  const windows: TimeWindow[] = [];
  let start = windowStart(time, slideMs, offsetMs);
  for (; start > time - sizeMs; start -= slideMs) windows.push({ start, end: start + sizeMs });
  return windows;
}

/**
 * The gap after this record, in ms ≥ 1. Errors: `DURATION_INVALID` for what a gap function returns.
 */
export function sessionGapMs<T>(assigner: SessionAssigner<T>, record: T): number {
  if (assigner.gapOf === undefined) return assigner.gapMs ?? 1;
  const gap = assigner.gapOf(record);
  return windowMs(gap, "session: what the gap function returned");
}

function windowMs(value: Duration, setting: string): number {
  return parseDuration(value, setting, { minMs: 1, maxMs: MAX_WINDOW_MS });
}

function offsetOf(options: WindowOptions, periodMs: number, name: string): number {
  const bounds = { minMs: -MAX_WINDOW_MS, maxMs: MAX_WINDOW_MS };
  const offsetMs = parseDuration(options.offset ?? 0, `${name}: offset`, bounds);
  if (Math.abs(offsetMs) >= periodMs) {
    throw invalid(
      `${name}: the offset ${formatDuration(offsetMs)} is not less than ` +
        `${formatDuration(periodMs)}. Leave out whole periods.`,
    );
  }
  return offsetMs;
}

function invalid(message: string): Error {
  return oxbowError("WINDOW_INVALID", message);
}
