/*
 * Operators that come and go between the runs of a story: some are there from a later run on, and
 * begin empty, some until an earlier one, and their state is left behind. Only those whose results
 * nobody but sinks takes, and only where it is known what they have missed: their input has a sink
 * of its own, which shows it.
 */
import type { Random } from "../../packages/core/src/env/env.ts";
import { oneIn, pick } from "./draws.ts";
import { evaluate } from "./reference.ts";
import type { NodeSpec, Scenario, StreamRef } from "./scenario.ts";
import { withSinks } from "./stream-sinks.ts";

/** An operator that is not there in all runs. */
export interface OperatorChange {
  readonly uid: string;
  readonly kind: "added" | "removed";
  /** The first run with it, or without it. */
  readonly run: number;
}

/** The nodes that there are in a run of a story. */
export function nodesOfRun(scenario: Scenario, run: number): NodeSpec[] {
  const absent = new Set(
    scenario.changes
      .filter((change) => (change.kind === "added" ? run < change.run : run >= change.run))
      .map(({ uid }) => uid),
  );
  return scenario.nodes.filter(({ uid, operator, inputs }) => {
    if (FOLLOWING.includes(operator.kind) && absent.has(inputs[0].streams[0].uid)) absent.add(uid);
    return !absent.has(uid);
  });
}

/** Draws changes, and gives the inputs of what comes and goes sinks of their own. */
export function withChanges(scenario: Scenario, random: Random): Scenario {
  const runsCount = scenario.runs.length;
  if (runsCount === 1 || oneIn(random, 2)) return scenario;
  const { streams } = evaluate(scenario);
  const isKnown = ({ uid, tag }: StreamRef): boolean => streams.has(`${uid}:${tag}`);
  const candidates = scenario.nodes.filter(
    ({ uid, operator, inputs }) =>
      !STAYING.includes(operator.kind) &&
      takersOf(scenario.nodes, uid).every((taker) => FOLLOWING.includes(taker.operator.kind)) &&
      inputs.every((ref) => ref.streams.every(isKnown) && ref.partitioner !== "broadcast"),
  );
  const changed = candidates.filter(() => oneIn(random, 2));
  const changes = changed.map(({ uid }): OperatorChange => {
    const kind = pick(random, ["added", "removed"] as const);
    return { uid, kind, run: 1 + random.int(runsCount - 1) };
  });
  const refs = changed.flatMap(({ inputs }) => inputs.flatMap((input) => input.streams));
  return { ...scenario, nodes: withSinks(scenario.nodes, refs), changes };
}

/**
 * Sources cannot go, what has no state need not, and what shows another's results goes with it;
 * what stands on idle sources may never end.
 */
const STAYING: readonly NodeSpec["operator"]["kind"][] = [
  "source",
  "sink",
  "map",
  "filter",
  "flatMap",
  "split",
  "merge",
  "retime",
  "numbered",
];

/** What only shows another's results comes and goes with it. */
const FOLLOWING: readonly NodeSpec["operator"]["kind"][] = ["sink", "numbered"];

function takersOf(nodes: readonly NodeSpec[], uid: string): NodeSpec[] {
  return nodes.filter(({ inputs }) =>
    inputs.some(({ streams }) => streams.some((stream) => stream.uid === uid)),
  );
}
