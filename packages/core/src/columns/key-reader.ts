/*
 * KeyReader: a loop that reads the keys of records into a key column, compiled for one operator: it
 * knows the field (or calls the one function) and the type, so nothing in it is shared with other
 * operators.
 *
 * I1. A key that does not fit ends the loop; what is right and what is told of it is decided by
 *     `KeyExtractor`.
 */
import type { KeyCodec } from "../types/key.ts";

/**
 * Puts the keys of the first `count` records into `numbers` or `strings`, by the form of the codec.
 * Returns the index of the first key that does not fit, `count` if all do.
 */
export type KeyReader = (
  records: readonly unknown[],
  count: number,
  numbers: Float64Array,
  strings: string[],
) => number;

/** Undefined for keys that have no such loop. */
export function keyReader(
  by: string | ((record: unknown) => unknown),
  codec: KeyCodec,
): KeyReader | undefined {
  const put = putSource(codec);
  if (put === undefined) return undefined;
  const key =
    typeof by === "string"
      ? `typeof record === "object" && record !== null ? record[${JSON.stringify(by)}] : undefined`
      : "by(record)";
  const source = `"use strict"; return (records, count, numbers, strings) => {
    for (let index = 0; index < count; index++) {
      const record = records[index];
      const key = ${key};
      ${put}
    }
    return count;
  };`;
  return (new Function("by", source) as (by: unknown) => KeyReader)(by);
}

/** Numbers are canonical: one NaN for all; of integers, one zero. */
function putSource({ form, type, numberHash }: KeyCodec): string | undefined {
  if (form === "string" && type.kind === "string") {
    return 'if (typeof key !== "string") return index; strings.push(key);';
  }
  if (form !== "number") return undefined;
  switch (numberHash) {
    case "boolean":
      return 'if (typeof key !== "boolean") return index; numbers[index] = key ? 1 : 0;';
    case "integer":
      return `if (typeof key !== "number" || key !== (key | 0)) return index;
        numbers[index] = key + 0;`;
    case "long":
      return "if (!Number.isSafeInteger(key)) return index; numbers[index] = key + 0;";
    case "double":
      return `if (typeof key !== "number") return index;
        numbers[index] = key === key ? key : NaN;`;
  }
}
