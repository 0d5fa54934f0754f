/* Building blocks of scenarios that are written down instead of drawn. */
import type { FaultPlan } from "./fault-plan.ts";
import type {
  NodeSpec,
  OperatorSpec,
  Scenario,
  SimRecord,
  SourceSpec,
  StreamRef,
} from "./scenario.ts";
import { LONE_RUN } from "./story.ts";

/** Nothing goes wrong. */
export const CALM: FaultPlan = {
  deaths: [],
  throws: [],
  storage: [],
  clockJumps: [],
  fullDisks: [],
  intrudersMs: [],
  lostCompletionsRate: 0,
  latencyScale: 0.2,
  endMs: 1_500,
};

/** A scenario of these nodes, quick and calm unless said otherwise. */
export function scenario(nodes: readonly NodeSpec[], more: Partial<Scenario> = {}): Scenario {
  return {
    seed: 1,
    nodes,
    workersCount: 2,
    maxParallelism: 8,
    encodesLocalChannels: true,
    messageDelayMs: 0,
    slicesPutOffRate: 0,
    isChaotic: true,
    checkpoint: {
      intervalMs: 10,
      minPauseMs: 0,
      timeoutMs: 10_000,
      isIncremental: true,
      retainedCount: 1,
    },
    restartDelayMs: 1,
    faults: CALM,
    runs: [LONE_RUN],
    changes: [],
    ...more,
  };
}

/** Records with five keys in turn, in order of time. */
export function records(uid: string, count: number, stepMs: number): SimRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${uid}-${index}`,
    key: `key-${index % 5}`,
    value: (index * 7) % 100,
    n: 1,
    at: 1_000_000 + index * stepMs,
  }));
}

/** A source of a hundred records in five splits. */
export function source(
  uid: string,
  more: Partial<SourceSpec> & { parallelism?: number } = {},
): NodeSpec {
  const { parallelism = 2, ...own } = more;
  const operator: SourceSpec = {
    kind: "source",
    form: "paced",
    records: records(uid, 100, 10),
    splitsCount: 5,
    batchMax: 4,
    pauseMs: 8,
    outOfOrdernessMs: 0,
    idleAfterMs: undefined,
    alignment: undefined,
    ...own,
  };
  return { uid, parallelism, inputs: [], byName: true, regime: "on-time", operator };
}

/** An operator on the main output of others. */
export function after(
  streams: string | readonly string[],
  uid: string,
  operator: OperatorSpec,
  more: Partial<NodeSpec> = {},
): NodeSpec {
  const refs = [streams].flat().map((name): StreamRef => ({ uid: name, tag: "main" }));
  const inputs = [{ streams: refs, partitioner: "auto" as const }];
  return { uid, parallelism: 2, inputs, byName: true, regime: "on-time", operator, ...more };
}

/** The sink of a main output, under the name that `judge` looks for. */
export function sink(stream: string, parallelism = 2): NodeSpec {
  const operator: OperatorSpec = { kind: "sink", rollBytes: undefined, isPartitioned: false };
  return after(stream, `sink-${stream}-main`, operator, { parallelism });
}
