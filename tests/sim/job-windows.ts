/* The windows of simulated jobs, by the engine's public API. */
import type { KeyedStream } from "../../packages/core/src/api/keyed-stream.ts";
import { sideOutput } from "../../packages/core/src/operators/process-function.ts";
import { count } from "../../packages/core/src/window/aggregates.ts";
import { global, session, sliding, tumbling } from "../../packages/core/src/window/assigner.ts";
import type { WindowAssigner } from "../../packages/core/src/window/assigner.ts";
import { countTrigger, purgingTrigger } from "../../packages/core/src/window/triggers.ts";
import type { WindowInfo } from "../../packages/core/src/window/window-plan.ts";
import type { Records } from "./job-hooks.ts";
import { combined, digest, result, windowValue } from "./functions.ts";
import { sumOf } from "./job-aggregates.ts";
import { jobUid } from "./scenario.ts";
import type { NodeSpec, OperatorSpec, SimRecord, WindowSpec } from "./scenario.ts";

type Keyed = KeyedStream<SimRecord, SimRecord["key"]>;
type WindowOperator = Extract<OperatorSpec, { readonly kind: "window" | "countWindow" }>;

/** What a window that may have late records gives out. */
export interface LateResult {
  readonly key: SimRecord["key"];
  readonly start: number;
  readonly end: number;
  readonly ids: readonly string[];
}

/** A window operator on a keyed stream. */
export function buildWindow(
  keyed: Keyed,
  given: { readonly node: NodeSpec; readonly operator: WindowOperator },
): Records {
  const { node, operator } = given;
  return operator.kind === "window"
    ? buildTimeWindow(keyed, node, operator)
    : buildCountWindow(keyed, node, operator);
}

function buildTimeWindow(
  keyed: Keyed,
  node: NodeSpec,
  operator: Extract<OperatorSpec, { readonly kind: "window" }>,
): Records {
  const { uid, parallelism, byName } = node;
  let windowed = keyed.window(assignerOf(operator.window));
  if (operator.latenessMs > 0) windowed = windowed.allowedLateness(operator.latenessMs);
  if (operator.hasLateOutput) windowed = windowed.lateOutput(sideOutput("late"));
  const give = (info: WindowInfo<SimRecord["key"]>, value: number): SimRecord =>
    result({ uid, key: info.key }, value, {
      at: info.window.end - 1,
      name: `${info.window.start}-${info.window.end}`,
    });
  switch (operator.form) {
    case "aggregate":
      return windowed.aggregate(
        jobUid(node),
        sumOf(byName, node.generation),
        (
          all: { count: number; sum: number; low?: number | undefined; high?: number | undefined },
          info,
          emit,
        ) => emit(give(info, digest([all.count, all.sum, all.low!, all.high!]))),
        { parallelism },
      );
    case "reduce":
      return windowed.reduce(
        jobUid(node),
        combined,
        (all, info, emit) => emit(give(info, digest([all.n, all.value, all.at]))),
        { parallelism },
      );
    case "process":
      if (operator.isLate) return buildLateWindow(windowed, node);
      return windowed.process(
        jobUid(node),
        (records, info, emit) => emit(give(info, windowValue("process", records))),
        { parallelism },
      );
  }
}

function buildLateWindow(windowed: ReturnType<Keyed["window"]>, node: NodeSpec): Records {
  const { parallelism } = node;
  const stream = windowed.process<LateResult>(
    jobUid(node),
    (records, { key, window }, emit) =>
      emit({ key, ...window, ids: records.map(({ id }) => id).sort() }),
    { parallelism },
  );
  return stream as unknown as Records;
}

function buildCountWindow(
  keyed: Keyed,
  node: NodeSpec,
  operator: Extract<OperatorSpec, { readonly kind: "countWindow" }>,
): Records {
  const { uid, parallelism } = node;
  const trigger = countTrigger(operator.count);
  return keyed
    .window(global())
    .trigger(operator.isPurging ? purgingTrigger(trigger) : trigger)
    .aggregate(
      jobUid(node),
      { count: count() },
      (all, info, emit) => emit(result({ uid, key: info.key }, all.count, { at: 0 })),
      { parallelism },
    );
}

/** The engine's windows. */
export function assignerOf(window: WindowSpec): WindowAssigner<SimRecord> {
  switch (window.kind) {
    case "tumbling":
      return tumbling(window.sizeMs, { offset: window.offsetMs });
    case "sliding":
      return sliding(window.sizeMs, window.slideMs);
    case "session":
      return session(window.gapMs);
  }
}
