/*
 * The aggregates that keep records or values: `minBy maxBy topN countDistinct collect reducing`,
 * and user functions (`aggregateFunction`).
 *
 * Semantics: docs/semantics/windows.md, "Aggregates". What ties do is always stated.
 */
import { oxbowError } from "../errors.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import type {
  AccumulatorRef,
  Aggregate,
  AggregateInput,
  HasField,
  HasNumber,
} from "./aggregate.ts";
import { inputInvalid, inputOf, inputText, inputType } from "./aggregate-input.ts";
import { aggregate } from "./aggregates.ts";
import { compareRanks, isRank, MAX_TOP_COUNT, upperBound } from "./ranking.ts";
import type { Comparator, RankOf } from "./ranking.ts";

type NumberOf<T> = (record: T) => number | null | undefined;

/**
 * The record with the smallest number; of equals the first. Undefined of nothing; NaN is left out.
 *
 * @example
 * orders.keyBy("product").aggregate("cheapest", { order: minBy("amount") });
 */
export function minBy<T>(by: NumberOf<T>): Aggregate<T, T | undefined>;
export function minBy<T, const F extends string = string>(
  field: F & (T extends HasNumber<F> ? F : never),
): Aggregate<T, T | undefined>;
export function minBy(by: string | NumberOf<never>): Aggregate<never, unknown> {
  return extremeBy("minBy", by);
}

/**
 * The record with the largest number; of equals the first. Undefined of nothing; NaN is left out.
 *
 * @example
 * orders.keyBy("product").aggregate("dearest", { order: maxBy((order) => order.amount) });
 */
export function maxBy<T>(by: NumberOf<T>): Aggregate<T, T | undefined>;
export function maxBy<T, const F extends string = string>(
  field: F & (T extends HasNumber<F> ? F : never),
): Aggregate<T, T | undefined>;
export function maxBy(by: string | NumberOf<never>): Aggregate<never, unknown> {
  return extremeBy("maxBy", by);
}

function extremeBy(
  name: "minBy" | "maxBy",
  of: string | NumberOf<never>,
): Aggregate<never, unknown> {
  const by = inputOf(of, "record");
  const keeps = name === "minBy" ? "<=" : ">=";
  return aggregate(`${name}(${inputText(by)})`, (context) => {
    inputType(by, context);
    const take = (
      { fields: [rank, record] }: AccumulatorRef,
      candidate: string,
      value: string,
    ): string => `{
      const candidate = ${candidate};
      if (!(${rank.read} ${keeps} candidate) && candidate === candidate) {
        ${rank.write("candidate")} ${record.write(value)} } }`;
    return {
      input: { kind: "record" },
      inputKind: "any",
      columns: [
        { name: "by", type: t.float64, initial: Number.NaN },
        { name: "record", type: t.optional(context.recordType ?? t.any), initial: undefined },
      ],
      children: [],
      resultType: context.recordType && t.optional(context.recordType),
      canMerge: true,
      // Of equals the first wins, and which one is first may differ.
      isMergeExact: false,
      bindings: { rank: numberReader(by, context.where) },
      update: (accumulator, value, bound) => take(accumulator, `${bound}.rank(${value})`, value),
      merge: (accumulator, { fields: [rank, record] }) => take(accumulator, rank.read, record.read),
      result: ({ fields: [, record] }) => record.read,
    };
  });
}

/** A function of the record that gives a number, or NaN where there is none. */
function numberReader(input: AggregateInput, where: string): (record: unknown) => number {
  const read = reader(input);
  return (record) => {
    const value = read(record);
    if (value === undefined || value === null) return Number.NaN;
    if (typeof value !== "number") throw inputInvalid(where, "number", value);
    return value;
  };
}

function reader(input: AggregateInput): (record: unknown) => unknown {
  switch (input.kind) {
    case "none":
    case "record":
      return (record) => record;
    case "field":
      return (record) => (record as Readonly<Record<string, unknown>>)[input.field];
    case "function":
      return input.of;
  }
}

/** Options of `topN`. */
export interface TopOptions<T> {
  /** Largest first by default. */
  readonly order?: "descending" | "ascending";
  /** Decides between equals, ascending; without it the record that came first is first. */
  readonly ties?: RankOf<T>;
}

/**
 * The first `limit` records by a number or string, sorted. Records without one are left out.
 *
 * @example
 * const worst = topN<Flight>(10, (flight) => flight.delay, { ties: (f) => f.destination });
 * flights.keyBy("origin").window(tumbling("1d")).aggregate("worst", { worst });
 */
export function topN<T>(
  limit: number,
  by: RankOf<T>,
  options: TopOptions<T> = {},
): Aggregate<T, readonly T[]> {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_TOP_COUNT) {
    throw oxbowError(
      "AGGREGATE_INVALID",
      `topN: ${limit} is no whole number from 1 to ${MAX_TOP_COUNT}.`,
      { limit },
    );
  }
  const compare = comparator(by, options);
  const add = (top: readonly T[] | undefined, record: T): readonly T[] | undefined => {
    if (!isRank(by(record))) return undefined;
    const list = top ?? [];
    const index = upperBound(list, record, compare);
    if (index >= limit) return undefined;
    return [...list.slice(0, index), record, ...list.slice(index, limit - 1)];
  };
  const merge = (a: readonly T[], b: readonly T[]): readonly T[] =>
    [...a, ...b].sort(compare).slice(0, limit);
  return aggregate(`topN(${limit})`, ({ recordType }) => {
    const listType = t.list(recordType ?? t.any);
    return {
      input: { kind: "record" },
      inputKind: "any",
      columns: [{ name: "top", type: t.optional(listType), initial: undefined }],
      children: [],
      resultType: listType,
      canMerge: true,
      isMergeExact: options.ties !== undefined,
      bindings: { add, merge },
      update: ({ fields: [top] }, value, bound) =>
        `{ const top = ${bound}.add(${top.read}, ${value});
          if (top !== undefined) { ${top.write("top")} } }`,
      merge: ({ fields: [top] }, { fields: [other] }, bound) =>
        `{ const other = ${other.read}; if (other !== undefined) {
          ${top.write(`${bound}.merge(${top.read} ?? [], other)`)} } }`,
      result: ({ fields: [top] }) => `(${top.read} ?? [])`,
    };
  });
}

function comparator<T>(by: RankOf<T>, { order, ties }: TopOptions<T>): Comparator<T> {
  const sign = order === "ascending" ? 1 : -1;
  return (a, b) => {
    const byRank = sign * compareRanks(by(a), by(b));
    return byRank !== 0 || ties === undefined ? byRank : compareRanks(ties(a), ties(b));
  };
}

/**
 * How many different values there are, exactly; equal as keys are (NaN = NaN, −0 ≠ 0). Values are
 * strings, numbers, booleans or bigints.
 *
 * @example
 * const perPage = clicks.keyBy("page").window(tumbling("1h"));
 * perPage.aggregate("visitors", { users: countDistinct("user") });
 */
export function countDistinct<const F extends string>(
  field: F,
): Aggregate<HasField<F, DistinctValue>, number>;
export function countDistinct<T>(of: (record: T) => DistinctValue): Aggregate<T, number>;
export function countDistinct(
  of: string | ((record: never) => DistinctValue),
): Aggregate<never, number> {
  const input = inputOf(of, "record");
  return aggregate(`countDistinct(${inputText(input)})`, (context) => {
    inputType(input, context);
    return {
      input,
      inputKind: "any",
      columns: [{ name: "count", type: t.int64, initial: 0 }],
      children: [{ name: "values", kind: "set" }],
      resultType: t.int64,
      canMerge: true,
      isMergeExact: true,
      bindings: { text: (value: unknown) => distinctText(value, context.where) },
      update: ({ fields: [n], children: [set] }, value, bound) =>
        `if (${set.add(`${bound}.text(${value})`)}) { ${n.write(`${n.read} + 1`)} }`,
      merge: ({ fields: [n], children: [set] }, { children: [other] }) =>
        n.write(`${n.read} + ${set.addAll(other)}`),
      result: ({ fields: [n] }) => n.read,
    };
  });
}

/** What `countDistinct` can tell apart. */
export type DistinctValue = string | number | bigint | boolean | null | undefined;

/** One text per value; different values, also of different types, have different texts. */
function distinctText(value: unknown, where: string): string {
  switch (typeof value) {
    case "string":
      return `s${value}`;
    case "number":
      return Object.is(value, -0) ? "n-0" : `n${value}`;
    case "bigint":
      return `i${value}`;
    case "boolean":
      return `b${value}`;
    default:
      throw inputInvalid(where, "string, number, boolean or bigint", value);
  }
}

/**
 * All records, or one value of each, in the order in which they came (per pane).
 *
 * @example
 * // Its public name is `collectAll`.
 * const pages = collectAll((click: Click) => click.page);
 * clicks.keyBy("user").window(session("30m")).aggregate("paths", { pages });
 */
export function collect<T>(): Aggregate<T, readonly T[]>;
export function collect<T, V>(of: (record: T) => V, type?: Type<V>): Aggregate<T, readonly V[]>;
export function collect(
  of?: (record: never) => unknown,
  type?: Type<unknown>,
): Aggregate<never, readonly unknown[]> {
  const input = inputOf(of, "record");
  return aggregate(`collect(${inputText(input)})`, (context) => {
    const element = type ?? inputType(input, context);
    return {
      input,
      inputKind: "any",
      columns: [],
      children: [{ name: "values", kind: "list", type: element ?? t.any }],
      resultType: element && t.list(element),
      canMerge: true,
      isMergeExact: false,
      bindings: {},
      update: ({ children: [list] }, value) => `${list.add(value)};`,
      merge: ({ children: [list] }, { children: [other] }) => `${list.addAll(other)};`,
      result: ({ children: [list] }) => list.values,
    };
  });
}

export { aggregateFunction, reducing } from "./function-aggregates.ts";
export type { AggregateFunction } from "./function-aggregates.ts";
