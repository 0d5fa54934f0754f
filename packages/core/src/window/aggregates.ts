/*
 * The aggregates over numbers: `count sum min max avg`. Their accumulators are one or two
 * fixed-width columns, so a batch is folded in by one generated loop. Those over records:
 * `record-aggregates.ts`.
 *
 * Semantics: docs/semantics/windows.md, "Aggregates".
 */
import { t } from "../types/t.ts";
import type { Type, TypeKind } from "../types/type.ts";
import type {
  AccumulatorRef,
  Aggregate,
  AggregateInput,
  AggregatePart,
  CompileContext,
  HasField,
  HasNumber,
} from "./aggregate.ts";
import {
  inputInvalid,
  inputOf,
  inputText,
  inputType,
  sumOverflow,
  typeUnfit,
} from "./aggregate-input.ts";

type NumberOf<T> = (record: T) => number | null | undefined;
type BigintOf<T> = (record: T) => bigint | null | undefined;

/**
 * How many records; with an input, how many that have a value there.
 *
 * @example
 * const perOrigin = flights.keyBy("origin");
 * // `known` counts the flights whose delay is neither null nor undefined.
 * perOrigin.aggregate("totals", { flights: count(), known: count("delay") });
 */
export function count(): Aggregate<unknown, number>;
export function count<const F extends string>(field: F): Aggregate<HasField<F>, number>;
export function count<T>(of: (record: T) => unknown): Aggregate<T, number>;
export function count(of?: string | ((record: never) => unknown)): Aggregate<never, number> {
  const input = inputOf(of, "none");
  return aggregate(`count(${inputText(input)})`, (context) => {
    inputType(input, context);
    return {
      input,
      inputKind: input.kind === "none" ? "none" : "any",
      columns: [{ name: "count", type: t.int64, initial: 0 }],
      children: [],
      resultType: t.int64,
      canMerge: true,
      isMergeExact: true,
      bindings: {},
      update: ({ fields: [n] }) => n.write(`${n.read} + 1`),
      merge: ({ fields: [n] }, { fields: [m] }) => n.write(`${n.read} + ${m.read}`),
      result: ({ fields: [n] }) => n.read,
    };
  });
}

/**
 * The sum; 0 of nothing. Integers by declared type (int32, int64) are exact and fail with
 * `SUM_OVERFLOW`; all else is summed as float64. For bigints: `sumBigint`.
 *
 * @example
 * orders.keyBy("customer").aggregate("sums", { amount: sum("amount") });
 */
export function sum<const F extends string>(field: F): Aggregate<HasNumber<F>, number>;
export function sum<T>(of: NumberOf<T>): Aggregate<T, number>;
export function sum(of: string | NumberOf<never>): Aggregate<never, number> {
  const input = inputOf(of, "record");
  return aggregate(`sum(${inputText(input)})`, (context) => {
    const type = checkNumeric("sum", input, context);
    const isInteger = type?.kind === "int32" || type?.kind === "int64";
    return { ...(isInteger ? sumOfIntegers(context, type) : sumOfFloats(context)), input };
  });
}

/**
 * The sum of bigints in [−2^63, 2^63); 0n of nothing. Error `SUM_OVERFLOW` outside.
 *
 * @example
 * orders.keyBy("customer").aggregate("sums", { amount: sumBigint((o) => BigInt(o.amount)) });
 */
export function sumBigint<const F extends string>(
  field: F,
): Aggregate<HasField<F, bigint | null>, bigint>;
export function sumBigint<T>(of: BigintOf<T>): Aggregate<T, bigint>;
export function sumBigint(of: string | BigintOf<never>): Aggregate<never, bigint> {
  const input = inputOf(of, "record");
  return aggregate(`sumBigint(${inputText(input)})`, (context) => {
    const type = inputType(input, context);
    const fits = type === undefined || type.kind === "bigint64" || type.kind === "any";
    if (!fits) throw typeUnfit(context.where, `sumBigint(${inputText(input)})`, type);
    return { ...sumOfBigints(context), input };
  });
}

function sumOfFloats({ where }: CompileContext): Omit<AggregatePart, "input"> {
  return {
    inputKind: "number",
    columns: [{ name: "sum", type: t.float64, initial: 0 }],
    children: [],
    resultType: t.float64,
    canMerge: true,
    isMergeExact: false,
    bindings: { fail: (value: unknown) => inputInvalid(where, "number", value) },
    update: ({ fields: [s] }, value) => s.write(`${s.read} + ${value}`),
    merge: ({ fields: [s] }, { fields: [o] }) => s.write(`${s.read} + ${o.read}`),
    result: ({ fields: [s] }) => s.read,
  };
}

function sumOfIntegers(
  { where }: CompileContext,
  type: Type<unknown>,
): Omit<AggregatePart, "input"> {
  const overflow = (value: unknown): Error =>
    Number.isSafeInteger(value)
      ? sumOverflow(where, "int64 (whole numbers up to 2^53 − 1)", value)
      : inputInvalid(where, type.kind, value);
  const add = ({ fields: [s] }: AccumulatorRef, value: string, bound: string): string => `{
    const total = ${s.read} + ${value};
    if (!(total <= ${Number.MAX_SAFE_INTEGER} && total >= ${Number.MIN_SAFE_INTEGER})
      || total % 1 !== 0) throw ${bound}.overflow(${value});
    ${s.write("total")} }`;
  return {
    inputKind: "number",
    columns: [{ name: "sum", type: t.int64, initial: 0 }],
    children: [],
    resultType: t.int64,
    canMerge: true,
    isMergeExact: true,
    bindings: { overflow, fail: (value: unknown) => inputInvalid(where, type.kind, value) },
    update: add,
    merge: (accumulator, { fields: [o] }, bound) => add(accumulator, `(${o.read})`, bound),
    result: ({ fields: [s] }) => s.read,
  };
}

function sumOfBigints({ where }: CompileContext): Omit<AggregatePart, "input"> {
  const add = ({ fields: [s] }: AccumulatorRef, value: string, bound: string): string => `{
    const total = ${s.read} + ${value};
    if (BigInt.asIntN(64, total) !== total) throw ${bound}.overflow(${value});
    ${s.write("total")} }`;
  return {
    inputKind: "bigint",
    columns: [{ name: "sum", type: t.bigint64, initial: 0n }],
    children: [],
    resultType: t.bigint64,
    canMerge: true,
    isMergeExact: true,
    bindings: {
      overflow: (value: unknown) => sumOverflow(where, "bigint64", value),
      fail: (value: unknown) => inputInvalid(where, "bigint", value),
    },
    update: add,
    merge: (accumulator, { fields: [o] }, bound) => add(accumulator, `(${o.read})`, bound),
    result: ({ fields: [s] }) => s.read,
  };
}

/**
 * The smallest number; undefined of nothing. NaN is left out.
 *
 * @example
 * flights.keyBy("origin").aggregate("best", { delay: min("delay") });
 */
export function min<const F extends string>(field: F): Aggregate<HasNumber<F>, number | undefined>;
export function min<T>(of: NumberOf<T>): Aggregate<T, number | undefined>;
export function min(of: string | NumberOf<never>): Aggregate<never, number | undefined> {
  return extreme("min", of);
}

/**
 * The largest number; undefined of nothing. NaN is left out.
 *
 * @example
 * flights.keyBy("origin").aggregate("worst", { delay: max((flight) => flight.delay) });
 */
export function max<const F extends string>(field: F): Aggregate<HasNumber<F>, number | undefined>;
export function max<T>(of: NumberOf<T>): Aggregate<T, number | undefined>;
export function max(of: string | NumberOf<never>): Aggregate<never, number | undefined> {
  return extreme("max", of);
}

function extreme(
  name: "min" | "max",
  of: string | NumberOf<never>,
): Aggregate<never, number | undefined> {
  const input = inputOf(of, "record");
  // NaN stands for "nothing yet": no comparison with it holds, so the negated one takes any number.
  const keeps = name === "min" ? "<=" : ">=";
  const add = ({ fields: [e] }: AccumulatorRef, value: string): string => `{
    const candidate = ${value};
    if (!(${e.read} ${keeps} candidate) && candidate === candidate) { ${e.write("candidate")} } }`;
  return aggregate(`${name}(${inputText(input)})`, (context) => {
    const type = checkNumeric(name, input, context);
    return {
      input,
      inputKind: "number",
      columns: [{ name, type: t.float64, initial: Number.NaN }],
      children: [],
      resultType: t.optional(type ?? t.float64),
      canMerge: true,
      isMergeExact: true,
      bindings: { fail: (value: unknown) => inputInvalid(context.where, "number", value) },
      update: add,
      merge: (accumulator, { fields: [o] }) => add(accumulator, o.read),
      result: ({ fields: [e] }) => `(${e.read} === ${e.read} ? ${e.read} : undefined)`,
    };
  });
}

/**
 * The arithmetic mean as float64; undefined of nothing.
 *
 * @example
 * flights.keyBy("origin").window(tumbling("1h")).aggregate("mean", { delay: avg("delay") });
 */
export function avg<const F extends string>(field: F): Aggregate<HasNumber<F>, number | undefined>;
export function avg<T>(of: NumberOf<T>): Aggregate<T, number | undefined>;
export function avg(of: string | NumberOf<never>): Aggregate<never, number | undefined> {
  const input = inputOf(of, "record");
  return aggregate(`avg(${inputText(input)})`, (context) => {
    const type = checkNumeric("avg", input, context);
    return {
      input,
      inputKind: "number",
      columns: [
        { name: "sum", type: t.float64, initial: 0 },
        { name: "count", type: t.int64, initial: 0 },
      ],
      children: [],
      resultType: t.optional(t.float64),
      canMerge: true,
      // Sums of int32 stay below 2^53 for the first four million of the largest; then they round.
      isMergeExact: type?.kind === "int32",
      bindings: { fail: (value: unknown) => inputInvalid(context.where, "number", value) },
      update: ({ fields: [s, n] }, value) =>
        `${s.write(`${s.read} + ${value}`)} ${n.write(`${n.read} + 1`)}`,
      merge: ({ fields: [s, n] }, { fields: [os, on] }) =>
        `${s.write(`${s.read} + ${os.read}`)} ${n.write(`${n.read} + ${on.read}`)}`,
      result: ({ fields: [s, n] }) => `(${n.read} === 0 ? undefined : ${s.read} / ${n.read})`,
    };
  });
}

function checkNumeric(
  name: string,
  input: AggregateInput,
  context: CompileContext,
): Type<unknown> | undefined {
  const type = inputType(input, context);
  if (type === undefined || type.kind === "any") return undefined;
  if (!NUMERIC_KINDS.has(type.kind)) {
    throw typeUnfit(context.where, `${name}(${inputText(input)})`, type);
  }
  return type;
}

const NUMERIC_KINDS: ReadonlySet<TypeKind> = new Set<TypeKind>([
  "int32",
  "int64",
  "float64",
  "timestamp",
]);

/** Freezes a declaration. */
export function aggregate<T, R>(
  description: string,
  compile: (context: CompileContext) => AggregatePart,
): Aggregate<T, R> {
  return Object.freeze({ kind: "aggregate", description, compile });
}
