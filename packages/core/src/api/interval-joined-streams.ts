/**
 * IntervalJoinedStreams: two keyed streams of which records meet that lie within an interval of
 * event time of each other.
 */
import { IntervalJoinLogic, SIDES } from "../operators/interval-join-logic.ts";
import type { IntervalJoinFunction, IntervalJoinPlan } from "../operators/interval-join-logic.ts";
import { backendFor } from "../operators/keyed-operator.ts";
import type { SideOutputTag } from "../operators/process-function.ts";
import { formatDuration, parseDuration } from "../time/duration.ts";
import type { Duration } from "../time/duration.ts";
import { show } from "../types/codec.ts";
import { unknownOption } from "../types/known-options.ts";
import type { Type } from "../types/type.ts";
import { MAX_WINDOW_MS } from "../window/assigner.ts";
import { DataStream } from "./data-stream.ts";
import { pairNode } from "./keyed-pair.ts";
import type { KeyedPair } from "./keyed-pair.ts";
import { describeRecords } from "./state-descriptions.ts";
import { callAfter, checkFunction, draftNode, refuse } from "./stream-base.ts";
import type { OperatorOptions } from "./stream-base.ts";

/** Which records of two streams meet, and where late ones go. */
export interface IntervalJoinOptions<A, B> {
  /** How much later than a left record a right one is at least; negative: earlier. */
  readonly lower: Duration;
  /** How much later than a left record a right one is at most; negative: earlier. */
  readonly upper: Duration;
  /** Whether records that are exactly `lower` apart meet; default true. */
  readonly lowerInclusive?: boolean;
  /** Whether records that are exactly `upper` apart meet; default true. */
  readonly upperInclusive?: boolean;
  /** Where late records of the left stream go; default: they are counted and dropped. */
  readonly lateLeft?: SideOutputTag<A>;
  /** Where late records of the right stream go; default: they are counted and dropped. */
  readonly lateRight?: SideOutputTag<B>;
}

const OPTIONS: readonly (keyof IntervalJoinOptions<unknown, unknown>)[] = [
  "lower",
  "upper",
  "lowerInclusive",
  "upperInclusive",
  "lateLeft",
  "lateRight",
];

type Interval = Pick<IntervalJoinPlan, "lowerMs" | "upperMs">;

/** See the file header. */
export class IntervalJoinedStreams<out A, out B, out K> {
  readonly #pair: KeyedPair<A, B>;
  readonly #interval: Interval;
  /** By side. */
  readonly #lateTags: readonly (string | undefined)[];

  constructor(pair: KeyedPair<A, B>, options: IntervalJoinOptions<A, B>) {
    this.#pair = pair;
    const call = callAfter(pair.first.place, "intervalJoin(…)");
    this.#interval = intervalOf(call, options);
    this.#lateTags = [
      lateTag(call, "lateLeft", options.lateLeft),
      lateTag(call, "lateRight", options.lateRight),
    ];
  }

  /**
   * Calls the function with every two records that meet, as soon as both are there. A record that
   * meets several meets them in the order of their timestamps. Results have the later timestamp of
   * the two. (Flink's `KeyedStream.IntervalJoined.process`.) `type` is that of the results.
   *
   * @example
   * orders
   *   .keyBy("id")
   *   .intervalJoin(payments.keyBy("order"), { lower: 0, upper: "1h" })
   *   .process("paid-in-time", (order, payment, { leftTimestamp, rightTimestamp }, emit) => {
   *     emit({ id: order.id, paid: payment.paid, afterMs: rightTimestamp - leftTimestamp });
   *   });
   */
  process<R>(
    uid: string,
    fn: IntervalJoinFunction<A, B, K, R>,
    options: Omit<OperatorOptions, "uid"> & { readonly type?: Type<R> } = {},
  ): DataStream<R> {
    checkFunction(`process of "${uid}"`, fn);
    const { first, second } = this.#pair;
    const [leftTag, rightTag] = this.#lateTags;
    const plan: IntervalJoinPlan = Object.freeze({
      ...this.#interval,
      left: { type: first.place.recordType, lateTag: leftTag },
      right: { type: second.place.recordType, lateTag: rightTag },
      join: fn as IntervalJoinPlan["join"],
    });
    const { builder } = first.place;
    const node = builder.add(
      draftNode({
        uid,
        kind: "intervalJoin",
        parallelism: options.parallelism,
        needsTimestamps: true,
        detail: `interval join, ${intervalText(plan)}`,
        states: SIDES.map((side) => describeRecords(side, plan[side].type)),
        ...pairNode(
          this.#pair,
          (context, keyType) =>
            new IntervalJoinLogic(context, backendFor(context, keyType, {}), plan),
        ),
      }),
    );
    return new DataStream<R>({ builder, node, recordType: options.type });
  }
}

/** The interval with both bounds inclusive. */
function intervalOf(call: string, options: IntervalJoinOptions<unknown, unknown>): Interval {
  if (typeof options !== "object" || options === null) {
    refuse(`${call} needs an interval, such as { lower: "-5m", upper: "0s" }.`, {});
  }
  const problem = unknownOption(options, OPTIONS);
  if (problem !== undefined) refuse(`${call} ${problem}`, {});
  const boundOf = (name: "lower" | "upper"): number =>
    parseDuration(options[name], `${call}, ${name}`, {
      minMs: -MAX_WINDOW_MS,
      maxMs: MAX_WINDOW_MS,
    });
  // In whole ms, an exclusive bound is the inclusive one next to it.
  const lowerMs = boundOf("lower") + (options.lowerInclusive === false ? 1 : 0);
  const upperMs = boundOf("upper") - (options.upperInclusive === false ? 1 : 0);
  if (lowerMs <= upperMs) return { lowerMs, upperMs };
  return refuse(
    `${call}: no two records are between ${String(options.lower)} and ${String(options.upper)} ` +
      "apart; make lower less than upper, or equal and both inclusive.",
    { lower: options.lower, upper: options.upper },
  );
}

function lateTag(
  call: string,
  option: "lateLeft" | "lateRight",
  given: SideOutputTag<unknown> | undefined,
): string | undefined {
  if (given === undefined) return undefined;
  if ((given as Partial<typeof given> | null)?.kind === "side-output") return given.name;
  return refuse(
    `${call}: ${option} is ${show(given)} instead of a side output; ` +
      `give one, as sideOutput("late").`,
    { given: show(given) },
  );
}

/** For `explain()`: `-5m to 0ms`. */
function intervalText({ lowerMs, upperMs }: Interval): string {
  return `${formatDuration(lowerMs)} to ${formatDuration(upperMs)}`;
}
