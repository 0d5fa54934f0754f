/*
 * Durations at the public door: "10s", "1m 30s", "500ms", "2d", or a number of ms.
 *
 * Inside the engine a duration is a whole number of ms in a name that ends in `Ms`; only this file
 * reads the text form. Grammar: one or more `<number><unit>` with optional spaces between them;
 * units ms, s, m (or min), h, d, w; each unit at most once, from the largest to the smallest.
 */
import { oxbowError } from "../errors.ts";
import { MAX_TIMESTAMP } from "./timestamp.ts";

/** A duration: a number of ms, or text such as "10s", "1m 30s", "1h", "2d". */
export type Duration = number | string;

/** Bounds of a duration setting, in ms, both inclusive. */
export interface DurationBounds {
  /** Default 0. */
  readonly minMs?: number;
  /** Default `MAX_TIMESTAMP`. */
  readonly maxMs?: number;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  min: 60_000,
  s: 1_000,
  ms: 1,
};

/** Longest text that is read as a duration. */
const MAX_TEXT_LENGTH = 100;

/**
 * Reads a duration as whole ms. `setting` is how the user names it, for the message.
 * Error `DURATION_INVALID`: not a duration, not whole ms, or out of bounds.
 *
 * @example
 * parseDuration("1m 30s", "outOfOrderness"); // 90_000
 */
export function parseDuration(
  value: Duration,
  setting: string,
  { minMs = 0, maxMs = MAX_TIMESTAMP }: DurationBounds = {},
): number {
  const ms = typeof value === "number" ? value : textToMs(value);
  if (ms === undefined || !Number.isInteger(ms)) {
    throw invalid(
      value,
      setting,
      'is no duration; write ms as a whole number, or text like "1m 30s"',
    );
  }
  if (ms < minMs) throw invalid(value, setting, `is less than ${formatDuration(minMs)}`);
  if (ms > maxMs) throw invalid(value, setting, `is more than ${formatDuration(maxMs)}`);
  return ms;
}

function textToMs(text: unknown): number | undefined {
  if (typeof text !== "string" || text.length > MAX_TEXT_LENGTH) return undefined;
  const parts = /^\s*-?(\d+(\.\d+)?\s*[a-z]+\s*)+$/.test(text) ? text : undefined;
  if (parts === undefined) return undefined;
  let sumMs = 0;
  let smallestMs = Number.POSITIVE_INFINITY;
  for (const [, number, unit] of parts.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const unitMs = Object.hasOwn(UNIT_MS, unit) ? UNIT_MS[unit] : undefined;
    if (unitMs === undefined || unitMs >= smallestMs) return undefined;
    smallestMs = unitMs;
    sumMs += partMs(number, unitMs);
  }
  return text.trimStart().startsWith("-") ? -sumMs : sumMs;
}

/**
 * "1.1h" is exact decimals, so fractions are scaled as integers: 1.1 × 3 600 000 is not whole in
 * binary.
 */
function partMs(number: string, unitMs: number): number {
  const [whole, fraction = ""] = number.split(".");
  const scale = 10 ** fraction.length;
  return Number(whole) * unitMs + (Number(fraction || "0") * unitMs) / scale;
}

function invalid(value: unknown, setting: string, problem: string): Error {
  const shown = typeof value === "string" ? `"${value.slice(0, MAX_TEXT_LENGTH)}"` : String(value);
  return oxbowError("DURATION_INVALID", `${setting}: ${shown} ${problem}.`, {
    setting,
    value: shown,
  });
}

/** A duration in ms as the shortest text that `parseDuration` reads back, such as "1m 30s". */
export function formatDuration(durationMs: number): string {
  if (durationMs < 0) return `-${formatDuration(-durationMs)}`;
  let restMs = durationMs;
  const parts: string[] = [];
  for (const unit of ["d", "h", "m", "s"]) {
    const count = Math.floor(restMs / UNIT_MS[unit]);
    if (count > 0) parts.push(`${count}${unit}`);
    restMs -= count * UNIT_MS[unit];
  }
  if (restMs > 0 || parts.length === 0) parts.push(`${restMs}ms`);
  return parts.join(" ");
}
