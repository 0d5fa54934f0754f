/**
 * WindowedStream: a keyed stream cut into windows, and what can be computed per key and window.
 */
import type { KeySpec } from "../columns/key-extractor.ts";
import { KeyedOperator, backendFor } from "../operators/keyed-operator.ts";
import { WindowLogic } from "../operators/window-logic.ts";
import type { SideOutputTag } from "../operators/process-function.ts";
import type { Duration } from "../time/duration.ts";
import { show } from "../types/codec.ts";
import type { Type } from "../types/type.ts";
import { fieldsRead } from "../window/aggregate-plan.ts";
import type { AggregatePlan } from "../window/aggregate-plan.ts";
import type { Aggregate, AggregateResult, AggregateSpec } from "../window/aggregate.ts";
import type { TimeWindow, WindowAssigner } from "../window/assigner.ts";
import { collect, reducing } from "../window/record-aggregates.ts";
import type { Trigger } from "../window/trigger.ts";
import { windowPlan } from "../window/window-plan.ts";
import type { WindowFunction } from "../window/window-plan.ts";
import { DataStream } from "./data-stream.ts";
import type { ReduceFunction } from "./keyed-stream.ts";
import { describeWindowPlan } from "./state-descriptions.ts";
import { callAfter, draftNode, edgesFrom, refuse } from "./stream-base.ts";
import type { OperatorOptions, StreamPlace } from "./stream-base.ts";

/**
 * The result of a window without a function of the user: key, window, and one property per
 * aggregate.
 */
export type WindowResult<K, S> = {
  readonly key: K;
  readonly window: TimeWindow;
} & AggregateResult<S>;

interface WindowDraft<T> {
  readonly place: StreamPlace<T>;
  readonly key: KeySpec;
  /** Without `T`, which a gap function takes: else no stream were also one of a wider type. */
  readonly assigner: WindowAssigner<never>;
  readonly trigger?: Trigger<T>;
  readonly allowedLateness?: Duration;
  readonly lateTag?: SideOutputTag<T>;
}

type Options<R> = Omit<OperatorOptions, "uid"> & { readonly type?: Type<R> };

/** See the file header. Immutable: each setting returns a new handle. */
export class WindowedStream<out T, out K> {
  readonly #draft: WindowDraft<T>;

  constructor(draft: WindowDraft<T>) {
    this.#draft = draft;
  }

  /**
   * When windows give their results; default: at their end.
   *
   * @example
   * orders
   *   .keyBy("product")
   *   .window(tumbling("1h"))
   *   .trigger(trigger.continuousEventTime("10m"))
   *   .aggregate("so-far", { orders: count() });
   */
  trigger(trigger: Trigger<T>): WindowedStream<T, K> {
    return new WindowedStream<T, K>({ ...this.#draft, trigger });
  }

  /**
   * How long after its end a window still takes late records, and gives its result anew for each.
   * Event time only.
   *
   * @example
   * flights
   *   .keyBy("origin")
   *   .window(tumbling("1h"))
   *   .allowedLateness("15m")
   *   .aggregate("hourly", { flights: count() });
   */
  allowedLateness(lateness: Duration): WindowedStream<T, K> {
    return new WindowedStream<T, K>({ ...this.#draft, allowedLateness: lateness });
  }

  /**
   * Where records go that come too late for all their windows; without it they are counted and
   * dropped.
   *
   * @example
   * const late = sideOutput<Flight>("late");
   * const hourly = flights
   *   .keyBy("origin")
   *   .window(tumbling("1h"))
   *   .lateOutput(late)
   *   .aggregate("hourly", { flights: count() });
   * hourly.sideOutput(late).sink("late", fileSink("out/late", json()));
   * hourly.map((hour) => hour.flights);
   */
  lateOutput(tag: SideOutputTag<T>): WindowedStream<T, K> {
    return new WindowedStream<T, K>({ ...this.#draft, lateTag: tag });
  }

  /**
   * Aggregates per key and window, record by record. Emits `{ key, window, …aggregates }`, or what
   * `result` makes of the aggregates.
   *
   * @example
   * flights.keyBy("origin").window(tumbling("1h")).aggregate("hourly", { flights: count() });
   */
  aggregate<const S extends AggregateSpec<T>>(uid: string, spec: S): DataStream<WindowResult<K, S>>;
  aggregate<const S extends AggregateSpec<T>, R>(
    uid: string,
    spec: S,
    result: WindowFunction<K, AggregateResult<S>, R>,
    options?: Options<R>,
  ): DataStream<R>;
  aggregate<R>(
    uid: string,
    spec: AggregateSpec<T>,
    result?: WindowFunction<K, never, R>,
    options: Options<R> = {},
  ): DataStream<R> {
    return this.#add(uid, { aggregate: spec, result, options });
  }

  /**
   * Combines the records of a key and window two by two. Emits what `result` makes of it; default:
   * the combined record.
   *
   * @example
   * orders
   *   .keyBy("customer")
   *   .window(tumbling("1d"))
   *   .reduce("best-of-day", (a, b) => (b.amount > a.amount ? b : a));
   */
  reduce(uid: string, fn: ReduceFunction<T>): DataStream<T>;
  reduce<R>(
    uid: string,
    fn: ReduceFunction<T>,
    result: WindowFunction<K, T, R>,
    options?: Options<R>,
  ): DataStream<R>;
  reduce<R>(
    uid: string,
    fn: ReduceFunction<T>,
    result: WindowFunction<K, never, R> = (value, _info, emit) => emit(value),
    options: Options<R> = {},
  ): DataStream<R> {
    return this.#add(uid, {
      aggregate: reducing(fn, this.#draft.place.recordType),
      result,
      options,
    });
  }

  /**
   * Runs a function over all records of a key and window at once. They are kept until the window
   * ends: prefer `aggregate`.
   *
   * @example
   * clicks
   *   .keyBy("user")
   *   .window(session("30m"))
   *   .process("paths", (visit, { key, window }, emit) => {
   *     emit({ user: key, start: window.start, pages: visit.map((click) => click.page) });
   *   });
   */
  process<R>(
    uid: string,
    fn: WindowFunction<K, readonly T[], R>,
    options: Options<R> = {},
  ): DataStream<R> {
    return this.#add(uid, { aggregate: collect<T>(), result: fn, options });
  }

  #add<R>(
    uid: string,
    what: {
      readonly aggregate: Aggregate<T, unknown> | AggregateSpec<T>;
      readonly result: WindowFunction<K, never, R> | undefined;
      readonly options: Options<R>;
    },
  ): DataStream<R> {
    const { place, key, assigner, trigger, allowedLateness, lateTag } = this.#draft;
    const plan = windowPlan<T, K, unknown, R>({
      uid,
      assigner: assigner as WindowAssigner<T>,
      aggregate: what.aggregate,
      hasLateOutput: lateTag !== undefined,
      ...(trigger === undefined ? {} : { trigger }),
      ...(allowedLateness === undefined ? {} : { allowedLateness }),
      ...(what.result === undefined
        ? {}
        : { result: what.result as unknown as WindowFunction<K, unknown, R> }),
      ...(place.recordType === undefined ? {} : { recordType: place.recordType }),
    });
    const node = place.builder.add(
      draftNode({
        uid,
        kind: "window",
        parallelism: what.options.parallelism,
        inputs: edgesFrom(place, 0, { kind: "hash", key, ...this.#read(plan.aggregates) }),
        key,
        needsTimestamps: assigner.time === "event" && assigner.kind !== "global",
        detail: `${assigner.kind} ${plan.aggregates.description}`,
        states: describeWindowPlan(plan),
        body: {
          kind: "operator",
          create: (context) =>
            new KeyedOperator(
              context,
              [key],
              (keyType) =>
                new WindowLogic(context, backendFor(context, keyType, {}), {
                  plan,
                  lateTag: lateTag?.name,
                  what: "window",
                }),
            ),
        },
      }),
    );
    return new DataStream<R>({ builder: place.builder, node, recordType: what.options.type });
  }

  /** What of the records is read, where nothing else than the aggregates gets them. */
  #read(aggregates: AggregatePlan): { readonly fields?: readonly string[] } {
    const { key, assigner, trigger, lateTag } = this.#draft;
    const hasGapOf = assigner.kind === "session" && assigner.gapOf !== undefined;
    if (trigger !== undefined || lateTag !== undefined || hasGapOf) return {};
    const fields = fieldsRead(key, aggregates);
    return fields === undefined ? {} : { fields };
  }
}

/** GRAPH_INVALID for what is no window; programs run without their types checked too. */
export function checkAssigner(place: StreamPlace<unknown>, given: unknown): void {
  const { kind } = (given ?? {}) as { readonly kind?: unknown };
  if (typeof kind === "string") return;
  refuse(
    `${callAfter(place, "window(…)")} is given ${show(given)} instead of a window; ` +
      'use tumbling("1h"), sliding("1h", "10m"), session("30m") or global().',
    { given: show(given) },
  );
}
