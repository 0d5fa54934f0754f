/*
 * Narrowing: what the values of a column have in common, so that fewer bytes hold them.
 */
import type { Presence } from "./column.ts";
import { PRESENT } from "./column.ts";

/** The values, with 0 in rows that have none. The same array where there is nothing to do. */
export function withZeros<A extends Int32Array | Float64Array | Uint8Array | BigInt64Array>(
  values: A,
  presence: Presence,
  count: number,
): A {
  if (presence === undefined) return values;
  const clean = values.slice(0, count) as A;
  const zero = (clean instanceof BigInt64Array ? 0n : 0) as A[number];
  for (let row = 0; row < count; row++) if (presence[row] !== PRESENT) clean[row] = zero;
  return clean;
}

/** Whether all values are the same bits. */
export function isConstant(
  values: Int32Array | Float64Array | Uint8Array | BigInt64Array,
  count: number,
): boolean {
  const first = values[0];
  for (let row = 1; row < count; row++) {
    if (values[row] !== first) return false;
  }
  // Equal numbers that differ: 0 and -0. (NaN is equal to nothing, itself included.)
  if (first !== 0 || !(values instanceof Float64Array)) return first === first || count === 1;
  for (let row = 1; row < count; row++) if (!Object.is(values[row], first)) return false;
  return true;
}

/** Least and greatest value, if all are integers that distances give back exactly. */
export function rangeOfNumbers(
  values: Int32Array | Float64Array,
  count: number,
): { readonly min: number; readonly max: number } | undefined {
  let min = values[0];
  let max = min;
  const isFloat = values instanceof Float64Array;
  for (let row = 0; row < count; row++) {
    const value = values[row];
    if (isFloat && !isPlainInteger(value)) return undefined;
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  return { min, max };
}

function isPlainInteger(value: number): boolean {
  return Number.isSafeInteger(value) && (value !== 0 || 1 / value > 0);
}

/** Least and greatest value. */
export function rangeOfBigints(
  values: BigInt64Array,
  count: number,
): { readonly min: bigint; readonly max: bigint } {
  let min = values[0];
  let max = min;
  for (let row = 1; row < count; row++) {
    const value = values[row];
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  return { min, max };
}

/** Bytes per distance: 1, 2 or 4; 0 where that is not smaller than the value's own size. */
export function referenceWidth(span: number, valueSizeBytes: number): 0 | 1 | 2 | 4 {
  if (span > 0xffffffff) return 0;
  const width = span <= 0xff ? 1 : span <= 0xffff ? 2 : 4;
  return width < valueSizeBytes ? width : 0;
}

/** Bytes for a length or code up to `greatest`: 0 (only 0), 1, 2 or 4. */
export function lengthWidth(greatest: number): 0 | 1 | 2 | 4 {
  if (greatest === 0) return 0;
  return greatest <= 0xff ? 1 : greatest <= 0xffff ? 2 : 4;
}
