/*
 * Triggers: when a window gives its result.
 *
 * Owns: the contract of triggers and the declaration of custom ones; the built-in ones are in
 * `triggers.ts`. State that a trigger keeps per key and window is declared, and lies in columns
 * beside the accumulator. Semantics: docs/semantics/windows.md, "Triggers".
 *
 * I1. A trigger has no fields that change: everything per window is in its declared state.
 * I2. A trigger can be used with windows that merge if and only if each of its states says how it
 *     merges and it has `onMerge`; otherwise that is an error when the graph is built.
 */
import type { Type } from "../types/type.ts";
import type { TimeWindow } from "./assigner.ts";

/** What a trigger decides: bits, so that two decisions can be joined with `|`. */
export type TriggerResult = 0 | 1 | 2 | 3;
/** Nothing happens. */
export const CONTINUE = 0;
/** The window gives its result and keeps its contents. */
export const FIRE = 1;
/** The window loses its contents, not its timers. */
export const PURGE = 2;
/** Both, in this order. */
export const FIRE_AND_PURGE = 3;

/** One state of a trigger: a column per key and window. */
export interface TriggerState<V> {
  readonly type: Type<V>;
  /** What it holds before it is set. */
  readonly initial: V;
  /** The state of a merged window; required for windows that merge (sessions). */
  readonly merge?: (a: V, b: V) => V;
}

/** The states of a trigger by name. */
export type TriggerStates = Readonly<Record<string, TriggerState<never>>>;

/** The values of the states, to read and to assign: `context.state.seen += 1`. */
export type TriggerValues<S> = {
  -readonly [K in keyof S]: S[K] extends { readonly type: Type<infer V> } ? V : never;
};

/** What a trigger sees of the window of one key. Valid only during the call. */
export interface TriggerContext<V = Record<string, unknown>> {
  readonly window: TimeWindow;
  /** `NO_WATERMARK` before the first. */
  readonly currentWatermark: number;
  /** ms since the epoch. */
  readonly currentProcessingTime: number;
  readonly state: V;
  /**
   * Calls `onEventTime(timestamp)` when the watermark reaches it; the same one again is one timer.
   */
  registerEventTimeTimer(timestamp: number): void;
  deleteEventTimeTimer(timestamp: number): void;
  /** Calls `onProcessingTime(timestamp)` when the clock reaches it. */
  registerProcessingTimeTimer(timestamp: number): void;
  deleteProcessingTimeTimer(timestamp: number): void;
}

/**
 * A trigger. Per key and window, `onRecord` is called after each record was added; `onEventTime`
 * and `onProcessingTime` when a timer that it registered is due; `onMerge` after windows were
 * merged into the context's window, with the states merged already and the timers of the old
 * windows to be registered anew; `clear` when the window goes, to delete timers (states go by
 * themselves).
 */
export interface Trigger<T = unknown> {
  readonly kind: TriggerKind;
  /** For `explain()`. */
  readonly description: string;
  readonly state: TriggerStates;
  onRecord(record: T, timestamp: number, context: TriggerContext): TriggerResult;
  onEventTime(timestamp: number, context: TriggerContext): TriggerResult;
  onProcessingTime(timestamp: number, context: TriggerContext): TriggerResult;
  onMerge?(context: TriggerContext): void;
  clear(context: TriggerContext): void;
}

/** Which trigger it is; the engine has faster ways for the first two. */
export type TriggerKind =
  | "event-time"
  | "processing-time"
  | "count"
  | "purging"
  | "continuous-event-time"
  | "continuous-processing-time"
  | "never"
  | "custom";

/** What a custom trigger declares; functions that are left out continue. See `Trigger`. */
export interface CustomTriggerDefinition<T, S> {
  /** For `explain()`; default "custom". */
  readonly description?: string;
  readonly state?: S;
  onRecord?(record: T, timestamp: number, context: TriggerContext<TriggerValues<S>>): TriggerResult;
  onEventTime?(timestamp: number, context: TriggerContext<TriggerValues<S>>): TriggerResult;
  onProcessingTime?(timestamp: number, context: TriggerContext<TriggerValues<S>>): TriggerResult;
  onMerge?(context: TriggerContext<TriggerValues<S>>): void;
  clear?(context: TriggerContext<TriggerValues<S>>): void;
}

/**
 * A trigger of one's own.
 *
 * @example
 * const whenLarge = customTrigger({
 *   state: { total: { type: t.float64, initial: 0 } },
 *   onRecord: (order: { amount: number }, _timestamp, { state }) => {
 *     state.total += order.amount;
 *     return state.total > 100 ? FIRE_AND_PURGE : CONTINUE;
 *   },
 * });
 * const windows = orders.keyBy("customer").window(global()).trigger(whenLarge);
 * windows.aggregate("batches", { orders: count() });
 */
export function customTrigger<
  T,
  const S extends Readonly<
    Record<string, { readonly type: Type<unknown>; readonly initial: unknown }>
  >,
>(definition: CustomTriggerDefinition<T, S>): Trigger<T> {
  const own = definition as unknown as CustomTriggerDefinition<T, Record<string, never>>;
  const as = (context: TriggerContext) => context as unknown as TriggerContext<never>;
  return Object.freeze({
    kind: "custom",
    description: definition.description ?? "custom",
    state: Object.freeze({ ...definition.state }) as unknown as TriggerStates,
    onRecord: (record: T, timestamp: number, context: TriggerContext) =>
      own.onRecord?.(record, timestamp, as(context)) ?? CONTINUE,
    onEventTime: (timestamp: number, context: TriggerContext) =>
      own.onEventTime?.(timestamp, as(context)) ?? CONTINUE,
    onProcessingTime: (timestamp: number, context: TriggerContext) =>
      own.onProcessingTime?.(timestamp, as(context)) ?? CONTINUE,
    ...(own.onMerge === undefined
      ? {}
      : { onMerge: (context: TriggerContext) => own.onMerge?.(as(context)) }),
    clear: (context: TriggerContext) => own.clear?.(as(context)),
  });
}

/** Whether the trigger may be used with windows that merge; see I2. */
export function canMerge(trigger: Trigger<never>): boolean {
  const states = Object.values(trigger.state);
  return trigger.onMerge !== undefined && states.every((state) => state.merge !== undefined);
}
