/**
 * Process functions: what users write when map, aggregate and windows are not enough. Plain objects
 * with functions; one object serves all subtasks of a thread, so what must be kept goes into
 * declared state, never into variables.
 *
 * Call order of the functions of one subtask: `open`, then `process` and `onTimer` in any order,
 * `end` when the input has ended. All run on the task's thread, one at a time. Throwing fails the
 * attempt (USER_FUNCTION_FAILED); it restarts from the latest checkpoint.
 */
import type { HandlesOf, StateDescriptors } from "../state/descriptors.ts";
import type { OperatorStateDescriptors, OperatorStateHandles } from "../state/operator-state.ts";

/** A named further output of a process function; make it with `sideOutput`. */
export interface SideOutputTag<T> {
  readonly kind: "side-output";
  readonly name: string;
  /** Keeps `T` a part of the type. */
  readonly record?: T;
}

/**
 * Names a side output.
 *
 * @example
 * const large = sideOutput<Order>("large");
 * const all = orders.process<never>("split", {
 *   process(order, context) {
 *     if (order.amount > 100) context.output(large, order);
 *   },
 * });
 * all.sideOutput(large);
 */
export function sideOutput<T>(name: string): SideOutputTag<T> {
  return Object.freeze({ kind: "side-output", name });
}

/** What every process function can reach. Valid only during the call. */
export interface ProcessContext<Out> {
  /** Event time of the current record or timer, ms; undefined where records have none. */
  readonly timestamp: number | undefined;
  /** The operator's watermark, ms; -Infinity before the first. */
  readonly watermark: number;
  /** Processing time, ms. */
  readonly processingTime: number;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  /** Emits a record with the current timestamp. May be taken out of the context: `{ emit }`. */
  readonly emit: (record: Out) => void;
  /** Emits into a side output, likewise. */
  readonly output: <T>(tag: SideOutputTag<T>, record: T) => void;
}

/** A context with operator state: lists that belong to the subtask, not to a key. */
export interface OperatorStateContext<
  Out,
  O extends OperatorStateDescriptors,
> extends ProcessContext<Out> {
  readonly operatorState: OperatorStateHandles<O>;
}

/** A process function without keys. */
export interface ProcessFunction<
  In,
  Out,
  O extends OperatorStateDescriptors = Record<never, never>,
> {
  /** Operator state by name: `operatorListState(…)`, `unionListState(…)`. */
  readonly operatorState?: O;
  open?(context: OperatorStateContext<Out, O>): void;
  process(record: In, context: OperatorStateContext<Out, O>): void;
  end?(context: OperatorStateContext<Out, O>): void;
}

/**
 * Timers of the current key. A timer is there once, however often it is registered. Times in ms.
 */
export interface Timers {
  registerEventTime(timestamp: number): void;
  registerProcessingTime(timestamp: number): void;
  deleteEventTime(timestamp: number): void;
  deleteProcessingTime(timestamp: number): void;
}

/** A context with a current key. */
export interface KeyedProcessContext<
  K,
  S extends StateDescriptors,
  Out,
> extends ProcessContext<Out> {
  readonly key: K;
  /** The declared states, each bound to the current key. */
  readonly state: HandlesOf<S>;
  readonly timers: Timers;
}

/** A timer that fires. */
export interface FiredTimer {
  readonly timestamp: number;
  readonly time: "event" | "processing";
}

/** A process function on a keyed stream. */
export interface KeyedProcessFunction<
  K,
  In,
  Out,
  S extends StateDescriptors = Record<never, never>,
> {
  /** Keyed state by name: `valueState(…)`, `listState(…)`, … */
  readonly state?: S;
  process(record: In, context: KeyedProcessContext<K, S, Out>): void;
  onTimer?(timer: FiredTimer, context: KeyedProcessContext<K, S, Out>): void;
}

/** A process function over two streams. */
export interface CoProcessFunction<
  A,
  B,
  Out,
  O extends OperatorStateDescriptors = Record<never, never>,
> {
  readonly operatorState?: O;
  open?(context: OperatorStateContext<Out, O>): void;
  processFirst(record: A, context: OperatorStateContext<Out, O>): void;
  processSecond(record: B, context: OperatorStateContext<Out, O>): void;
  end?(context: OperatorStateContext<Out, O>): void;
}

/** A process function over two streams with the same key. */
export interface KeyedCoProcessFunction<
  K,
  A,
  B,
  Out,
  S extends StateDescriptors = Record<never, never>,
> {
  readonly state?: S;
  processFirst(record: A, context: KeyedProcessContext<K, S, Out>): void;
  processSecond(record: B, context: KeyedProcessContext<K, S, Out>): void;
  onTimer?(timer: FiredTimer, context: KeyedProcessContext<K, S, Out>): void;
}
