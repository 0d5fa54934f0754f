/*
 * Descriptors: keyed state as an operator declares it, before anything runs. Plain data: name (the
 * property under which it stands in the operator's `state`), kind, types, default and time to live.
 * The handles that a running function gets are declared here too; `handles` behind
 * `keyed-backend.ts` make them.
 *
 * Semantics: docs/semantics/state.md.
 */
import { checkNotRenamed } from "../types/t.ts";
import type { MapKey, Type } from "../types/type.ts";
import { type EvolutionOptions, evolutionOf, type StateEvolution } from "./state-evolution.ts";

/** Time to live of a state, in processing time. Parameters are not part of snapshots. */
export interface Ttl {
  /** How long a value lives after its last counted use, ms, ≥ 1. */
  readonly ttlMs: number;
  /** What counts as use. Default `onCreateAndWrite`. */
  readonly update?: "onCreateAndWrite" | "onReadAndWrite";
  /**
   * Whether a value that has expired but is still there may be returned. Default
   * `neverReturnExpired`.
   */
  readonly visibility?: "neverReturnExpired" | "returnExpiredIfNotCleanedUp";
}

/** Options that every state has; `T` is what `migrate` returns. */
export interface StateOptions<T = unknown> extends EvolutionOptions<T> {
  readonly ttl?: Ttl;
}

/** One value per key. `R` is what `get` returns: `T`, or `T | undefined` without a default. */
export interface ValueStateDescriptor<T, R = T | undefined> extends StateEvolution<T> {
  readonly kind: "value";
  readonly type: Type<T>;
  readonly default: T | undefined;
  readonly ttl: Ttl | undefined;
  /** Keeps `R` a part of the type. */
  readonly result?: R;
}

/** A list per key, in order of addition. TTL is per element. */
export interface ListStateDescriptor<T> extends StateEvolution<T> {
  readonly kind: "list";
  readonly type: Type<T>;
  readonly ttl: Ttl | undefined;
}

/** A map per key. TTL is per entry. */
export interface MapStateDescriptor<K extends MapKey, V> extends StateEvolution<V> {
  readonly kind: "map";
  readonly keyType: Type<K>;
  readonly type: Type<V>;
  readonly ttl: Ttl | undefined;
}

/** One value per key, combined with each value added. */
export interface ReducingStateDescriptor<T> extends StateEvolution<T> {
  readonly kind: "reducing";
  readonly type: Type<T>;
  readonly reduce: (left: T, right: T) => T;
  readonly ttl: Ttl | undefined;
}

/** How `aggregatingState` folds values; Flink's AggregateFunction. */
export interface StateAggregate<I, A, O> {
  readonly create: () => A;
  readonly add: (accumulator: A, value: I) => A;
  readonly result: (accumulator: A) => O;
  readonly merge?: (left: A, right: A) => A;
}

/** One accumulator per key. */
export interface AggregatingStateDescriptor<I, A, O> extends StateEvolution<A> {
  readonly kind: "aggregating";
  /** Type of the accumulator. */
  readonly type: Type<A>;
  readonly aggregate: StateAggregate<I, A, O>;
  readonly ttl: Ttl | undefined;
}

/** Any `ReducingStateDescriptor`. */
export interface AnyReducingStateDescriptor extends StateEvolution<unknown> {
  readonly kind: "reducing";
  readonly type: Type<unknown>;
  readonly reduce: (left: never, right: never) => unknown;
  readonly ttl: Ttl | undefined;
}

/** Any `AggregatingStateDescriptor`. */
export interface AnyAggregatingStateDescriptor extends StateEvolution<unknown> {
  readonly kind: "aggregating";
  readonly type: Type<unknown>;
  readonly aggregate: {
    readonly create: () => unknown;
    readonly add: (accumulator: never, value: never) => unknown;
    readonly result: (accumulator: never) => unknown;
    readonly merge?: (left: never, right: never) => unknown;
  };
  readonly ttl: Ttl | undefined;
}

/** Any descriptor, types forgotten. */
export type StateDescriptor =
  | ValueStateDescriptor<unknown, unknown>
  | ListStateDescriptor<unknown>
  | MapStateDescriptor<MapKey, unknown>
  | AnyReducingStateDescriptor
  | AnyAggregatingStateDescriptor;

/** What stands in an operator's `state`: name → descriptor. */
export type StateDescriptors = Readonly<Record<string, StateDescriptor>>;

/** Access to single fields of a struct: reads and writes the table itself, without an object. */
export type FieldsOf<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The value of the current key. What `get` returns is never written back unless it is set; it is
 * immutable (frozen where the Env verifies).
 */
export interface ValueState<T, R = T | undefined> {
  /** The value; the default, or undefined without one, where there is none. */
  get(): R;
  set(value: T): void;
  clear(): void;
  /** Whether a value is set, the default not counted. */
  has(): boolean;
  /**
   * Struct states only: each property reads and writes that field of the current key directly.
   * Writing one field where no value is set sets the others to the default's or, without one, to
   * zero values.
   */
  readonly fields: FieldsOf<T>;
}

/** The list of the current key. */
export interface ListState<T> {
  add(value: T): void;
  addAll(values: Iterable<T>): void;
  /** The elements, oldest first; read lazily, so the list must not change meanwhile. */
  get(): Iterable<T>;
  /** Replaces all elements. */
  update(values: Iterable<T>): void;
  clear(): void;
  /** Elements, expired ones that are still there included. */
  readonly size: number;
}

/**
 * The map of the current key. Order of iteration: of insertion, and unspecified after a restore.
 */
export interface MapState<K extends MapKey, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): void;
  has(key: K): boolean;
  /** Whether there was an entry. */
  delete(key: K): boolean;
  /** Read lazily; entries other than the current one must not be deleted meanwhile. */
  keys(): Iterable<K>;
  values(): Iterable<V>;
  entries(): Iterable<readonly [K, V]>;
  clear(): void;
  /** Entries, expired ones that are still there included. */
  readonly size: number;
}

/** The combined value of the current key. */
export interface ReducingState<T> {
  add(value: T): void;
  get(): T | undefined;
  clear(): void;
}

/** The aggregate of the current key. */
export interface AggregatingState<I, O> {
  add(value: I): void;
  /** Undefined before the first `add`. */
  get(): O | undefined;
  clear(): void;
}

/** Handle type of a descriptor. */
export type HandleOf<D> =
  D extends ValueStateDescriptor<infer T, infer R>
    ? ValueState<T, R>
    : D extends ListStateDescriptor<infer T>
      ? ListState<T>
      : D extends MapStateDescriptor<infer K, infer V>
        ? MapState<K, V>
        : D extends AggregatingStateDescriptor<infer I, infer _A, infer O>
          ? AggregatingState<I, O>
          : D extends ReducingStateDescriptor<infer T>
            ? ReducingState<T>
            : never;

/** Handles of all states of an operator. */
export type HandlesOf<S extends StateDescriptors> = { readonly [N in keyof S]: HandleOf<S[N]> };

/**
 * Declares a state with one value per key. With `default` (an option, or of `t.withDefault`), `get`
 * never returns undefined.
 *
 * @example
 * orders.keyBy("customer").process("totals", {
 *   state: { total: valueState(t.struct({ orders: t.int32, sum: t.int64 })) },
 *   process(order, { key, state: { total }, emit }) {
 *     total.fields.orders += 1;
 *     total.fields.sum += order.amount;
 *     emit({ customer: key, ...total.get() });
 *   },
 * });
 *
 * @example
 * // The state was called `sum`, and held whole euros. `migrate` sees each value once.
 * const cents = valueState(t.int64, {
 *   aliases: ["sum"],
 *   version: 1,
 *   migrate: (old, fromVersion) => (fromVersion === 0 ? (old as number) * 100 : (old as number)),
 * });
 * orders.keyBy("customer").process("spent", {
 *   state: { cents },
 *   process({ customer, amount }, { state, emit }) {
 *     state.cents.set((state.cents.get() ?? 0) + amount);
 *     emit({ customer, cents: state.cents.get() });
 *   },
 * });
 */
export function valueState<T>(
  type: Type<T> & { readonly defaultValue: T },
  options?: StateOptions<NoInfer<T>>,
): ValueStateDescriptor<T, T>;
export function valueState<T>(
  type: Type<T>,
  options: StateOptions<NoInfer<T>> & { readonly default: NoInfer<T> },
): ValueStateDescriptor<T, T>;
export function valueState<T>(
  type: Type<T>,
  options?: StateOptions<NoInfer<T>>,
): ValueStateDescriptor<T, T | undefined>;
export function valueState<T>(
  type: Type<T> & { readonly defaultValue?: T },
  options: StateOptions<T> & { readonly default?: T } = {},
): ValueStateDescriptor<T, T | undefined> {
  const value = options.default ?? type.defaultValue;
  const evolution = evolutionOf(type, options);
  return Object.freeze({ kind: "value", type, default: value, ttl: options.ttl, ...evolution });
}

/**
 * Declares a list per key.
 *
 * @example
 * clicks.keyBy("user").process("last-pages", {
 *   state: { pages: listState(t.string) },
 *   process({ page }, { key, state: { pages }, emit }) {
 *     pages.update([...pages.get(), page].slice(-3));
 *     emit({ user: key, pages: [...pages.get()] });
 *   },
 * });
 */
export function listState<T>(
  type: Type<T>,
  options: StateOptions<NoInfer<T>> = {},
): ListStateDescriptor<T> {
  return Object.freeze({ kind: "list", type, ttl: options.ttl, ...evolutionOf(type, options) });
}

/**
 * Declares a map per key.
 *
 * @example
 * clicks.keyBy("user").process("visits", {
 *   state: { visits: mapState(t.string, t.int32, { ttl: { ttlMs: 86_400_000 } }) },
 *   process({ user, page }, { state: { visits }, emit }) {
 *     const count = (visits.get(page) ?? 0) + 1;
 *     visits.set(page, count);
 *     emit({ user, page, count });
 *   },
 * });
 */
export function mapState<K extends MapKey, V>(
  keyType: Type<K>,
  type: Type<V>,
  options: StateOptions<NoInfer<V>> = {},
): MapStateDescriptor<K, V> {
  checkNotRenamed(keyType, "as the key of a map state");
  const evolution = evolutionOf(type, options);
  return Object.freeze({ kind: "map", keyType, type, ttl: options.ttl, ...evolution });
}

/**
 * Declares a value per key that is combined with each value added.
 *
 * @example
 * orders.keyBy("customer").process("largest", {
 *   state: { largest: reducingState(t.int32, Math.max) },
 *   process({ customer, amount }, { state: { largest }, emit }) {
 *     largest.add(amount);
 *     emit({ customer, largest: largest.get() });
 *   },
 * });
 */
export function reducingState<T>(
  type: Type<T>,
  reduce: (left: T, right: T) => T,
  options: StateOptions<NoInfer<T>> = {},
): ReducingStateDescriptor<T> {
  const evolution = evolutionOf(type, options);
  return Object.freeze({ kind: "reducing", type, reduce, ttl: options.ttl, ...evolution });
}

/**
 * Declares an accumulator per key; `type` is the accumulator's.
 *
 * @example
 * const span = aggregatingState(t.struct({ from: t.int32, to: t.int32 }), {
 *   create: () => ({ from: 2 ** 31 - 1, to: 0 }),
 *   add: (span, amount: number) => ({
 *     from: Math.min(span.from, amount),
 *     to: Math.max(span.to, amount),
 *   }),
 *   result: (span) => span.to - span.from,
 * });
 * orders.keyBy("customer").process("spans", {
 *   state: { span },
 *   process({ customer, amount }, { state, emit }) {
 *     state.span.add(amount);
 *     emit({ customer, span: state.span.get() });
 *   },
 * });
 */
export function aggregatingState<I, A, O>(
  type: Type<A>,
  aggregate: StateAggregate<I, A, O>,
  options: StateOptions<NoInfer<A>> = {},
): AggregatingStateDescriptor<I, A, O> {
  const evolution = evolutionOf(type, options);
  return Object.freeze({ kind: "aggregating", type, aggregate, ttl: options.ttl, ...evolution });
}
