/* The joins of simulated jobs in windows and intervals, by the engine's public API. */
import type { KeyedStream } from "../../packages/core/src/api/keyed-stream.ts";
import { sideOutput } from "../../packages/core/src/operators/process-function.ts";
import { coGroupResult, pairOf } from "./functions.ts";
import type { Records } from "./job-hooks.ts";
import { assignerOf } from "./job-windows.ts";
import { jobUid } from "./scenario.ts";
import type { NodeSpec, OperatorSpec, SimRecord } from "./scenario.ts";

type Of<K extends OperatorSpec["kind"]> = Extract<OperatorSpec, { readonly kind: K }>;
type Keyed<K> = KeyedStream<SimRecord, K>;

/** Joins of two streams in windows. */
export function buildWindowJoin<K extends SimRecord["key"]>(
  left: Keyed<K>,
  right: Keyed<K>,
  given: { readonly node: NodeSpec; readonly operator: Of<"windowJoin"> },
): Records {
  const { node, operator } = given;
  const { uid, parallelism } = node;
  let windowed = left.connect(right).window(assignerOf(operator.window));
  if (operator.latenessMs > 0) windowed = windowed.allowedLateness(operator.latenessMs);
  if (operator.form === "join") {
    return windowed.join<SimRecord>(
      jobUid(node),
      (one, other, { window }, emit) => emit(pairOf(one.key, one, other, window)),
      { parallelism },
    );
  }
  return windowed.coGroup<SimRecord>(
    jobUid(node),
    (lefts, rights, { key, window }, emit) =>
      emit(coGroupResult({ uid, key }, { lefts, rights, window })),
    { parallelism },
  );
}

/** Joins of two streams in an interval of time. */
export function buildIntervalJoin(
  left: Keyed<string>,
  right: Keyed<string>,
  given: { readonly node: NodeSpec; readonly operator: Of<"intervalJoin"> },
): Records {
  const { node, operator } = given;
  const { lowerMs, upperMs, hasLateOutputs } = operator;
  const tags = hasLateOutputs
    ? { lateLeft: sideOutput<SimRecord>("late"), lateRight: sideOutput<SimRecord>("late-right") }
    : {};
  return left
    .intervalJoin(right, { lower: lowerMs, upper: upperMs, ...tags })
    .process<SimRecord>(
      jobUid(node),
      (one, other, _info, emit) => emit(pairOf(one.key, one, other)),
      { parallelism: node.parallelism },
    );
}
