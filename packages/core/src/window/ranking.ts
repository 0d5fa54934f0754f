/*
 * Ranking of records: what they are ranked by, how ranks compare, and where a record belongs in a
 * sorted list. Shared by the aggregate `topN` and the operator of that name.
 */

/** What records are ranked by; undefined, null and NaN: not at all. */
export type Rank = number | string | bigint;

/** The rank of a record. */
export type RankOf<T> = (record: T) => Rank | null | undefined;

export type Comparator<T> = (a: T, b: T) => number;

/** Most records of a `topN`: it is one value in state, rewritten whenever it changes. */
export const MAX_TOP_COUNT = 10_000;

/** Whether a record with this rank has a place. */
export function isRank<R>(rank: R): rank is NonNullable<R> {
  return rank !== undefined && rank !== null && rank === rank;
}

/** By code units for strings, so that no locale decides. */
export function compareRanks(a: ReturnType<RankOf<never>>, b: ReturnType<RankOf<never>>): number {
  if (a === undefined || a === null) return b === undefined || b === null ? 0 : -1;
  if (b === undefined || b === null) return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Behind all equals, so that the first stays first. */
export function upperBound<T>(list: readonly T[], record: T, compare: Comparator<T>): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(list[middle], record) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
