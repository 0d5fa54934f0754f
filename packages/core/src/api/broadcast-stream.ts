/**
 * BroadcastStream: a stream of which every subtask of the operator behind it gets every record,
 * with the broadcast state that the operator keeps of it; and what a stream becomes by connecting
 * with one.
 */
import type { KeySpec } from "../columns/key-extractor.ts";
import type {
  BroadcastProcessFunction,
  KeyedBroadcastProcessFunction,
} from "../operators/broadcast-function.ts";
import { KeyedBroadcastOperator } from "../operators/keyed-broadcast-operator.ts";
import type { KeyedBroadcastFunctions } from "../operators/keyed-broadcast-operator.ts";
import { ProcessOperator } from "../operators/process-operator.ts";
import type { ProcessFunctions } from "../operators/process-operator.ts";
import type { BroadcastStateDescriptors } from "../state/broadcast-state.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import type { OperatorStateDescriptors } from "../state/operator-state.ts";
import type { Type } from "../types/type.ts";
import { DataStream } from "./data-stream.ts";
import {
  describeBroadcastStates,
  describeKeyedStates,
  describeOperatorStates,
} from "./state-descriptions.ts";
import { checkFunction, draftNode, edgesFrom } from "./stream-base.ts";
import type { OperatorOptions, StreamPlace } from "./stream-base.ts";

/** See the file header. It can only be connected with. */
export class BroadcastStream<out T, out B extends BroadcastStateDescriptors> {
  /** Where the handle stands, and its states; for other handles only. */
  readonly place: StreamPlace<T>;
  readonly states: B;

  constructor(place: StreamPlace<T>, states: B) {
    this.place = place;
    this.states = states;
  }

  /** Edges into the second input of an operator. */
  edges(): ReturnType<typeof edgesFrom> {
    return edgesFrom(this.place, 1, { kind: "broadcast" });
  }
}

/** A stream without keys, beside a broadcast one. */
export class BroadcastConnectedStream<A, T, B extends BroadcastStateDescriptors> {
  readonly #main: StreamPlace<A>;
  readonly #broadcast: BroadcastStream<T, B>;

  constructor(main: StreamPlace<A>, broadcast: BroadcastStream<T, B>) {
    this.#main = main;
    this.#broadcast = broadcast;
  }

  /**
   * Runs a process function with a broadcast side. `uid` names its state in snapshots.
   *
   * @example
   * const blocked = clicks.broadcast({ users: broadcastState(t.string, t.bool) });
   * orders.connect(blocked).process<Order>("allowed", {
   *   process(order, { broadcastState: { users }, emit }) {
   *     if (!users.has(order.customer)) emit(order);
   *   },
   *   processBroadcast: ({ user }, { broadcastState: { users } }) => users.set(user, true),
   * });
   */
  process<R, O extends OperatorStateDescriptors = Record<never, never>>(
    uid: string,
    definition: BroadcastProcessFunction<A, T, R, B, O>,
    options: Omit<OperatorOptions, "uid"> & { readonly type?: Type<R> } = {},
  ): DataStream<R> {
    checkBothSides(uid, definition);
    const operatorState: OperatorStateDescriptors = definition.operatorState ?? {};
    const { states: broadcastState } = this.#broadcast;
    const functions = {
      operatorState,
      broadcastState,
      open: definition.open?.bind(definition),
      process: [definition.process.bind(definition), definition.processBroadcast.bind(definition)],
      end: definition.end?.bind(definition),
    } as unknown as ProcessFunctions;
    const { builder } = this.#main;
    const node = builder.add(
      draftNode({
        uid,
        kind: "broadcastProcess",
        parallelism: options.parallelism,
        inputs: [...edgesFrom(this.#main, 0), ...this.#broadcast.edges()],
        states: [
          ...describeOperatorStates(uid, operatorState),
          ...describeBroadcastStates(uid, broadcastState, operatorState),
        ],
        body: { kind: "operator", create: (context) => new ProcessOperator(context, functions) },
      }),
    );
    return new DataStream<R>({ builder, node, recordType: options.type });
  }
}

/** A keyed stream beside a broadcast one. */
export class BroadcastConnectedKeyedStream<A, K, T, B extends BroadcastStateDescriptors> {
  readonly #main: { readonly place: StreamPlace<A>; readonly key: KeySpec };
  readonly #broadcast: BroadcastStream<T, B>;

  constructor(
    main: { readonly place: StreamPlace<A>; readonly key: KeySpec },
    broadcast: BroadcastStream<T, B>,
  ) {
    this.#main = main;
    this.#broadcast = broadcast;
  }

  /**
   * Runs a keyed process function with a broadcast side. `uid` names its state in snapshots.
   *
   * @example
   * const paid = payments.broadcast({ paid: broadcastState(t.int32, t.int32) });
   * orders.keyBy("customer").connect(paid).process("balances", {
   *   state: { ordered: valueState(t.int32, { default: 0 }) },
   *   process(order, { key, state: { ordered }, broadcastState, emit }) {
   *     ordered.set(ordered.get() + order.amount);
   *     emit(`${key} ${ordered.get()} ${broadcastState.paid.get(order.id)}`);
   *   },
   *   processBroadcast(payment, { broadcastState, applyToKeyedState }) {
   *     broadcastState.paid.set(payment.order, payment.paid);
   *     applyToKeyedState((_customer, { ordered }) => ordered.set(0));
   *   },
   * }, emits<string>());
   */
  process<R, S extends StateDescriptors = Record<never, never>>(
    uid: string,
    definition: KeyedBroadcastProcessFunction<K, A, T, R, B, S>,
    options: Omit<OperatorOptions, "uid"> & { readonly type?: Type<R> } = {},
  ): DataStream<R> {
    checkBothSides(uid, definition);
    const state: StateDescriptors = definition.state ?? {};
    const { states: broadcastState } = this.#broadcast;
    const { place, key } = this.#main;
    const parts = {
      key,
      state,
      broadcastState,
      functions: {
        process: [definition.process.bind(definition)],
        onTimer: definition.onTimer?.bind(definition),
      },
      processBroadcast: definition.processBroadcast.bind(definition),
    } as unknown as KeyedBroadcastFunctions;
    const node = place.builder.add(
      draftNode({
        uid,
        kind: "keyedBroadcastProcess",
        parallelism: options.parallelism,
        inputs: [...edgesFrom(place, 0, { kind: "hash", key }), ...this.#broadcast.edges()],
        key,
        states: [
          ...describeKeyedStates(uid, state),
          ...describeBroadcastStates(uid, broadcastState, state),
        ],
        body: {
          kind: "operator",
          create: (context) => new KeyedBroadcastOperator(context, parts),
        },
      }),
    );
    return new DataStream<R>({ builder: place.builder, node, recordType: options.type });
  }
}

function checkBothSides(
  uid: string,
  { process, processBroadcast }: { readonly process: unknown; readonly processBroadcast: unknown },
): void {
  checkFunction(`process of "${uid}"`, process);
  checkFunction(`processBroadcast of "${uid}"`, processBroadcast);
}
