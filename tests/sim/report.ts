/*
 * What is told of a failed scenario: how to run it again, what went wrong in it, and its last
 * steps.
 */
import { describeFaults } from "./faults.ts";
import type { Outcome } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";

/** Lines of the trace in a report. */
const TRACE_LINES = 100;

/** A report of several lines. */
export function reportOf(scenario: Scenario, outcome: Outcome, command?: string): string {
  const { seed, nodes, checkpoint, workersCount } = scenario;
  return [
    `seed ${seed} failed. Run it again: ${command ?? `npm run sim -- --seed ${seed}`}`,
    "",
    "problems:",
    ...outcome.problems.map((problem) => `  ${problem}`),
    "",
    "graph:",
    ...nodes.map(({ uid, parallelism, inputs, operator }) => {
      const from = inputs
        .map(({ streams, partitioner }) => {
          const names = streams.map((stream) => `${stream.uid}:${stream.tag}`).join(" + ");
          return partitioner === "auto" ? names : `${names} (${partitioner})`;
        })
        .join(" and ");
      const shown = JSON.stringify(operator, (name, value: unknown) =>
        name === "records" ? (value as unknown[]).length : value,
      );
      return `  ${uid} x ${parallelism}${from === "" ? "" : ` after ${from}`}  ${shown}`;
    }),
    `  on ${workersCount} workers, checkpoints ${JSON.stringify(checkpoint)}`,
    "",
    "runs:",
    ...scenario.changes.map((change) => `  ${JSON.stringify(change)}`),
    ...scenario.runs.map((run) => `  ${JSON.stringify(run)}`),
    "",
    "faults:",
    ...describeFaults(scenario.faults).map((fault) => `  ${fault}`),
    "",
    `the last ${TRACE_LINES} steps of ${outcome.processesCount} processes:`,
    ...outcome.trace.last(TRACE_LINES),
  ].join("\n");
}
