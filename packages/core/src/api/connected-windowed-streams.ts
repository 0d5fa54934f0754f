/**
 * ConnectedWindowedStreams: two keyed streams cut into the same windows, and what can be made of
 * the records of both per key and window.
 */
import { backendFor } from "../operators/keyed-operator.ts";
import { WindowLogic } from "../operators/window-logic.ts";
import type { Duration } from "../time/duration.ts";
import type { Type } from "../types/type.ts";
import type { WindowAssigner } from "../window/assigner.ts";
import { joinPlan, pairing } from "../window/join-plan.ts";
import type { CoGroupFunction, JoinFunction } from "../window/join-plan.ts";
import { DataStream } from "./data-stream.ts";
import { pairNode } from "./keyed-pair.ts";
import type { KeyedPair } from "./keyed-pair.ts";
import { describeWindowPlan } from "./state-descriptions.ts";
import { checkFunction, draftNode } from "./stream-base.ts";
import type { OperatorOptions } from "./stream-base.ts";

interface ConnectedWindowsDraft<A, B> {
  readonly pair: KeyedPair<A, B>;
  /** Without the records' types, which a gap function takes; see `WindowDraft`. */
  readonly assigner: WindowAssigner<never>;
  readonly allowedLateness?: Duration;
}

type Options<R> = Omit<OperatorOptions, "uid"> & { readonly type?: Type<R> };

/** See the file header. Immutable: each setting returns a new handle. */
export class ConnectedWindowedStreams<out A, out B, out K> {
  readonly #draft: ConnectedWindowsDraft<A, B>;

  constructor(draft: ConnectedWindowsDraft<A, B>) {
    this.#draft = draft;
  }

  /**
   * How long after its end a window still takes late records of either stream; each gives the
   * result of its key anew, as a whole. Event time only.
   *
   * @example
   * orders
   *   .keyBy("id")
   *   .connect(payments.keyBy("order"))
   *   .window(tumbling("1h"))
   *   .allowedLateness("15m")
   *   .join("paid", (order, payment, _info, emit) => emit({ id: order.id, paid: payment.paid }));
   */
  allowedLateness(lateness: Duration): ConnectedWindowedStreams<A, B, K> {
    return new ConnectedWindowedStreams<A, B, K>({ ...this.#draft, allowedLateness: lateness });
  }

  /**
   * The inner join: calls the function at the end of each window with every pair of records that
   * have one key and lie in it, in order of arrival, the left one outermost. Results have the last
   * timestamp of the window. (Flink's `JoinedStreams`.) `type` is that of the results.
   *
   * @example
   * orders
   *   .keyBy("id")
   *   .connect(payments.keyBy("order"))
   *   .window(tumbling("1h"))
   *   .join("paid", (order, payment, { window }, emit) => {
   *     emit({ id: order.id, paid: payment.paid, hour: window.start });
   *   });
   */
  join<R>(uid: string, fn: JoinFunction<A, B, K, R>, options: Options<R> = {}): DataStream<R> {
    checkFunction(`join of "${uid}"`, fn);
    return this.#add("join", { uid, result: pairing(fn), options });
  }

  /**
   * Calls the function at the end of each window, once per key that has records of either stream
   * in it, with all of both, in order of arrival; those of one side may be none. So outer and semi
   * joins are written. (Flink's `CoGroupedStreams`.) `type` is that of the results.
   *
   * @example
   * orders
   *   .keyBy("id")
   *   .connect(payments.keyBy("order"))
   *   .window(tumbling("1d"))
   *   .coGroup("unpaid", (orders, payments, { key }, emit) => {
   *     if (payments.length === 0) emit({ id: key, orders: orders.length });
   *   });
   */
  coGroup<R>(
    uid: string,
    fn: CoGroupFunction<A, B, K, R>,
    options: Options<R> = {},
  ): DataStream<R> {
    checkFunction(`coGroup of "${uid}"`, fn);
    return this.#add("coGroup", { uid, result: fn, options });
  }

  #add<R>(
    what: "join" | "coGroup",
    given: {
      readonly uid: string;
      readonly result: CoGroupFunction<A, B, K, R>;
      readonly options: Options<R>;
    },
  ): DataStream<R> {
    const { pair, assigner, allowedLateness } = this.#draft;
    const { uid, result, options } = given;
    const plan = joinPlan<A, B, K, R>({
      uid,
      assigner,
      result,
      leftType: pair.first.place.recordType,
      rightType: pair.second.place.recordType,
      ...(allowedLateness === undefined ? {} : { allowedLateness }),
    });
    const { builder } = pair.first.place;
    const node = builder.add(
      draftNode({
        uid,
        kind: "windowJoin",
        parallelism: options.parallelism,
        needsTimestamps: assigner.time === "event",
        detail: `${what} in ${assigner.kind} windows`,
        states: describeWindowPlan(plan),
        ...pairNode(
          pair,
          (context, keyType) =>
            new WindowLogic(context, backendFor(context, keyType, {}), {
              plan,
              lateTag: undefined,
              what,
            }),
        ),
      }),
    );
    return new DataStream<R>({ builder, node, recordType: options.type });
  }
}
