/*
 * Merging of sessions, as a pure function on the sorted, disjoint sessions of one key.
 *
 * I1. The sessions of a key are sorted by start, and no two touch: a.end < b.start.
 * I2. Touching sessions merge: [0, 10) and [10, 20) become [0, 20) (Flink's TimeWindow.intersects).
 * I3. The result does not hang on the order of insertion, and inserting a session again that is
 *     covered already changes nothing (session-merge.prop.test.ts).
 */
import type { TimeWindow } from "./assigner.ts";

/** Sessions `[from, to)` of the list melt into `merged` together with the new one. */
export interface SessionMerge {
  readonly from: number;
  readonly to: number;
  readonly merged: TimeWindow;
}

/** Sessions of one key, sorted by start; access by index so that they may lie in a table. */
export interface SortedSessions {
  readonly count: number;
  startAt(index: number): number;
  endAt(index: number): number;
}

/** Where a new session goes. `from === to`: it merges with none and belongs before `from`. */
export function mergeSession(sessions: SortedSessions, added: TimeWindow): SessionMerge {
  // Few sessions are open per key, and the newest is the usual match: look from the end.
  let to = sessions.count;
  while (to > 0 && sessions.startAt(to - 1) > added.end) to -= 1;
  let from = to;
  let { start, end } = added;
  while (from > 0 && sessions.endAt(from - 1) >= added.start) {
    from -= 1;
    start = Math.min(start, sessions.startAt(from));
    end = Math.max(end, sessions.endAt(from));
  }
  return { from, to, merged: { start, end } };
}

/** The sessions after `added` was merged in. */
export function insertSession(
  sessions: readonly TimeWindow[],
  added: TimeWindow,
): readonly TimeWindow[] {
  const { from, to, merged } = mergeSession(sortedSessions(sessions), added);
  return [...sessions.slice(0, from), merged, ...sessions.slice(to)];
}

/** An array as `SortedSessions`. */
export function sortedSessions(sessions: readonly TimeWindow[]): SortedSessions {
  return {
    count: sessions.length,
    startAt: (index) => sessions[index].start,
    endAt: (index) => sessions[index].end,
  };
}
