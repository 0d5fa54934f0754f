/*
 * Reads the text values of configuration keys (`-D key=value`) in Flink's spelling.
 *
 * Owns: the syntax of numbers, booleans, choices and durations in configuration. Does not know
 * which keys exist; see `checkpoint-config.ts` and `restart-strategy.ts`. Every error names the
 * key.
 */
import { oxbowError } from "../errors.ts";
import { parseDuration } from "../time/duration.ts";
import type { DurationBounds } from "../time/duration.ts";
import { unknownOption } from "../types/known-options.ts";
import { nearestName } from "../types/nearest-name.ts";

/** Configuration as it comes from the command line: key → text. */
export type Config = Readonly<Record<string, string>>;

/** Longest value that is repeated in a message. */
const MAX_SHOWN_LENGTH = 100;

/** Flink's unit labels (`Duration` of its configuration) → those of `parseDuration`. */
const UNIT_OF_LABEL: Readonly<Record<string, string>> = {
  milli: "ms",
  millis: "ms",
  millisecond: "ms",
  milliseconds: "ms",
  sec: "s",
  second: "s",
  seconds: "s",
  minute: "m",
  minutes: "m",
  hour: "h",
  hours: "h",
  day: "d",
  days: "d",
};

/**
 * A duration as Flink writes it: `10 min`, `500ms`, `2 hours`, or a bare number of ms. Returns ms.
 * Error `DURATION_INVALID`.
 */
export function readDurationMs(key: string, text: string, bounds: DurationBounds = {}): number {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return parseDuration(Number(trimmed), key, bounds);
  const normal = trimmed.replaceAll(/[a-z]+/g, (label) =>
    Object.hasOwn(UNIT_OF_LABEL, label) ? UNIT_OF_LABEL[label] : label,
  );
  return parseDuration(normal, key, bounds);
}

/** A whole number in [min, max]. Error `SETTING_INVALID`. */
export function readInteger(key: string, text: string, range: Range): number {
  const value = /^\s*-?\d+\s*$/.test(text) ? Number(text) : Number.NaN;
  return checkNumber(key, value, { ...range, isWhole: true, shown: text });
}

/** A number in [min, max]. Error `SETTING_INVALID`. */
export function readNumber(key: string, text: string, range: Range): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return checkNumber(key, value, { ...range, isWhole: false, shown: text });
}

/** Bounds of a number, both inclusive. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** `value` if it is a (whole) number in the range; else throws `SETTING_INVALID`. */
export function checkNumber(
  setting: string,
  value: number,
  rule: Range & { readonly isWhole: boolean; readonly shown?: string },
): number {
  const isFit = rule.isWhole ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (isFit && value >= rule.min && value <= rule.max) return value;
  const what = rule.isWhole ? "whole number" : "number";
  const expected =
    rule.max >= Number.MAX_SAFE_INTEGER
      ? `a ${what} of at least ${rule.min}`
      : `a ${what} from ${rule.min} to ${rule.max}`;
  throw settingInvalid(setting, rule.shown ?? String(value), expected);
}

/** `true` or `false`, in any case. Error `SETTING_INVALID`. */
export function readBoolean(key: string, text: string): boolean {
  const value = text.trim().toLowerCase();
  if (value === "true") return true;
  if (value === "false") return false;
  throw settingInvalid(key, text, "true or false");
}

/** One of the names in `choices` (any case, `-` equal to `_`); returns what it stands for. */
export function readChoice<T>(key: string, text: string, choices: ReadonlyMap<string, T>): T {
  const wanted = text.trim().toUpperCase().replaceAll("-", "_");
  for (const [name, value] of choices) {
    if (name.toUpperCase().replaceAll("-", "_") === wanted) return value;
  }
  throw settingInvalid(key, text, `one of ${[...choices.keys()].join(", ")}`);
}

/** The error for a value that does not fit. `expected` completes "expected …". */
export function settingInvalid(setting: string, value: string, expected: string): Error {
  const shown = value.slice(0, MAX_SHOWN_LENGTH);
  return oxbowError("SETTING_INVALID", `${setting} is "${shown}"; expected ${expected}.`, {
    setting,
    value: shown,
  });
}

/** SETTING_INVALID for options of `setting` by names that do not exist. */
export function refuseUnknownOptions(
  setting: string,
  options: object,
  known: readonly string[],
): void {
  const problem = unknownOption(options, known);
  if (problem === undefined) return;
  throw oxbowError("SETTING_INVALID", `${setting} ${problem}`, { setting });
}

/** The error for a setting that exists in Flink and whose capability Oxbow does not have (yet). */
export function settingNotSupported(setting: string, value: string, instead: string): Error {
  const shown = value.slice(0, MAX_SHOWN_LENGTH);
  const message = `${setting} = "${shown}" asks for what this version does not have. ${instead}`;
  return oxbowError("SETTING_NOT_SUPPORTED", message, { setting, value: shown });
}

/**
 * The error for a key of settings that does not exist. `instead` says what to use; without it the
 * nearest of the known ones, or all.
 */
export function settingUnknown(key: string, known: readonly string[], instead?: string): Error {
  const nearest = nearestName(key, known);
  const there =
    nearest === undefined ? `There are: ${known.join(", ")}.` : `Did you mean ${nearest}?`;
  const message = `There is no setting ${key}. ${instead ?? there}`;
  return oxbowError("SETTING_INVALID", message, { setting: key });
}
