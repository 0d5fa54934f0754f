/*
 * Arbitrary columns, for the property tests of this folder. Holds no tests of its own.
 */
import fc from "fast-check";
import { anyNumber, anyText, anyValue } from "../types/arbitraries.fixture.ts";
import type { Column, Presence } from "./column.ts";
import {
  bigintColumn,
  boolColumn,
  bytesColumn,
  float64Column,
  int32Column,
  PRESENT,
  StringColumn,
  ValueColumn,
} from "./column.ts";

/** A column of `count` rows of any kind, with and without presence. */
export function anyColumn(count: number): fc.Arbitrary<Column> {
  const presence = fc.option(
    fc
      .array(fc.integer({ min: 0, max: 3 }), { minLength: count, maxLength: count })
      .map((states) => Uint8Array.from(states)),
    { nil: undefined },
  );
  return presence.chain((states) =>
    fc.oneof(
      rows(count, fc.integer()).map((v) => int32Column(Int32Array.from(v), count, states)),
      rows(count, fc.integer({ min: 1000, max: 1200 })).map((v) =>
        int32Column(Int32Array.from(v), count, states),
      ),
      rows(count, anyNumber).map((v) => float64Column(Float64Array.from(v), count, states)),
      rows(count, fc.integer({ min: -5, max: 70000 })).map((v) =>
        float64Column(Float64Array.from(v), count, states),
      ),
      fc
        .constantFrom(0, -0, NaN, 7.5)
        .map((v) => float64Column(new Float64Array(count).fill(v), count, states)),
      rows(count, fc.boolean()).map((v) => boolColumn(Uint8Array.from(v, Number), count, states)),
      rows(count, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map((v) =>
        bigintColumn(BigInt64Array.from(v), count, states),
      ),
      rows(count, fc.bigInt({ min: -300n, max: 300n })).map((v) =>
        bigintColumn(BigInt64Array.from(v), count, states),
      ),
      rows(count, anyText).map((v) => StringColumn.ofStrings(v, count, states)),
      rows(count, anyText).map((v) => textColumn(v, count, states)),
      fc
        .array(anyText, { minLength: 1, maxLength: 5 })
        .chain((dictionary) =>
          rows(count, fc.nat(dictionary.length - 1)).map((v) =>
            StringColumn.ofCodes(Int32Array.from(v), dictionary, count, states),
          ),
        ),
      rows(count, fc.uint8Array({ maxLength: 9 })).map((v) => {
        const offsets = Int32Array.of(0, ...v.map(() => 0));
        v.forEach((bytes, row) => (offsets[row + 1] = offsets[row] + bytes.length));
        const bytes = new Uint8Array(Buffer.concat(v));
        return bytesColumn({ bytes, offsets }, count, states);
      }),
      rows(count, anyValue).map((v) => ValueColumn.ofValues(v, count, states)),
    ),
  );
}

/** Rows without a value are empty. */
function textColumn(strings: readonly string[], count: number, presence: Presence): StringColumn {
  const ends = new Int32Array(count + 1);
  let text = "";
  strings.forEach((string, row) => {
    if (presence === undefined || presence[row] === PRESENT) text += string;
    ends[row + 1] = text.length;
  });
  return StringColumn.ofText({ text, ends }, count, presence);
}

function rows<T>(count: number, value: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(value, { minLength: count, maxLength: count });
}
