/**
 * ConnectedStreams: two streams of different types for one operator with two inputs, with or
 * without keys.
 */
import { KeyedProcessLogic } from "../operators/keyed-process-operator.ts";
import type { KeyedProcessFunctions } from "../operators/keyed-process-operator.ts";
import { ProcessOperator } from "../operators/process-operator.ts";
import type { ProcessFunctions } from "../operators/process-operator.ts";
import type { CoProcessFunction, KeyedCoProcessFunction } from "../operators/process-function.ts";
import { backendFor } from "../operators/keyed-operator.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import type { OperatorStateDescriptors } from "../state/operator-state.ts";
import type { Type } from "../types/type.ts";
import type { WindowAssigner } from "../window/assigner.ts";
import { ConnectedWindowedStreams } from "./connected-windowed-streams.ts";
import { DataStream } from "./data-stream.ts";
import { pairNode } from "./keyed-pair.ts";
import type { KeyedPair } from "./keyed-pair.ts";
import { describeKeyedStates, describeOperatorStates } from "./state-descriptions.ts";
import { callAfter, draftNode, edgesFrom, refuse } from "./stream-base.ts";
import type { OperatorOptions, StreamPlace } from "./stream-base.ts";
import { checkAssigner } from "./windowed-stream.ts";

/** Two streams side by side. */
export class ConnectedStreams<A, B> {
  readonly #first: StreamPlace<A>;
  readonly #second: StreamPlace<B>;

  constructor(first: StreamPlace<A>, second: StreamPlace<B>) {
    this.#first = first;
    this.#second = second;
  }

  /**
   * Runs a process function with an input for each stream.
   *
   * @example
   * orders.connect(clicks).process<string>("names", {
   *   processFirst: (order, context) => context.emit(order.customer),
   *   processSecond: (click, context) => context.emit(click.user),
   * });
   */
  process<R, O extends OperatorStateDescriptors = Record<never, never>>(
    uid: string,
    definition: CoProcessFunction<A, B, R, O>,
    options: Omit<OperatorOptions, "uid"> & { readonly type?: Type<R> } = {},
  ): DataStream<R> {
    const operatorState: OperatorStateDescriptors = definition.operatorState ?? {};
    const functions = {
      operatorState,
      open: definition.open?.bind(definition),
      process: [
        definition.processFirst.bind(definition),
        definition.processSecond.bind(definition),
      ],
      end: definition.end?.bind(definition),
    } as unknown as ProcessFunctions;
    const { builder } = this.#first;
    const node = builder.add(
      draftNode({
        uid,
        kind: "coProcess",
        parallelism: options.parallelism,
        inputs: [...edgesFrom(this.#first, 0), ...edgesFrom(this.#second, 1)],
        states: describeOperatorStates(uid, operatorState),
        body: { kind: "operator", create: (context) => new ProcessOperator(context, functions) },
      }),
    );
    return new DataStream<R>({ builder, node, recordType: options.type });
  }
}

/** Two keyed streams side by side; keys of both are of one type. */
export class ConnectedKeyedStreams<out A, out B, out K> {
  readonly #pair: KeyedPair<A, B>;

  constructor(pair: KeyedPair<A, B>) {
    this.#pair = pair;
  }

  /**
   * Runs a process function with an input for each stream, and state of the current key that both
   * share.
   *
   * @example
   * const both = orders.keyBy("id").connect(payments.keyBy("order"));
   * both.process("unpaid", {
   *   state: { open: valueState(t.int32, { default: 0 }) },
   *   processFirst(order, { state, timers }) {
   *     state.open.set(state.open.get() + order.amount);
   *     timers.registerEventTime(order.at + 60_000);
   *   },
   *   processSecond: (payment, { state }) => state.open.set(state.open.get() - payment.paid),
   *   onTimer(_timer, context) {
   *     if (context.state.open.get() > 0) context.emit({ id: context.key });
   *   },
   * });
   */
  process<R, S extends StateDescriptors = Record<never, never>>(
    uid: string,
    definition: KeyedCoProcessFunction<K, A, B, R, S>,
    options: Omit<OperatorOptions, "uid"> & { readonly type?: Type<R> } = {},
  ): DataStream<R> {
    const states: StateDescriptors = definition.state ?? {};
    const functions = {
      process: [
        definition.processFirst.bind(definition),
        definition.processSecond.bind(definition),
      ],
      onTimer: definition.onTimer?.bind(definition),
    } as unknown as KeyedProcessFunctions;
    const { builder } = this.#pair.first.place;
    const node = builder.add(
      draftNode({
        uid,
        kind: "keyedCoProcess",
        parallelism: options.parallelism,
        states: describeKeyedStates(uid, states),
        ...pairNode(
          this.#pair,
          (context, keyType) =>
            new KeyedProcessLogic(context, backendFor(context, keyType, states), functions),
        ),
      }),
    );
    return new DataStream<R>({ builder, node, recordType: options.type });
  }

  /**
   * Groups the records of both streams per key into the same windows, of event or processing time,
   * to be joined. `global()` is refused: it has no end at which to join.
   *
   * @example
   * const hourly = orders.keyBy("id").connect(payments.keyBy("order")).window(tumbling("1h"));
   * hourly.join("paid", (order, payment, _info, emit) => emit(order.amount - payment.paid));
   */
  window(assigner: WindowAssigner<A | B>): ConnectedWindowedStreams<A, B, K> {
    const pair = this.#pair;
    checkAssigner(pair.first.place, assigner);
    if (assigner.kind === "global") {
      refuse(
        `${callAfter(pair.first.place, "connect(…).window(global())")}: a join gives its results ` +
          "at the end of a window, and the global window has none; use tumbling, sliding or " +
          "session windows, or process(…) with state for a join over all of time.",
        {},
      );
    }
    return new ConnectedWindowedStreams<A, B, K>({ pair, assigner });
  }
}
