/*
 * Aggregates by functions of the user: `aggregateFunction` (Flink's AggregateFunction) and
 * `reducing` (Flink's ReduceFunction). The accumulator is one value in state.
 *
 * Semantics: docs/semantics/windows.md, "Aggregates".
 */
import { freezeWholly, isWhollyFrozen } from "../types/freeze-deep.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import type { AccumulatorRef, Aggregate } from "./aggregate.ts";
import { aggregate } from "./aggregates.ts";

/**
 * A user's aggregate (Flink's AggregateFunction). Accumulators are immutable (frozen): `add` gives
 * a new one, or the same where nothing changes, which costs least.
 */
export interface AggregateFunction<T, A, R> {
  create(): A;
  add(accumulator: A, record: T): A;
  result(accumulator: A): R;
  /** Without it, windows that merge are refused and sliding windows keep one pane per window. */
  merge?(a: A, b: A): A;
  /** Type of the accumulator in state; default `t.any`. */
  readonly type?: Type<A>;
}

/**
 * Turns an `AggregateFunction` into an aggregate that composes with the built-in ones.
 *
 * @example
 * const product = aggregateFunction({
 *   create: () => 1,
 *   add: (product, order: Order) => product * order.amount,
 *   result: (product) => Math.log10(product),
 *   merge: (a, b) => a * b,
 *   type: t.float64,
 * });
 * orders.keyBy("customer").window(tumbling("1h")).aggregate("products", { product });
 */
export function aggregateFunction<T, A, R>(of: AggregateFunction<T, A, R>): Aggregate<T, R> {
  return aggregate("aggregateFunction", () => ({
    input: { kind: "record" },
    inputKind: "any",
    columns: [{ name: "accumulator", type: t.optional(of.type ?? t.any), initial: undefined }],
    children: [],
    resultType: undefined,
    canMerge: of.merge !== undefined,
    isMergeExact: false,
    bindings: {
      of,
      add: (own: A | undefined, record: T): A => of.add(own ?? of.create(), record),
      isUnchanged,
      freeze: freezeWholly,
    },
    // What is returned as it was given is stored as it is, if it cannot have changed since.
    update: ({ fields: [a] }, value, bound) => `{
      const own = ${a.read}; const next = ${bound}.add(own, ${value});
      if (!${bound}.isUnchanged(own, next)) { ${a.write("next")} ${bound}.freeze(next); } }`,
    merge: ({ fields: [a] }, { fields: [other] }, bound) => `{
      const other = ${other.read}; const own = ${a.read};
      if (other !== undefined) {
        ${a.write(`own === undefined ? other : ${bound}.of.merge(own, other)`)} } }`,
    result: ({ fields: [a] }, bound) => `${bound}.of.result(${a.read} ?? ${bound}.of.create())`,
  }));
}

/** Only of what was frozen here: what was decoded, a Map or bytes may have changed in place. */
function isUnchanged(own: unknown, next: unknown): boolean {
  return Object.is(own, next) && isWhollyFrozen(next);
}

/** Combines records two by two (Flink's ReduceFunction); undefined of nothing. */
export function reducing<T>(
  reduce: (a: T, b: T) => T,
  type?: Type<T>,
): Aggregate<T, T | undefined> {
  const combine = ({ fields: [a] }: AccumulatorRef, value: string, bound: string): string => `{
    const own = ${a.read}; const next = ${value};
    if (next !== undefined) {
      ${a.write(`own === undefined ? next : ${bound}.reduce(own, next)`)} } }`;
  return aggregate("reduce", ({ recordType }) => {
    const of = type ?? recordType;
    return {
      input: { kind: "record" },
      inputKind: "any",
      columns: [{ name: "value", type: t.optional(of ?? t.any), initial: undefined }],
      children: [],
      resultType: of,
      canMerge: true,
      isMergeExact: false,
      bindings: { reduce },
      update: combine,
      merge: (accumulator, { fields: [other] }, bound) => combine(accumulator, other.read, bound),
      result: ({ fields: [a] }) => a.read,
    };
  });
}
