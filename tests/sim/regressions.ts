/*
 * Regression scenarios: small ones, written down, for bugs that generated ones have found. Each
 * says what went wrong once.
 */
import type { OperatorSpec, Scenario } from "./scenario.ts";
import { CALM, after, records, scenario, sink, source } from "./small-scenarios.ts";

/** A scenario, and the seeds of chance (latencies, order of tasks) under which it is run. */
export interface Regression {
  readonly name: string;
  readonly scenario: Scenario;
}

/** Seeds per regression. */
export const CHANCES = 6;

const TUMBLING: OperatorSpec = {
  kind: "window",
  window: { kind: "tumbling", sizeMs: 100, offsetMs: 0 },
  form: "aggregate",
  latenessMs: 0,
  hasLateOutput: false,
  isLate: false,
};
const TOTALS: OperatorSpec = { kind: "totals", state: "list", modulus: 3 };
const MAP: OperatorSpec = { kind: "map", factor: 1, add: 1, keys: 0 };

/** See the file header. */
export const REGRESSIONS: readonly Regression[] = [
  {
    name: "what had ended before a restore tells its consumers the end of event time again",
    scenario: scenario(
      [
        source("source", { parallelism: 3, splitsCount: 1 }),
        after("source", "window", TUMBLING),
        sink("window"),
      ],
      {
        faults: {
          ...CALM,
          deaths: [{ kind: "kill", label: "rename", count: 24, moment: "after" }],
        },
      },
    ),
  },
  {
    name: "a reader that has ended does not hold back its alignment group",
    scenario: scenario([
      source("short", { records: records("short", 10, 10), alignment: "all" }),
      source("long", { records: records("long", 100, 100), alignment: "all" }),
      sink("short"),
      sink("long"),
    ]),
  },
  {
    name: "the clean-up of a sink's first subtask leaves the transactions of all subtasks alone",
    scenario: scenario([source("source", { parallelism: 3 }), sink("source", 3)], {
      faults: {
        ...CALM,
        deaths: [
          { kind: "kill", label: "read /run", count: 6, moment: "after" },
          { kind: "kill", label: "read /run", count: 8, moment: "after" },
        ],
      },
    }),
  },
  {
    name: "a commit under way when an attempt fails does not fail the next attempt",
    scenario: scenario(
      [source("source", { parallelism: 3 }), after("source", "map", MAP), sink("map", 3)],
      {
        faults: {
          ...CALM,
          throws: [20, 40, 60, 80, 100].map((atCount) => ({ uid: "map", atCount })),
          storage: [
            {
              kind: "slow",
              operation: "rename",
              path: ".pending",
              afterCount: 0,
              count: 200,
              delayMs: 15,
            },
          ],
        },
      },
    ),
  },
  {
    name: "an end that cannot be noted down fails the job, which then goes on to the same end",
    scenario: scenario([source("source"), sink("source")], {
      checkpoint: {
        intervalMs: 40,
        minPauseMs: 0,
        timeoutMs: 10_000,
        isIncremental: true,
        retainedCount: 1,
      },
      faults: {
        ...CALM,
        storage: [1, 2, 3].map((afterCount) => ({
          kind: "io",
          operation: "sync",
          path: "run.json",
          afterCount,
          count: 1,
          delayMs: 0,
        })),
      },
    }),
  },
  {
    name: "a checkpoint that expires while its directory is made leaves no directory",
    scenario: scenario([source("source"), sink("source")], {
      checkpoint: {
        intervalMs: 10,
        minPauseMs: 0,
        timeoutMs: 30,
        isIncremental: true,
        retainedCount: 1,
      },
      faults: {
        ...CALM,
        storage: [
          {
            kind: "slow",
            operation: "createDirectory",
            path: "chk-",
            afterCount: 1,
            count: 4,
            delayMs: 45,
          },
        ],
      },
    }),
  },
  {
    name: "timers that are set after the end of event time fire at the end of input",
    scenario: scenario([
      source("ended", { records: [] }),
      source("idle", { idleAfterMs: 5, pauseMs: 40, splitsCount: 1 }),
      after(["ended", "idle"], "pulse", { kind: "pulse", delayMs: 60 }, { regime: "late" }),
      sink("pulse"),
    ]),
  },
  {
    name: "an end that was told before a restore is not told again after the next one",
    scenario: scenario(
      [
        source("short", { records: records("short", 10, 10), pauseMs: 1 }),
        source("long", { records: records("long", 200, 10) }),
        after("short", "tally", { kind: "tally" }),
        sink("tally"),
        sink("long"),
      ],
      {
        messageDelayMs: 12,
        faults: {
          ...CALM,
          deaths: [6, 2, 2, 2, 2, 2].map((count) => ({
            kind: "kill",
            label: "rename /run",
            count,
            moment: "after",
          })),
        },
      },
    ),
  },
  {
    name: "a segment that fails while another is being copied is no unhandled rejection",
    scenario: scenario(
      [
        source("source", { parallelism: 1 }),
        after("source", "totals", TOTALS, { parallelism: 1 }),
        after("source", "pairs", { kind: "pairs" }, { parallelism: 1 }),
        sink("totals", 1),
        sink("pairs", 1),
      ],
      {
        slicesPutOffRate: 0.98,
        faults: {
          ...CALM,
          storage: [
            {
              kind: "io",
              operation: "create",
              path: "shared/",
              afterCount: 0,
              count: 8,
              delayMs: 0,
            },
          ],
        },
      },
    ),
  },
];

/** A job whose source pauses for long: while nothing happens, nothing may run. */
export const RESTING = scenario(
  [
    source("source", {
      records: records("source", 8, 10),
      splitsCount: 1,
      batchMax: 1,
      pauseMs: 400,
    }),
    after("source", "totals", TOTALS),
    after("source", "pulse", { kind: "pulse", delayMs: 1 }),
    sink("totals"),
    sink("pulse"),
  ],
  {
    checkpoint: {
      intervalMs: 100_000,
      minPauseMs: 0,
      timeoutMs: 10_000,
      isIncremental: true,
      retainedCount: 1,
    },
  },
);
