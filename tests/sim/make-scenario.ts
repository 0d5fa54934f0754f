/* The scenario of a seed: graph, settings and faults that go together. */
import { seededRandom } from "../../packages/core/src/env/random.ts";
import { pick } from "./draws.ts";
import { makeFaults } from "./fault-plan.ts";
import { withChanges } from "./operator-changes.ts";
import { withSinks } from "./stream-sinks.ts";
import { makeGraph } from "./scenario-graph.ts";
import { LONG_TIMEOUT_MS } from "./scenario.ts";
import type { NodeSpec, Scenario, StreamRef } from "./scenario.ts";
import { makeStory } from "./story.ts";

/** Half of the scenarios have one. */
const LONG_TIMEOUTS_MS = [LONG_TIMEOUT_MS, LONG_TIMEOUT_MS];

/** The scenario of a seed. */
export function makeScenario(seed: number): Scenario {
  const random = seededRandom(seed).fork("scenario");
  const runs = makeStory(random.fork("story"));
  const isDrained = runs.some(({ acts }) => acts.some(({ kind }) => kind === "drain"));
  const graph = makeGraph(random.fork("graph"));
  const sources = graph.filter(({ operator }) => operator.kind === "source");
  // So it is known which records a source had given when it was drained.
  const nodes = isDrained ? withSinks(graph, sources.map(mainOf)) : graph;
  const messageDelayMs = pick(random, [0, 0, 1, 5]);
  const slicesPutOffRate = pick(random, [0, 0.5, 0.9, 0.98]);
  const maps = nodes.filter(({ operator }) => operator.kind === "map").map(({ uid }) => uid);
  const faults = makeFaults(random.fork("faults"), maps);
  const isRescaled = runs.some(({ rescaling }) => rescaling !== "never");
  const subtasksCount =
    nodes.reduce((sum, { parallelism }) => sum + parallelism, 0) * (isRescaled ? 2 : 1);
  // Half of all checkpoints take less.
  const usualMs = Math.round(
    0.2 * subtasksCount +
      0.17 * (15 + faults.latencyScale * 80 + messageDelayMs * 15 + 1 / (1.01 - slicesPutOffRate)),
  );
  const scenario: Scenario = {
    seed,
    nodes,
    workersCount: 1 + random.int(3),
    maxParallelism: pick(random, [3, 8, 128]),
    encodesLocalChannels: random.int(2) === 0,
    messageDelayMs,
    slicesPutOffRate,
    isChaotic: random.int(4) > 0,
    checkpoint: {
      intervalMs: pick(random, [10, 10, 15, 25, 40]),
      minPauseMs: pick(random, [0, 0, 0, 5]),
      // Short ones let some checkpoints expire, but never all.
      timeoutMs: Math.max(10, pick(random, [usualMs, usualMs * 2, ...LONG_TIMEOUTS_MS])),
      isIncremental: random.int(6) > 0,
      retainedCount: 1 + random.int(3),
    },
    restartDelayMs: pick(random, [1, 5, 20]),
    faults,
    runs,
    changes: [],
  };
  return withChanges(scenario, random.fork("changes"));
}

function mainOf({ uid }: NodeSpec): StreamRef {
  return { uid, tag: "main" };
}
