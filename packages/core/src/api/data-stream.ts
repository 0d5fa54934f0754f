/**
 * DataStream: a stream of records of type `T`, and what can be done with records that have no key.
 */
import type { KeySpec } from "../columns/key-extractor.ts";
import type { MalformedRecord } from "../connectors/source.ts";
import type { Sink } from "../connectors/sink.ts";
import type { OperatorKind, PartitionerSpec } from "../graph/stream-graph.ts";
import type { LookupOptions, LookupProcess } from "../operators/lookup.ts";
import { ProcessOperator } from "../operators/process-operator.ts";
import { RecordSteps } from "../operators/record-steps.ts";
import type { ProcessFunctions } from "../operators/process-operator.ts";
import type { ProcessFunction, SideOutputTag } from "../operators/process-function.ts";
import type { BroadcastStateDescriptors } from "../state/broadcast-state.ts";
import type { OperatorStateDescriptors } from "../state/operator-state.ts";
import { watermarkStrategy } from "../time/watermark-strategy.ts";
import type { WatermarkSettings } from "../time/watermark-strategy.ts";
import { renderType } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
import { show } from "../types/codec.ts";
import { addLookup } from "./add-lookup.ts";
import { BroadcastConnectedStream, BroadcastStream } from "./broadcast-stream.ts";
import { checkWatermarks } from "./check-watermarks.ts";
import { ConnectedStreams } from "./connected-streams.ts";
import { KeyedStream } from "./keyed-stream.ts";
import type { KeyField } from "./keyed-stream.ts";
import {
  callAfter,
  checkConnector,
  checkFunction,
  declaredField,
  draftNode,
  edgesFrom,
  refuse,
} from "./stream-base.ts";
import type { OperatorOptions, StreamPlace } from "./stream-base.ts";
import { describeOperatorStates } from "./state-descriptions.ts";

/** Operators that can emit into side outputs; a source into that of malformed records. */
const KINDS_WITH_SIDE_OUTPUTS: ReadonlySet<OperatorKind> = new Set([
  "source",
  "process",
  "keyedProcess",
  "coProcess",
  "keyedCoProcess",
  "broadcastProcess",
  "keyedBroadcastProcess",
  "window",
  "intervalJoin",
]);

/** See the file header. */
export class DataStream<out T> {
  /** Where the handle stands; for other handles only. */
  readonly place: StreamPlace<T>;

  constructor(place: StreamPlace<T>) {
    this.place = place;
  }

  /**
   * Turns each record into another.
   *
   * @example
   * orders.map((order) => ({ customer: order.customer, cents: order.amount * 100 }));
   */
  map<R>(
    fn: (record: T) => R,
    options: OperatorOptions & { readonly type?: Type<R> } = {},
  ): DataStream<R> {
    checkFunction(callAfter(this.place, "map(…)"), fn);
    const node = this.place.builder.add(
      draftNode({
        uid: options.uid,
        kind: "map",
        parallelism: options.parallelism,
        inputs: edgesFrom(this.place, 0),
        body: {
          kind: "operator",
          create: (context) =>
            new RecordSteps(context, { kind: "map", fn: fn as (record: unknown) => unknown }),
        },
      }),
    );
    return new DataStream<R>({ builder: this.place.builder, node, recordType: options.type });
  }

  /**
   * Keeps the records for which `fn` returns true.
   *
   * @example
   * flights.filter((flight) => flight.origin !== flight.destination);
   */
  filter<R extends T>(fn: (record: T) => record is R, options?: OperatorOptions): DataStream<R>;
  filter(fn: (record: T) => boolean, options?: OperatorOptions): DataStream<T>;
  filter(fn: (record: T) => boolean, options: OperatorOptions = {}): DataStream<T> {
    checkFunction(callAfter(this.place, "filter(…)"), fn);
    const node = this.place.builder.add(
      draftNode({
        uid: options.uid,
        kind: "filter",
        parallelism: options.parallelism,
        inputs: edgesFrom(this.place, 0),
        body: {
          kind: "operator",
          create: (context) =>
            new RecordSteps(context, { kind: "filter", fn: fn as (record: unknown) => boolean }),
        },
      }),
    );
    return new DataStream<T>({
      builder: this.place.builder,
      node,
      recordType: this.place.recordType,
    });
  }

  /**
   * Turns each record into any number of records.
   *
   * @example
   * clicks.flatMap(({ user, page }) => page.split("/").map((part) => ({ user, part })));
   */
  flatMap<R>(
    fn: (record: T) => Iterable<R>,
    options: OperatorOptions & { readonly type?: Type<R> } = {},
  ): DataStream<R> {
    checkFunction(callAfter(this.place, "flatMap(…)"), fn);
    const node = this.place.builder.add(
      draftNode({
        uid: options.uid,
        kind: "flatMap",
        parallelism: options.parallelism,
        inputs: edgesFrom(this.place, 0),
        body: {
          kind: "operator",
          create: (context) =>
            new RecordSteps(context, {
              kind: "flatMap",
              fn: fn as (record: unknown) => Iterable<unknown>,
            }),
        },
      }),
    );
    return new DataStream<R>({ builder: this.place.builder, node, recordType: options.type });
  }

  /**
   * Runs a process function: any number of records out, side outputs, operator state.
   * `uid` names its state in snapshots.
   *
   * @example
   * const large = sideOutput<Order>("large");
   * const small = orders.process<Order>("by-amount", {
   *   process(order, context) {
   *     if (order.amount < 100) context.emit(order);
   *     else context.output(large, order);
   *   },
   * });
   * small.sink("small", discard());
   * small.sideOutput(large);
   */
  process<R, O extends OperatorStateDescriptors = Record<never, never>>(
    uid: string,
    definition: ProcessFunction<T, R, O>,
    options: Omit<OperatorOptions, "uid"> & { readonly type?: Type<R> } = {},
  ): DataStream<R> {
    checkFunction(`process of "${uid}"`, (definition as Partial<typeof definition>).process);
    const operatorState: OperatorStateDescriptors = definition.operatorState ?? {};
    const functions = {
      operatorState,
      open: definition.open?.bind(definition),
      process: [definition.process.bind(definition)],
      end: definition.end?.bind(definition),
    } as unknown as ProcessFunctions;
    const node = this.place.builder.add(
      draftNode({
        uid,
        kind: "process",
        parallelism: options.parallelism,
        inputs: edgesFrom(this.place, 0),
        states: describeOperatorStates(uid, operatorState),
        body: { kind: "operator", create: (context) => new ProcessOperator(context, functions) },
      }),
    );
    return new DataStream<R>({ builder: this.place.builder, node, recordType: options.type });
  }

  /**
   * Looks each record up in a table that does not change: rows, or a function that gives them, read
   * by every subtask before its first record. A table that changes is broadcast state.
   *
   * @example
   * const cities = [
   *   { code: "FRA", city: "Frankfurt" },
   *   { code: "JFK", city: "New York" },
   * ];
   * flights.lookup<Flight, { code: string; city: string }, string>(
   *   "cities",
   *   { table: cities, key: "code", on: "origin" },
   *   (flight, row, emit) => emit(`${flight.origin} is ${row?.city ?? "somewhere"}`),
   * );
   */
  lookup<U, Row, R>(
    this: DataStream<U>,
    uid: string,
    options: LookupOptions<NoInfer<U>, Row, R> & Omit<OperatorOptions, "uid">,
    fn: LookupProcess<NoInfer<U>, NoInfer<Row>, R>,
  ): DataStream<R> {
    const node = addLookup(this.place, uid, { options, fn });
    return new DataStream<R>({ builder: this.place.builder, node, recordType: options.type });
  }

  /**
   * Groups records by key: a field by name, or a function of the record. Records of equal keys meet
   * in one subtask. The type of the keys comes from the record type, from `type`, or from the first
   * record.
   *
   * @example
   * const perOrigin = flights.keyBy("origin");
   * const perRoute = flights.keyBy((f) => `${f.origin}-${f.destination}`, t.string);
   * perOrigin.aggregate("per-origin", { flights: count() }).sink("origins", discard());
   * perRoute.aggregate("per-route", { flights: count() });
   */
  keyBy<F extends KeyField<T>>(field: F): KeyedStream<T, T[F]>;
  keyBy<K>(fn: (record: T) => K, type?: Type<K>): KeyedStream<T, K>;
  keyBy(by: string | ((record: T) => unknown), type?: Type<unknown>): KeyedStream<T, unknown> {
    if (typeof by !== "string") {
      checkFunction(callAfter(this.place, "keyBy(…), which names no field,"), by);
    }
    const declared =
      typeof by === "string" ? declaredField(this.place, by, `keyBy("${by}")`) : type;
    const key: KeySpec = Object.freeze({ by: by, type: declared });
    return new KeyedStream<T, unknown>(this.place, key);
  }

  /**
   * Puts streams of the same type together; records of different streams have no order.
   *
   * @example
   * const now = env.source("now", collection([{ word: "to" }]));
   * const before = env.source("before", collection([{ word: "be" }]));
   * now.union(before).keyBy("word").aggregate("words", { count: count() });
   */
  union(...others: readonly DataStream<T>[]): DataStream<T> {
    const places = others.map((other) => other.place);
    return new DataStream<T>({
      ...this.place,
      recordType: commonType([this.place, ...places]),
      others: [...(this.place.others ?? []), ...places.flatMap(flatten)],
    });
  }

  /**
   * Puts two streams of any types side by side for an operator with two inputs.
   *
   * @example
   * orders.connect(clicks).process<string>("customers", {
   *   processFirst: (order, context) => context.emit(order.customer),
   *   processSecond: (click, context) => context.emit(click.user),
   * });
   */
  connect<B>(other: DataStream<B>): ConnectedStreams<T, B>;
  /**
   * Puts a broadcast stream beside this one: every subtask keeps broadcast state of it.
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
  connect<B, S extends BroadcastStateDescriptors>(
    other: BroadcastStream<B, S>,
  ): BroadcastConnectedStream<T, B, S>;
  connect(
    other: DataStream<unknown> | BroadcastStream<unknown, BroadcastStateDescriptors>,
  ): unknown {
    if (other instanceof BroadcastStream) return new BroadcastConnectedStream(this.place, other);
    return new ConnectedStreams<T, unknown>(this.place, other.place);
  }

  /**
   * Deals records round robin to all subtasks of the next operator.
   *
   * @example
   * orders.rebalance().map((order) => order.amount, { parallelism: 4 });
   */
  rebalance(): DataStream<T> {
    return this.#partitioned({ kind: "rebalance" });
  }

  /** Deals records round robin to a part of the next operator's subtasks, near by. */
  rescale(): DataStream<T> {
    return this.#partitioned({ kind: "rescale" });
  }

  /** Gives every record to every subtask of the next operator. */
  broadcast(): DataStream<T>;
  /**
   * The same, with the states that an operator keeps of it: connect another stream with the result.
   * Several operators may connect with it; each has states of its own.
   *
   * @example
   * const seen = clicks.broadcast({ pages: broadcastState(t.string, t.string) });
   * orders.keyBy("customer").connect(seen).process<string>("last-page", {
   *   process: ({ customer }, { broadcastState, emit }) =>
   *     emit(`${customer} ${broadcastState.pages.get(customer)}`),
   *   processBroadcast: ({ user, page }, { broadcastState }) =>
   *     broadcastState.pages.set(user, page),
   * });
   */
  broadcast<B extends BroadcastStateDescriptors>(states: B): BroadcastStream<T, B>;
  broadcast(states?: BroadcastStateDescriptors): unknown {
    if (states === undefined) return this.#partitioned({ kind: "broadcast" });
    if (typeof states !== "object" || Object.keys(states).length === 0) {
      refuse(
        `${callAfter(this.place, "broadcast(…)")} is given ${show(states)} instead of states by ` +
          "name; use broadcast({ rules: broadcastState(t.string, Rule) }), or broadcast() for a " +
          "stream of which no broadcast state is kept.",
        { given: show(states) },
      );
    }
    return new BroadcastStream(this.place, states);
  }

  /** Keeps every record in its subtask; both sides need the same parallelism. */
  forward(): DataStream<T> {
    return this.#partitioned({ kind: "forward" });
  }

  /**
   * The records that the operator before emitted into a side output.
   *
   * @example
   * const early = sideOutput<string>("early");
   * flights
   *   .process<Flight>("split", {
   *     process: (flight, context) => context.output(early, flight.origin),
   *   })
   *   .sideOutput(early);
   */
  sideOutput<R>(tag: SideOutputTag<R>): DataStream<R> {
    if (this.place.tag !== undefined || this.place.others !== undefined) {
      refuse(`sideOutput("${tag.name}") must follow the operator that emits into it.`, {
        tag: tag.name,
      });
    }
    const { kind, uid } = this.place.builder.node(this.place.node);
    if (!KINDS_WITH_SIDE_OUTPUTS.has(kind)) {
      refuse(
        `sideOutput("${tag.name}"): "${uid}" is a ${kind}, which emits into no side output. ` +
          "Call it on the stream that process(…), a window with lateOutput(…) or an interval " +
          "join with lateLeft or lateRight gives.",
        { tag: tag.name, uid, kind },
      );
    }
    return new DataStream<R>({
      builder: this.place.builder,
      node: this.place.node,
      tag: tag.name,
      recordType: undefined,
    });
  }

  /**
   * Assigns timestamps and makes watermarks here instead of in the source. Prefer the source: only
   * there each split has a watermark of its own.
   */
  watermarks<U>(
    this: DataStream<U>,
    settings: WatermarkSettings<U>,
    options: OperatorOptions = {},
  ): DataStream<U> {
    const name = options.uid ?? "watermarks";
    if (settings.alignment !== undefined) {
      refuse(
        `Watermark alignment of "${name}" cannot be: only a source can be held back. ` +
          `Give the alignment to the source's watermarks.`,
        { uid: name },
      );
    }
    checkWatermarks(this.place, settings);
    const node = this.place.builder.add(
      draftNode({
        uid: options.uid,
        kind: "watermarks",
        parallelism: options.parallelism,
        inputs: edgesFrom(this.place, 0),
        body: { kind: "watermarks", watermarks: watermarkStrategy(settings, name) },
      }),
    );
    return new DataStream<U>({
      builder: this.place.builder,
      node,
      recordType: this.place.recordType,
    });
  }

  /**
   * Ends the stream in a sink. `uid` names its state (pending transactions) in snapshots.
   *
   * @example
   * orders.sink("orders-out", fileSink("out/orders", json()));
   */
  sink(uid: string, sink: Sink<T>, options: Omit<OperatorOptions, "uid"> = {}): void {
    checkConnector("sink", uid, sink);
    this.place.builder.add(
      draftNode({
        uid,
        kind: "sink",
        parallelism: options.parallelism,
        inputs: edgesFrom(this.place, 0),
        detail: sink.connector,
        body: { kind: "sink", sink: sink as Sink<unknown> },
      }),
    );
  }

  #partitioned(partitioner: PartitionerSpec): DataStream<T> {
    const others = this.place.others?.map((place) => ({ ...place, partitioner }));
    const place = { ...this.place, partitioner };
    return new DataStream<T>(others === undefined ? place : { ...place, others });
  }
}

/** Declared types hold for a union only where all its streams declare the same. */
function commonType<T>(places: readonly StreamPlace<T>[]): Type<T> | undefined {
  const [first, ...rest] = places.map(({ recordType }) => recordType);
  if (first === undefined) return undefined;
  const text = renderType(first);
  const isCommon = rest.every((type) => type !== undefined && renderType(type) === text);
  return isCommon ? first : undefined;
}

function flatten<T>(place: StreamPlace<T>): StreamPlace<T>[] {
  const { others = [], ...first } = place;
  return [first, ...others];
}

/** A stream that comes straight from a source. */
export class SourceStream<out T> extends DataStream<T> {
  /**
   * Says where the event time of a record is and how late records may come. Each split gets a
   * watermark of its own.
   *
   * @example
   * env
   *   .source("clicks", collection<Click>([{ user: "ada", page: "/", at: 0 }]))
   *   .watermarks({ timestamp: "at", outOfOrderness: "5s", idleAfter: "1m" });
   */
  override watermarks<U>(this: SourceStream<U>, settings: WatermarkSettings<U>): DataStream<U> {
    const { builder, node } = this.place;
    const { body, uid } = builder.node(node);
    if (body.kind !== "source") refuse(`"${uid}" is no source.`, { uid });
    if (body.watermarks !== undefined)
      refuse(`The source "${uid}" has watermarks already.`, { uid });
    checkWatermarks(this.place, settings);
    builder.replace(node, { body: { ...body, watermarks: watermarkStrategy(settings, uid) } });
    return new DataStream<U>(this.place);
  }

  /** Sets the number of subtasks of the source. */
  parallelism(parallelism: number): this {
    this.place.builder.replace(this.place.node, { parallelism });
    return this;
  }

  /**
   * Records that a format could not read, where the source was told to put them aside.
   *
   * @example
   * const lines = files("orders/*.jsonl", json(Order), { malformed: "side-output" });
   * const source = env.source("orders", lines);
   * source.malformed().sink("unreadable", print());
   * source.map((order) => order.amount);
   */
  malformed(): DataStream<MalformedRecord> {
    return this.sideOutput<MalformedRecord>({ kind: "side-output", name: "malformed" });
  }
}
