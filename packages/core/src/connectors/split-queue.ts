/*
 * Split queues: the two enumerators that most sources need, for splits that are known up front.
 *
 * - `queueEnumerator` hands splits out on demand, in order: bounded work that readers share.
 * - `spreadEnumerator` gives split i to reader i mod parallelism at once: splits that must all be
 *   read at the same time, because they never end or are paced.
 *
 * I1. A split is in the queue or with exactly one reader; what comes back is handed out first.
 */
import { oxbowError } from "../errors.ts";
import type { EnumeratorContext, Split, SplitEnumerator } from "./source.ts";

/** What these enumerators put into a snapshot. */
export interface SplitQueueState<S extends Split> {
  readonly pending: readonly S[];
}

/** Hands out `splits` (or, after a restore, those that were still pending) on demand, in order. */
export function queueEnumerator<S extends Split>(
  context: EnumeratorContext<S>,
  splits: () => readonly S[],
  restored: unknown,
): SplitEnumerator<S> {
  const pending = restored === undefined ? [...splits()] : restoredSplits<S>(restored);
  return {
    start: () => undefined,
    addReader: () => undefined,
    handleSplitRequest(subtaskIndex) {
      const split = pending.shift();
      if (split === undefined) context.signalNoMoreSplits(subtaskIndex);
      else context.assign(subtaskIndex, [split]);
    },
    addSplitsBack: (returned) => void pending.unshift(...returned),
    snapshot: (): SplitQueueState<S> => ({ pending: [...pending] }),
    close: () => Promise.resolve(),
  };
}

/** Gives split i to reader i mod parallelism as soon as that reader registers. */
export function spreadEnumerator<S extends Split>(
  context: EnumeratorContext<S>,
  splits: () => readonly S[],
  restored: unknown,
): SplitEnumerator<S> {
  const all = restored === undefined ? [...splits()] : restoredSplits<S>(restored);
  const pending = all.map((split, index) => ({ split, reader: index % context.parallelism }));
  return {
    start: () => undefined,
    addReader(subtaskIndex) {
      const mine = pending.filter((entry) => entry.reader === subtaskIndex);
      for (const entry of mine) pending.splice(pending.indexOf(entry), 1);
      const given = mine.map((entry) => entry.split);
      if (given.length > 0) context.assign(subtaskIndex, given);
      context.signalNoMoreSplits(subtaskIndex);
    },
    handleSplitRequest: (subtaskIndex) => context.signalNoMoreSplits(subtaskIndex),
    addSplitsBack(returned, subtaskIndex) {
      pending.unshift(...returned.map((split) => ({ split, reader: subtaskIndex })));
    },
    snapshot: (): SplitQueueState<S> => ({ pending: pending.map((entry) => entry.split) }),
    close: () => Promise.resolve(),
  };
}

function restoredSplits<S extends Split>(restored: unknown): S[] {
  if (typeof restored === "object" && restored !== null && "pending" in restored) {
    const { pending } = restored;
    if (Array.isArray(pending)) return [...(pending as S[])];
  }
  throw oxbowError(
    "CONNECTOR_INVALID",
    "The state of a source's enumerator in the snapshot is not that of this connector. Give a " +
      "source that was replaced by another connector a new uid.",
    { restored: typeof restored },
  );
}
