/**
 * KeyedStream: a stream grouped by key: state, timers, running aggregates and windows per key.
 */
import type { KeySpec } from "../columns/key-extractor.ts";
import { AggregateLogic } from "../operators/aggregate-operator.ts";
import type { NodeDraft } from "../graph/graph-builder.ts";
import { deduplication } from "../operators/deduplicate.ts";
import type { DeduplicateOptions } from "../operators/deduplicate.ts";
import { KeyedOperator, backendFor } from "../operators/keyed-operator.ts";
import type { KeyedLogic } from "../operators/keyed-operator.ts";
import { KeyedProcessLogic } from "../operators/keyed-process-operator.ts";
import type { KeyedProcessFunctions } from "../operators/keyed-process-operator.ts";
import type { KeyedProcessFunction } from "../operators/process-function.ts";
import type { OperatorContext } from "../operators/operator.ts";
import { TopNLogic } from "../operators/top-n-logic.ts";
import { rankFields, topNOf } from "../operators/top-n.ts";
import type { RankChange, TopNOptions } from "../operators/top-n.ts";
import type { BroadcastStateDescriptors } from "../state/broadcast-state.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { t } from "../types/t.ts";
import type { StructType, Type } from "../types/type.ts";
import { aggregatePlan, fieldsRead } from "../window/aggregate-plan.ts";
import type { Aggregate, AggregateResult, AggregateSpec } from "../window/aggregate.ts";
import { reducing } from "../window/record-aggregates.ts";
import type { WindowAssigner } from "../window/assigner.ts";
import { BroadcastConnectedKeyedStream, BroadcastStream } from "./broadcast-stream.ts";
import { ConnectedKeyedStreams } from "./connected-streams.ts";
import { DataStream } from "./data-stream.ts";
import { describeKeyedStates, describePlan } from "./state-descriptions.ts";
import { IntervalJoinedStreams } from "./interval-joined-streams.ts";
import type { IntervalJoinOptions } from "./interval-joined-streams.ts";
import { keyedPair } from "./keyed-pair.ts";
import { checkFunction, declaredField, draftNode, edgesFrom, optionsOf } from "./stream-base.ts";
import type { OperatorOptions, StreamPlace } from "./stream-base.ts";
import { WindowedStream, checkAssigner } from "./windowed-stream.ts";

/** Names of the fields of `T` by which a stream can be keyed. */
export type KeyField<T> = {
  [F in keyof T & string]: T[F] extends string | number | boolean | bigint | object ? F : never;
}[keyof T & string];

/** A running aggregate: the key and one property per aggregate. */
export type KeyedAggregate<K, S> = { readonly key: K } & AggregateResult<S>;

/**
 * Combines two records of a key. Declared as a method so that a stream of a type is also one of any
 * wider type, as arrays are.
 */
export type ReduceFunction<T> = { reduce(left: T, right: T): T }["reduce"];

/** An operator whose state is declared. */
interface StatefulNode {
  readonly uid: string;
  readonly node: Pick<NodeDraft, "kind"> & Partial<NodeDraft>;
  readonly states: StateDescriptors;
  readonly logic: (context: OperatorContext, backend: KeyedBackend) => KeyedLogic;
}

/** See the file header. */
export class KeyedStream<out T, out K> {
  /** Where the handle stands, and the key; for other handles only. */
  readonly place: StreamPlace<T>;
  readonly key: KeySpec;

  constructor(place: StreamPlace<T>, key: KeySpec) {
    this.place = place;
    this.key = key;
  }

  /**
   * Runs a process function with state and timers per key. `uid` names its state in snapshots.
   *
   * @example
   * orders.keyBy("customer").process("first-orders", {
   *   state: { seen: valueState(t.bool, { default: false }) },
   *   process(order, context) {
   *     if (!context.state.seen.get()) context.emit(order);
   *     context.state.seen.set(true);
   *   },
   * });
   */
  process<R, S extends StateDescriptors = Record<never, never>>(
    uid: string,
    definition: KeyedProcessFunction<K, T, R, S>,
    options: Omit<OperatorOptions, "uid"> & { readonly type?: Type<R> } = {},
  ): DataStream<R> {
    checkFunction(`process of "${uid}"`, (definition as Partial<typeof definition>).process);
    const functions = {
      process: [definition.process.bind(definition)],
      onTimer: definition.onTimer?.bind(definition),
    } as unknown as KeyedProcessFunctions;
    const node = { kind: "keyedProcess" as const, parallelism: options.parallelism };
    return this.#keyedProcess(
      { uid, node, states: definition.state ?? {}, functions },
      options.type,
    );
  }

  /**
   * Of the records of a key only the first, or always the latest: Flink SQL's deduplication. State
   * per key: one bit or one time, no record.
   *
   * @example
   * // The same click sent again within an hour.
   * clicks.keyBy((click) => `${click.user} ${click.at}`).deduplicate("once", {
   *   keep: "first",
   *   within: "1h",
   * });
   *
   * @example
   * // Each record that is no older than all so far of its key.
   * const timed = flights.keyBy("origin");
   * timed.deduplicate("latest", { keep: "last" }).map((flight) => flight.origin);
   */
  deduplicate(
    uid: string,
    options: DeduplicateOptions & Omit<OperatorOptions, "uid">,
  ): DataStream<T> {
    const { parallelism, ...given } = optionsOf(options);
    const { state, process, ...node } = deduplication(uid, given);
    const functions = { process: [process], onTimer: undefined };
    return this.#keyedProcess(
      { uid, node: { kind: "deduplicate", parallelism, ...node }, states: state, functions },
      this.place.recordType,
    );
  }

  /**
   * The best records of each key so far: gives each rank that has another record now, as Flink
   * SQL's Top-N with row numbers does. What is given is an update by key and rank; of equals the
   * earlier is ahead. State per key: at most n records.
   *
   * @example
   * const dearest = orders.keyBy("product").topN("dearest", { n: 2, by: "amount" });
   * dearest.map(({ key, rank, record }) => `${key}, ${rank}: ${record.amount}`);
   */
  topN<U>(
    this: KeyedStream<U, K>,
    uid: string,
    options: TopNOptions<U> & Omit<OperatorOptions, "uid">,
  ): DataStream<RankChange<K, U>> {
    const { parallelism, ...given } = optionsOf(options);
    const { recordType } = this.place;
    const topN = topNOf(uid, given, recordType);
    for (const field of rankFields(given)) declaredField(this.place, field, `topN("${uid}")`);
    return this.#stateful(
      {
        uid,
        node: { kind: "topN", parallelism, detail: topN.detail },
        states: topN.state,
        logic: (context, backend) => new TopNLogic(context, backend, topN),
      },
      rankChangeType(this.key.type, recordType) as Type<RankChange<K, U>> | undefined,
    );
  }

  #keyedProcess<R>(
    of: Pick<StatefulNode, "uid" | "node" | "states"> & {
      readonly functions: KeyedProcessFunctions;
    },
    recordType: Type<R> | undefined,
  ): DataStream<R> {
    const { functions, ...node } = of;
    const logic: StatefulNode["logic"] = (context, backend) =>
      new KeyedProcessLogic(context, backend, functions);
    return this.#stateful({ ...node, logic }, recordType);
  }

  #stateful<R>(of: StatefulNode, recordType: Type<R> | undefined): DataStream<R> {
    const { uid, states, logic } = of;
    const { builder } = this.place;
    const node = builder.add(
      draftNode({
        uid,
        ...of.node,
        inputs: this.#edges(),
        key: this.key,
        states: describeKeyedStates(uid, states),
        body: {
          kind: "operator",
          create: (context) =>
            new KeyedOperator(context, [this.key], (keyType) =>
              logic(context, backendFor(context, keyType, states)),
            ),
        },
      }),
    );
    return new DataStream<R>({ builder, node, recordType });
  }

  /**
   * Combines all records of a key so far; emits the new value after each record.
   * `type` is that of the records, where the stream does not know it.
   *
   * @example
   * orders.keyBy("customer").reduce("largest", (a, b) => (b.amount > a.amount ? b : a));
   */
  reduce(
    uid: string,
    fn: ReduceFunction<T>,
    options: Omit<OperatorOptions, "uid"> & { readonly type?: Type<T> } = {},
  ): DataStream<T> {
    const type = options.type ?? this.place.recordType;
    const spec = reducing(fn, type) as Aggregate<never, unknown>;
    return this.#aggregate<T>(uid, spec, { ...options, kind: "reduce", recordType: type });
  }

  /**
   * Running aggregates per key; emits `{ key, …aggregates }` after each record.
   *
   * @example
   * flights.keyBy("origin").aggregate("totals", { flights: count(), delay: avg("delay") });
   */
  aggregate<const S extends AggregateSpec<T>>(
    uid: string,
    spec: S,
    options: Omit<OperatorOptions, "uid"> = {},
  ): DataStream<KeyedAggregate<K, S>> {
    return this.#aggregate<KeyedAggregate<K, S>>(uid, spec, {
      ...options,
      kind: "aggregate",
      recordType: undefined,
    });
  }

  /**
   * Groups records of a key into windows of event or processing time.
   *
   * @example
   * clicks.keyBy("user").window(session("30m")).aggregate("visits", { clicks: count() });
   */
  window(assigner: WindowAssigner<T>): WindowedStream<T, K> {
    checkAssigner(this.place, assigner);
    return new WindowedStream<T, K>({ place: this.place, key: this.key, assigner });
  }

  /**
   * Puts two keyed streams side by side; both have keys of one type.
   *
   * @example
   * const byId = orders.keyBy("id");
   * byId.connect(payments.keyBy("order")).process("paid", {
   *   state: { order: valueState(Order) },
   *   processFirst: (order, context) => context.state.order.set(order),
   *   processSecond(payment, context) {
   *     const order = context.state.order.get();
   *     if (order !== undefined) context.emit({ id: order.id, open: order.amount - payment.paid });
   *   },
   * });
   */
  connect<B>(other: KeyedStream<B, K>): ConnectedKeyedStreams<T, B, K>;
  /**
   * Puts a broadcast stream beside this one: every subtask keeps broadcast state of it, beside the
   * state of its keys.
   *
   * @example
   * const limits = payments.broadcast({ limits: broadcastState(t.string, t.int32) });
   * orders.keyBy("customer").connect(limits).process<Order>("large", {
   *   process(order, { broadcastState, emit }) {
   *     if (order.amount > (broadcastState.limits.get("all") ?? 100)) emit(order);
   *   },
   *   processBroadcast: ({ paid }, { broadcastState }) => broadcastState.limits.set("all", paid),
   * });
   */
  connect<B, S extends BroadcastStateDescriptors>(
    other: BroadcastStream<B, S>,
  ): BroadcastConnectedKeyedStream<T, K, B, S>;
  connect(
    other: KeyedStream<unknown, K> | BroadcastStream<unknown, BroadcastStateDescriptors>,
  ): unknown {
    if (other instanceof BroadcastStream) {
      return new BroadcastConnectedKeyedStream<T, K, unknown, BroadcastStateDescriptors>(
        this,
        other,
      );
    }
    return new ConnectedKeyedStreams<T, unknown, K>(keyedPair(this, other, "connect"));
  }

  /**
   * Joins each record with those of another keyed stream that have its key and lie within an
   * interval of its time: `timestamp + lower` to `timestamp + upper`. Event time only. Both streams
   * have keys of one type.
   *
   * @example
   * const late = sideOutput<Order>("late");
   * const paid = orders
   *   .keyBy("id")
   *   .intervalJoin(payments.keyBy("order"), { lower: "-5m", upper: "1h", lateLeft: late })
   *   .process("paid", (order, payment, _info, emit) => emit(order.amount - payment.paid));
   * paid.sideOutput(late).sink("late", discard());
   */
  intervalJoin<B>(
    other: KeyedStream<B, K>,
    options: IntervalJoinOptions<T, B>,
  ): IntervalJoinedStreams<T, B, K> {
    const pair = keyedPair(this, other, "intervalJoin");
    return new IntervalJoinedStreams<T, B, K>(pair, options);
  }

  #aggregate<R>(
    uid: string,
    spec: Aggregate<never, unknown> | AggregateSpec<never>,
    options: Omit<OperatorOptions, "uid"> & {
      readonly kind: "reduce" | "aggregate";
      readonly recordType: Type<unknown> | undefined;
    },
  ): DataStream<R> {
    const plan = aggregatePlan(spec, { uid, recordType: this.place.recordType });
    const node = this.place.builder.add(
      draftNode({
        uid,
        kind: options.kind,
        parallelism: options.parallelism,
        inputs: this.#edges(fieldsRead(this.key, plan)),
        key: this.key,
        detail: plan.description,
        states: describePlan(plan),
        body: {
          kind: "operator",
          create: (context) =>
            new KeyedOperator(
              context,
              [this.key],
              (keyType) => new AggregateLogic(context, backendFor(context, keyType, {}), plan),
            ),
        },
      }),
    );
    const recordType = options.recordType ?? keyedResultType(this.key.type, plan.resultType);
    return new DataStream<R>({
      builder: this.place.builder,
      node,
      recordType: recordType as Type<R> | undefined,
    });
  }

  /** `fields`: what of the records is read, where that is known. */
  #edges(fields?: readonly string[]): ReturnType<typeof edgesFrom> {
    const read = fields === undefined ? {} : { fields };
    return edgesFrom(this.place, 0, { kind: "hash", key: this.key, ...read });
  }
}

/** Type of `{ key, …result }`, where both are known. */
export function keyedResultType(
  key: Type<unknown> | undefined,
  result: Type<unknown> | undefined,
): Type<unknown> | undefined {
  if (key === undefined || result?.kind !== "struct") return undefined;
  return t.struct({ key, ...(result as StructType<unknown>).fields });
}

const RANK_FIELDS = { rank: t.int32, change: t.enum("insert", "update") };

/** Type of what `topN` gives, where key and records have one. */
function rankChangeType(
  key: Type<unknown> | undefined,
  record: Type<unknown> | undefined,
): Type<unknown> | undefined {
  if (key === undefined || record === undefined) return undefined;
  return t.struct({ key, ...RANK_FIELDS, record });
}
