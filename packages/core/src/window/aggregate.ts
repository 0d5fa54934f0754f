/*
 * Aggregates: the contract between what users write (`count()`, `avg("delay")`) and what the engine
 * compiles into loops over table fields.
 *
 * An aggregate is a declaration. For a record type it gives an `AggregatePart`: the columns of its
 * accumulator, and JavaScript source that updates, merges and reads them. The source names no
 * table: columns come as `FieldRef`s, so one aggregate works on rows of a table, on columns of a
 * pane and on plain objects. Nothing here knows of windows: `keyBy().aggregate()` uses the same
 * plans.
 *
 * I1. An accumulator with its initial values is the neutral element of `merge`.
 * I2. `update`, `merge` and `result` touch only the columns and children of their part.
 * I3. `null` and `undefined` inputs are left out, as SQL does; any other value that does not fit is
 *     an error `AGGREGATE_INPUT_INVALID` with uid, output and value.
 */
import type { Type } from "../types/type.ts";

/** Where an aggregate's input comes from. */
export type AggregateInput =
  | { readonly kind: "none" }
  | { readonly kind: "record" }
  | { readonly kind: "field"; readonly field: string }
  | { readonly kind: "function"; readonly of: (record: unknown) => unknown };

/** A column of the accumulator. */
export interface AccumulatorColumn {
  /** Unique in the part. */
  readonly name: string;
  readonly type: Type<unknown>;
  readonly initial: unknown;
}

/** Many values of one accumulator: a list in order of addition, or a set of strings. */
export type AccumulatorChild =
  | { readonly name: string; readonly kind: "list"; readonly type: Type<unknown> }
  | { readonly name: string; readonly kind: "set" };

/** A column in generated code. */
export interface FieldRef {
  /** An expression. */
  readonly read: string;
  /** A statement that stores the value of an expression. */
  write(expression: string): string;
}

/** A child in generated code; all members give expressions. */
export interface ChildRef {
  /** Lists: adds at the end. Sets: adds and says whether it is new. */
  add(value: string): string;
  /** Adds all values of the same child of another accumulator; gives how many were new. */
  addAll(other: ChildRef): string;
  /** An array of all values. */
  readonly values: string;
}

/** One accumulator in generated code. */
export interface AccumulatorRef {
  readonly fields: readonly FieldRef[];
  readonly children: readonly ChildRef[];
}

/** An aggregate compiled for a record type; see the file header. */
export interface AggregatePart {
  readonly input: AggregateInput;
  /**
   * What `update` is given: numbers and bigints are checked before, "any" is never null or
   * undefined.
   */
  readonly inputKind: "none" | "number" | "bigint" | "any";
  readonly columns: readonly AccumulatorColumn[];
  readonly children: readonly AccumulatorChild[];
  /** Undefined where the type of the result is not known. */
  readonly resultType: Type<unknown> | undefined;
  readonly canMerge: boolean;
  /** Whether the result is the same however the input was split; not so for sums of floats. */
  readonly isMergeExact: boolean;
  /** Functions and values that the source refers to as properties of `bound`. */
  readonly bindings: Readonly<Record<string, unknown>>;
  /** Statements. `value` and `bound` are identifiers. */
  update(accumulator: AccumulatorRef, value: string, bound: string): string;
  /** Statements that add `other` to `accumulator`; only if `canMerge`. */
  merge(accumulator: AccumulatorRef, other: AccumulatorRef, bound: string): string;
  /** An expression. */
  result(accumulator: AccumulatorRef, bound: string): string;
}

/** What an aggregate knows when it is compiled. */
export interface CompileContext {
  /** Operator and output, for messages: `operator "delays", output "total"`. */
  readonly where: string;
  /** Declared type of the records, if any. */
  readonly recordType: Type<unknown> | undefined;
}

/** A declared aggregate over records of type `T` with a result of type `R`. Frozen. */
export interface Aggregate<in T, out R> {
  readonly kind: "aggregate";
  /** For `explain()`: `avg(delay)`. */
  readonly description: string;
  compile(context: CompileContext): AggregatePart;
  /** Never called; they make `T` and `R` parts of the type. */
  readonly accepts?: (record: T) => void;
  readonly gives?: () => R;
}

/** Named aggregates: `{ flights: count(), delay: avg("delay") }`. */
export type AggregateSpec<T> = Readonly<Record<string, Aggregate<T, unknown>>>;

/** The result of a spec: one property per aggregate. */
export type AggregateResult<S> = {
  readonly [K in keyof S]: S[K] extends Aggregate<never, infer R> ? R : never;
};

/** Records that have a numeric field `F`; `null` and `undefined` are left out. */
export type HasNumber<F extends string> = {
  readonly [K in F]?: number | null | undefined;
};
/** Records that have a field `F`. */
export type HasField<F extends string, V = unknown> = { readonly [K in F]?: V | undefined };
