/*
 * Drawing single operators of a generated graph, and what is known of what they give out.
 */
import type { Random } from "../../packages/core/src/env/env.ts";
import { oneIn, pick } from "./draws.ts";
import type { OperatorSpec, Regime, TotalsState, WindowSpec } from "./scenario.ts";

/** What an operator stands on. */
export interface InputFacts {
  readonly regime: Regime;
  readonly isUnique: boolean;
}

interface DrawFacts extends InputFacts {
  /** Times are those of records of sources. */
  readonly hasSourceTimes: boolean;
  readonly mayBeIdle: boolean;
  readonly stepMs: number;
  readonly keyKind: "string" | "number";
}

const TOTALS: readonly TotalsState[] = [
  "value",
  "fields",
  "list",
  "map",
  "reducing",
  "aggregating",
  "ttl",
];

const JOINS = ["connect", "connect", "keyed-broadcast", "broadcast"] as const;

/** Undefined where an operator of the kind has no predictable outcome. */
export function drawOperator(
  random: Random,
  kind: OperatorSpec["kind"],
  input: DrawFacts,
): OperatorSpec | undefined {
  const modulus = 2 + random.int(4);
  switch (kind) {
    case "map":
      return { kind, factor: 1 + random.int(5), add: random.int(9), keys: random.int(6) };
    case "filter":
    case "flatMap":
    case "split":
      return { kind, modulus };
    case "retime":
      return input.hasSourceTimes && input.isUnique
        ? { kind, outOfOrdernessMs: input.stepMs * random.int(10) }
        : undefined;
    case "totals":
      return input.mayBeIdle ? undefined : { kind, state: pick(random, TOTALS), modulus };
    case "buckets":
      return input.regime === "on-time"
        ? { kind, sizeMs: input.stepMs * pick(random, [3, 20]) }
        : undefined;
    case "running":
      return { kind, form: pick(random, ["aggregate", "reduce"]) };
    case "pulse":
      return { kind, delayMs: pick(random, [1, 10, 60]) };
    case "merge":
    case "pairs":
    case "tally":
    case "census":
      return { kind };
    case "join":
      // Of a stream of its own, so that seeds go on giving the scenarios that they gave.
      return { kind, form: pick(random.fork(`broadcast join ${modulus} ${input.stepMs}`), JOINS) };
    case "window":
      return drawWindow(random, input);
    case "windowJoin":
      return drawWindowJoin(random, input);
    case "intervalJoin":
      return drawIntervalJoin(random, input);
    case "countWindow":
      return { kind, count: 1 + random.int(5), isPurging: oneIn(random, 2) };
    case "topN":
      return drawTopN(random, input);
    case "deduplicate":
      return drawDeduplicate(random, input);
    case "source":
    case "sink":
    case "numbered":
      return undefined;
  }
}

function drawTopN(random: Random, { isUnique, keyKind }: DrawFacts): OperatorSpec | undefined {
  if (!isUnique) return undefined;
  return {
    kind: "topN",
    n: pick(random, [1, 2, 5, 30]),
    form: pick(random, ["field", "typed", "function", "several"] as const),
    order: pick(random, ["descending", "ascending"] as const),
    keyKind,
  };
}

function drawDeduplicate(random: Random, { regime }: DrawFacts): OperatorSpec {
  const keep = pick(random, ["first", "last"] as const);
  if (regime === "untimed") return { kind: "deduplicate", keep: "first", time: "processing" };
  const time = keep === "last" ? "event" : pick(random, ["processing", "event"] as const);
  return { kind: "deduplicate", keep, time };
}

function drawWindow(random: Random, input: DrawFacts): OperatorSpec | undefined {
  const { stepMs } = input;
  const isLate = input.regime === "late";
  if (input.regime === "untimed" || (isLate && !input.isUnique)) return undefined;
  const window = drawAssigner(random, stepMs);
  if (window.kind === "session" && !isLate && !input.hasSourceTimes) return undefined;
  return {
    kind: "window",
    window,
    form: isLate ? "process" : pick(random, ["aggregate", "reduce", "process"]),
    latenessMs: pick(random, [0, 0, stepMs * 5, stepMs * 40]),
    hasLateOutput: isLate || oneIn(random, 3),
    isLate,
  };
}

function drawAssigner(random: Random, stepMs: number): WindowSpec {
  const sizeMs = stepMs * pick(random, [4, 12, 40]);
  return pick<WindowSpec>(random, [
    { kind: "tumbling", sizeMs, offsetMs: random.int(sizeMs) },
    { kind: "sliding", sizeMs, slideMs: Math.ceil(sizeMs / (1 + random.int(4))) },
    { kind: "session", gapMs: 1 + 2 * stepMs * pick(random, [1, 3]) },
  ]);
}

function drawWindowJoin(random: Random, input: DrawFacts): OperatorSpec | undefined {
  const { stepMs, regime, hasSourceTimes } = input;
  const window = drawAssigner(random, stepMs);
  if (regime !== "on-time" || (window.kind === "session" && !hasSourceTimes)) return undefined;
  const form = pick(random, ["join", "coGroup"] as const);
  return { kind: "windowJoin", window, form, latenessMs: pick(random, [0, stepMs * 5]) };
}

function drawIntervalJoin(random: Random, input: DrawFacts): OperatorSpec | undefined {
  const { stepMs, regime, isUnique } = input;
  const isLate = regime === "late";
  if (regime === "untimed" || (isLate && !isUnique)) return undefined;
  const lowerMs = stepMs * pick(random, [-40, -8, 0, 5]);
  const upperMs = lowerMs + stepMs * pick(random, [0, 3, 12, 80]);
  const hasLateOutputs = isLate || oneIn(random, 3);
  return { kind: "intervalJoin", lowerMs, upperMs, hasLateOutputs, isLate };
}

/** What is known of an operator's main output. */
export function outcomeOf(
  operator: OperatorSpec,
  input: InputFacts & { readonly size: number },
): InputFacts & { readonly isFinal: boolean; readonly size: number } {
  const { size } = input;
  switch (operator.kind) {
    case "running":
    case "pulse":
    case "tally":
    case "census":
    case "topN":
    case "deduplicate":
    case "numbered":
      return { regime: "untimed", isUnique: false, isFinal: true, size };
    case "join":
    case "pairs":
    case "countWindow":
      return { regime: "untimed", isUnique: false, isFinal: false, size };
    case "windowJoin":
      return { regime: "on-time", isUnique: input.isUnique, isFinal: false, size };
    case "intervalJoin":
      return { regime: input.regime, isUnique: input.isUnique, isFinal: operator.isLate, size };
    case "window":
      return { regime: "on-time", isUnique: true, isFinal: operator.isLate, size: size * 2 };
    case "totals":
    case "buckets": {
      // Windows need timestamps from the source on.
      const regime = input.regime === "untimed" ? "untimed" : "on-time";
      return { regime, isUnique: true, isFinal: false, size };
    }
    case "retime":
      return { ...input, regime: "late", isFinal: false };
    case "flatMap":
    case "map":
    case "filter":
    case "split":
    case "merge":
    case "source":
    case "sink":
      return { ...input, isFinal: false };
  }
}
