/*
 * Event time as numbers.
 *
 * A timestamp is a whole number of ms since the epoch within ±`MAX_TIMESTAMP` (the range of
 * `Date`), so that a timestamp plus any duration is still exact. A watermark is a timestamp, or one
 * of the two ends: `NO_WATERMARK` before the first one, `MAX_WATERMARK` after the last record.
 */

/** The largest timestamp of a record, in ms; the smallest is its negative. */
export const MAX_TIMESTAMP = 8_640_000_000_000_000;

/**
 * The watermark of an input that has ended: nothing comes after it. Greater than every timestamp.
 */
export const MAX_WATERMARK = Number.MAX_SAFE_INTEGER;

/** "No watermark yet": less than every timestamp and every watermark that was ever emitted. */
export const NO_WATERMARK = Number.NEGATIVE_INFINITY;

/**
 * `time + durationMs`, never beyond `MAX_WATERMARK`: the end of time stays the end of time,
 * whatever lateness is granted on top. `durationMs` ≥ 0.
 */
export function addSaturated(time: number, durationMs: number): number {
  const sum = time + durationMs;
  return sum < MAX_WATERMARK ? sum : MAX_WATERMARK;
}

/** Whether `value` can be the timestamp of a record. */
export function isTimestamp(value: unknown): value is number {
  return Number.isInteger(value) && Math.abs(value as number) <= MAX_TIMESTAMP;
}
