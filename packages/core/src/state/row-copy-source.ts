/*
 * RowCopySource: source text of the function that copies rows for a snapshot.
 *
 * Rows that changed mostly lie far apart, each a cache miss or more. Some of them are looked at
 * before they are copied, so that their misses overlap. How many overlap depends on how many
 * instructions lie between them: hence no loop over the lines of a row.
 */
import type { RowLayout } from "./layout.ts";
import type { Table } from "./table.ts";

/** Rows `rows[from .. end)` into `to`, one behind another, the first at `at`. */
export type CopyRows = (
  table: Table,
  range: { readonly rows: Int32Array; readonly from: number; readonly end: number },
  to: BigInt64Array,
  at: number,
) => void;

/** Rows that are looked at before they are copied; they stay in the first-level cache meanwhile. */
const AHEAD_ROWS = 64;
/** Longs of a cache line. */
const LINE_LONGS = 8;
/** Longer rows are copied by a loop, and only their beginnings looked at. */
const UNROLLED_LONGS_MAX = 64;

/** Declares `copyRows`. */
export function copySource({ strideBytes, pageShift }: RowLayout): string {
  const longs = strideBytes / 8;
  const unrolled = Math.min(longs, UNROLLED_LONGS_MAX);
  const numbers = Array.from({ length: unrolled }, (_, long) => long);
  const looks = numbers
    .filter((long) => long % LINE_LONGS === 0 || long === unrolled - 1)
    .map((long) => `page[base + ${2 * long}]`);
  const copies = numbers.map((long) => `to[at + ${long}] = page[base + ${long}];`);
  const rest = `for (let long = ${unrolled}; long < ${longs}; long++) {
        to[at + long] = page[base + long];
      }`;
  const rowMask = (1 << pageShift) - 1;
  return `
let seen = 0;
function copyRows({ pages }, { rows, from, end }, to, at) {
  for (let group = from; group < end; group += ${AHEAD_ROWS}) {
    const groupEnd = Math.min(end, group + ${AHEAD_ROWS});
    let looked = 0;
    for (let k = group; k < groupEnd; k++) {
      const row = rows[k];
      const page = pages[row >>> ${pageShift}].i32, base = (row & ${rowMask}) * ${2 * longs};
      looked |= ${looks.join(" | ")};
    }
    // Leads somewhere, or it would be optimised away.
    seen = looked;
    for (let k = group; k < groupEnd; k++) {
      const row = rows[k];
      const page = pages[row >>> ${pageShift}].i64, base = (row & ${rowMask}) * ${longs};
      ${copies.join(" ")}
      ${unrolled < longs ? rest : ""}
      at += ${longs};
    }
  }
}`;
}
