/**
 * Process functions with a broadcast side: one stream, keyed or not, and beside it a stream of
 * which every subtask gets every record. Flink's BroadcastProcessFunction and
 * KeyedBroadcastProcessFunction.
 *
 * `processBroadcast` runs in every subtask with every broadcast record, and is where broadcast
 * state is written; all else only reads it. For the copies to be equal it must do the same in every
 * subtask: what it writes may hang on the record and on broadcast state alone, neither on the
 * subtask nor on the order between the two inputs. What it emits is emitted by every subtask.
 * Semantics: docs/semantics/operators.md, "Broadcast state".
 */
import type {
  BroadcastHandlesOf,
  BroadcastStateDescriptors,
  ReadOnlyBroadcastHandlesOf,
} from "../state/broadcast-state.ts";
import type { HandlesOf, StateDescriptors } from "../state/descriptors.ts";
import type { OperatorStateDescriptors } from "../state/operator-state.ts";
import type {
  FiredTimer,
  KeyedProcessContext,
  OperatorStateContext,
  ProcessContext,
} from "./process-function.ts";

/** A context of the side that is not broadcast. */
export interface ReadOnlyBroadcastContext<
  Out,
  B extends BroadcastStateDescriptors,
  O extends OperatorStateDescriptors,
> extends OperatorStateContext<Out, O> {
  /** The states that the broadcast stream was given, by name. */
  readonly broadcastState: ReadOnlyBroadcastHandlesOf<B>;
}

/** A context of the broadcast side. */
export interface BroadcastContext<
  Out,
  B extends BroadcastStateDescriptors,
  O extends OperatorStateDescriptors,
> extends OperatorStateContext<Out, O> {
  readonly broadcastState: BroadcastHandlesOf<B>;
}

/** A process function over a stream without keys and a broadcast one. */
export interface BroadcastProcessFunction<
  In,
  Broadcast,
  Out,
  B extends BroadcastStateDescriptors,
  O extends OperatorStateDescriptors = Record<never, never>,
> {
  /** Operator state by name: `operatorListState(…)`, `unionListState(…)`. */
  readonly operatorState?: O;
  open?(context: ReadOnlyBroadcastContext<Out, B, O>): void;
  process(record: In, context: ReadOnlyBroadcastContext<Out, B, O>): void;
  processBroadcast(record: Broadcast, context: BroadcastContext<Out, B, O>): void;
  end?(context: ReadOnlyBroadcastContext<Out, B, O>): void;
}

/** A context with a current key, and broadcast state to read. */
export interface KeyedReadOnlyBroadcastContext<
  K,
  S extends StateDescriptors,
  Out,
  B extends BroadcastStateDescriptors,
> extends KeyedProcessContext<K, S, Out> {
  readonly broadcastState: ReadOnlyBroadcastHandlesOf<B>;
}

/** A context of the broadcast side of a keyed operator: there is no current key. */
export interface KeyedBroadcastContext<
  K,
  S extends StateDescriptors,
  Out,
  B extends BroadcastStateDescriptors,
> extends ProcessContext<Out> {
  readonly broadcastState: BroadcastHandlesOf<B>;
  /**
   * Calls `visit` for every key of the subtask that has state, in no order, with the handles bound
   * to it; they may be written. All keys are visited before it returns, so it takes as long as
   * there are keys.
   */
  applyToKeyedState(visit: (key: K, state: HandlesOf<S>) => void): void;
}

/** A process function over a keyed stream and a broadcast one. */
export interface KeyedBroadcastProcessFunction<
  K,
  In,
  Broadcast,
  Out,
  B extends BroadcastStateDescriptors,
  S extends StateDescriptors = Record<never, never>,
> {
  /** Keyed state by name: `valueState(…)`, `listState(…)`, … */
  readonly state?: S;
  process(record: In, context: KeyedReadOnlyBroadcastContext<K, S, Out, B>): void;
  processBroadcast(record: Broadcast, context: KeyedBroadcastContext<K, S, Out, B>): void;
  onTimer?(timer: FiredTimer, context: KeyedReadOnlyBroadcastContext<K, S, Out, B>): void;
}
