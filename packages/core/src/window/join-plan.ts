/*
 * JoinPlan: the windows of two streams together, as the plan of one window operator whose
 * accumulator holds two lists, the records of either stream. Assigners, lateness and the ways in
 * which windows are kept are those of any window. Semantics: docs/semantics/joins.md.
 *
 * (Flink's CoGroupedStreams makes one stream of tagged records instead. Two lists need no tag per
 * record, and each has the type of its own records, so that either evolves by itself.)
 */
import type { Duration } from "../time/duration.ts";
import type { Type } from "../types/type.ts";
import { streamsAggregatePlan } from "./aggregate-plan.ts";
import type { WindowAssigner } from "./assigner.ts";
import { collect } from "./record-aggregates.ts";
import { planWith } from "./window-plan.ts";
import type { WindowInfo, WindowPlan } from "./window-plan.ts";

/**
 * Makes any number of results of the records of a key and window, of which one side may have none
 * (Flink's CoGroupFunction).
 */
export type CoGroupFunction<A, B, K, R> = (
  lefts: readonly A[],
  rights: readonly B[],
  info: WindowInfo<K>,
  emit: (result: R) => void,
) => void;

/**
 * Makes any number of results of two records with the same key and window (Flink's
 * FlatJoinFunction).
 */
export type JoinFunction<A, B, K, R> = (
  left: A,
  right: B,
  info: WindowInfo<K>,
  emit: (result: R) => void,
) => void;

/** What `.connect(…).window(…).coGroup(uid, …)` says. */
export interface JoinSettings<A, B, K, R> {
  readonly uid: string;
  readonly assigner: WindowAssigner<never>;
  readonly allowedLateness?: Duration;
  readonly result: CoGroupFunction<A, B, K, R>;
  readonly leftType: Type<A> | undefined;
  readonly rightType: Type<B> | undefined;
}

/** The contents of a window, as the aggregates below give them. */
interface Sides<A, B> {
  readonly left: readonly A[];
  readonly right: readonly B[];
}

/** Checks the settings. Errors: `WINDOW_INVALID`, `DURATION_INVALID`. */
export function joinPlan<A, B, K, R>(settings: JoinSettings<A, B, K, R>): WindowPlan {
  const { uid, assigner, allowedLateness, result, leftType, rightType } = settings;
  const declared = collect<unknown>();
  const aggregates = streamsAggregatePlan(uid, [
    { name: "left", declared, stream: 0, recordType: leftType },
    { name: "right", declared, stream: 1, recordType: rightType },
  ]);
  return planWith<A | B, K, Sides<A, B>, R>(
    {
      uid,
      assigner: assigner as WindowAssigner<A | B>,
      ...(allowedLateness === undefined ? {} : { allowedLateness }),
      result: ({ left, right }, info, emit) => result(left, right, info, emit),
    },
    aggregates,
  );
}

/** The inner join as a function over both sides: pairs in order of arrival, lefts outermost. */
export function pairing<A, B, K, R>(join: JoinFunction<A, B, K, R>): CoGroupFunction<A, B, K, R> {
  return (lefts, rights, info, emit) => {
    for (const left of lefts) for (const right of rights) join(left, right, info, emit);
  };
}
