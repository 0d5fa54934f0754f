/*
 * Numbers straight from bytes, for the plain forms that nearly all files use. Whatever is not plain
 * gives NaN, and the caller goes the slow way over text.
 */

const MINUS = 45;
const POINT = 46;
const ZERO = 48;
/** Digits that a number holds exactly whatever they are. */
const EXACT_DIGITS = 15;
/** Powers of ten that are exact; dividing by one of them rounds once, that is correctly. */
const POWERS = Float64Array.from({ length: EXACT_DIGITS + 1 }, (_, power) => 10 ** power);

/** `-?\d{1,15}` in `bytes[from .. to)`, else NaN. "-0" gives 0. */
export function parseInteger(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  const isNegative = bytes[at] === MINUS && at < to;
  if (isNegative) at++;
  const count = to - at;
  if (count < 1 || count > EXACT_DIGITS) return NaN;
  let value = 0;
  for (; at < to; at++) {
    const digit = bytes[at] - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  return isNegative && value !== 0 ? -value : value;
}

/** `-?\d+(\.\d+)?` with at most 15 digits in all, else NaN; correctly rounded. */
export function parseDecimal(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  const isNegative = bytes[at] === MINUS && at < to;
  if (isNegative) at++;
  if (to - at < 1 || to - at > EXACT_DIGITS + 1) return NaN;
  let value = 0;
  let pointAt = -1;
  const first = at;
  for (; at < to; at++) {
    const byte = bytes[at];
    if (byte === POINT && pointAt < 0 && at > first) {
      pointAt = at;
      continue;
    }
    const digit = byte - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  const digits = to - first - (pointAt < 0 ? 0 : 1);
  if (digits > EXACT_DIGITS || pointAt === to - 1) return NaN;
  if (pointAt >= 0) value /= POWERS[to - pointAt - 1];
  return isNegative ? -value : value;
}
