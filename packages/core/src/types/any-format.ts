/*
 * Numbers of the encoding of `any` that writer and reader share. Normative:
 * `docs/formats/value.md`.
 */

/** Deepest nesting of a value; deeper ones (and cycles) are refused. */
export const MAX_VALUE_DEPTH = 200;

/** Extension types; see `docs/formats/value.md`. */
export const EXT = Object.freeze({
  UNDEFINED: 1,
  BIGINT: 2,
  UTF16: 3,
  MAP: 4,
  SET: 5,
  DATE: 6,
  BINARY: 7,
  NULL_PROTOTYPE: 8,
});

/** Kinds of binary values; the index is the number in the format. Buffer before its base class. */
export const BINARY_KINDS = Object.freeze([
  "Buffer",
  "ArrayBuffer",
  "DataView",
  "Int8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
] as const);

/** Index in `BINARY_KINDS`, or -1. */
export function binaryKindOf(value: object): number {
  const constructor: unknown = value.constructor;
  if (!ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer)) return -1;
  if (typeof constructor !== "function") return -1;
  const kind = BINARY_KINDS.indexOf(constructor.name as (typeof BINARY_KINDS)[number]);
  if (kind < 0 || constructor !== (globalThis as Record<string, unknown>)[constructor.name])
    return -1;
  return kind;
}
