/**
 * ConnectedStreams: two streams of different types for one operator with two inputs, with or
 * without keys.
 */
import { KeyedProcessLogic } from "../operators/keyed-process-operator.ts";
import type { KeyedProcessFunctions } from "../operators/keyed-process-operator.ts";
import { ProcessOperator } from "../operators/process-operator.ts";
import type { ProcessFunctions } from "../operators/process-operator.ts";
import type { CoProcessFunction, KeyedCoProcessFunction } from "../operators/process-function.ts";
import { KeyedOperator, backendFor } from "../operators/keyed-operator.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import type { OperatorStateDescriptors } from "../state/operator-state.ts";
import { renderType } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
import { DataStream } from "./data-stream.ts";
import { describeKeyedStates, describeOperatorStates } from "./state-descriptions.ts";
import { draftNode, edgesFrom, refuse } from "./stream-base.ts";
import type { OperatorOptions, StreamPlace } from "./stream-base.ts";
import type { KeySpec } from "../columns/key-extractor.ts";

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
export class ConnectedKeyedStreams<A, B, K> {
  readonly #first: { readonly place: StreamPlace<A>; readonly key: KeySpec };
  readonly #second: { readonly place: StreamPlace<B>; readonly key: KeySpec };

  constructor(
    first: { readonly place: StreamPlace<A>; readonly key: KeySpec },
    second: { readonly place: StreamPlace<B>; readonly key: KeySpec },
  ) {
    const type = commonKeyType(first.key, second.key);
    this.#first = { place: first.place, key: Object.freeze({ by: first.key.by, type }) };
    this.#second = { place: second.place, key: Object.freeze({ by: second.key.by, type }) };
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
    const { builder } = this.#first.place;
    const keys = [this.#first.key, this.#second.key];
    const node = builder.add(
      draftNode({
        uid,
        kind: "keyedCoProcess",
        parallelism: options.parallelism,
        inputs: [
          ...edgesFrom(this.#first.place, 0, { kind: "hash", key: this.#first.key }),
          ...edgesFrom(this.#second.place, 1, { kind: "hash", key: this.#second.key }),
        ],
        key: this.#first.key,
        states: describeKeyedStates(uid, states),
        body: {
          kind: "operator",
          create: (context) =>
            new KeyedOperator(
              context,
              keys,
              (keyType) =>
                new KeyedProcessLogic(context, backendFor(context, keyType, states), functions),
            ),
        },
      }),
    );
    return new DataStream<R>({ builder, node, recordType: options.type });
  }
}

/** Equal keys meet only if both sides encode them alike: what one side declares holds for both. */
function commonKeyType(first: KeySpec, second: KeySpec): Type<unknown> | undefined {
  const type = first.type ?? second.type;
  if (first.type === undefined || second.type === undefined) return type;
  const [one, other] = [renderType(first.type), renderType(second.type)];
  if (one === other) return type;
  return refuse(
    `connect(): the keys of the first stream are ${one}, those of the second are ${other}. ` +
      `Give both the same type: keyBy(fn, type).`,
    { first: one, second: other },
  );
}
