/*
 * npm run sim -- --seeds N [--seed S]: runs N scenarios from seed S on (default 1), or with --seed
 * alone that one, twice, comparing the trace hashes. Ends with 1 if any failed, with a report each.
 */
import { readArguments, readCount } from "../../scripts/arguments.ts";
import { reportOf } from "./report.ts";
import { runScenario } from "./run-scenario.ts";
import type { Outcome } from "./run-scenario.ts";
import { makeScenario } from "./make-scenario.ts";
import { addCounts, noCounts } from "./counts.ts";
import type { Counts } from "./counts.ts";

/** Every so many seeds one is run twice. */
const TWICE_EVERY = 20;
/** Reports in full; of further failures only the seeds are told. */
const REPORTS_MAX = 3;

const USAGE = `Usage: npm run sim [-- --seeds N] [-- --seed S]

Runs jobs on a simulated machine that fails, against a reference.

  --seeds N   so many scenarios (default: 200), beginning at --seed (default: 1)
  --seed S    without --seeds that one only, twice, comparing the traces
`;

const { values } = readArguments(USAGE, {
  options: { seeds: { type: "string" }, seed: { type: "string" } },
});
const first = readCount(USAGE, "--seed", values.seed ?? "1", 0);
const seeds = values.seeds ?? (values.seed === undefined ? "200" : "1");
const count = readCount(USAGE, "--seeds", seeds, 1);
process.exitCode = await run(first, count);

async function run(firstSeed: number, seedsCount: number): Promise<number> {
  const startedMs = performance.now();
  const failed: number[] = [];
  const totals = { events: 0, virtualMs: 0, runs: 0, processes: 0 };
  const counts = noCounts();
  for (let index = 0; index < seedsCount; index++) {
    const seed = firstSeed + index;
    const outcome = await runSeed(seed, seedsCount === 1 || index % TWICE_EVERY === 0);
    totals.events += outcome.eventsCount;
    totals.virtualMs += outcome.virtualMs;
    totals.runs += outcome.runsCount;
    totals.processes += outcome.processesCount;
    addCounts(counts, outcome.counts);
    if (outcome.problems.length > 0) {
      failed.push(seed);
      if (failed.length <= REPORTS_MAX) console.log(`${reportOf(makeScenario(seed), outcome)}\n`);
      else console.log(`seed ${seed} failed: ${outcome.problems[0]?.split("\n")[0]}`);
    }
    if ((index + 1) % 100 === 0) {
      const seconds = (performance.now() - startedMs) / 1000;
      console.log(`${index + 1} seeds, ${failed.length} failed, ${seconds.toFixed(0)} s`);
    }
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(
    `${seedsCount} seeds from ${firstSeed}: ${seedsCount - failed.length} passed, ` +
      `${failed.length} failed, in ${seconds} s (${totals.events} events, ` +
      `${(totals.virtualMs / 1000).toFixed(0)} virtual s, ${totals.runs} runs, ` +
      `${totals.processes} processes, ${counts.restarts} restarts)`,
  );
  for (const line of describeCounts(counts)) console.log(line);
  if (failed.length > 0) console.log(`failed seeds: ${failed.join(" ")}`);
  return failed.length === 0 ? 0 : 1;
}

function describeCounts(counts: Counts): string[] {
  return [
    `checkpoints: ${counts.checkpoints} completed, ${counts.overlapped} of them begun while ` +
      `another was in flight; ${counts.failedCheckpoints} failed, ${counts.expired} of them ` +
      `expired, ${counts.declined} declined; ${counts.lostCompletions} notices lost`,
    `savepoints: ${counts.savepoints} completed, ${counts.failedSavepoints} refused or failed; ` +
      `${counts.suspended} runs suspended, ${counts.drained} drained, ${counts.incompleteStops} ` +
      `of them not to the end; ${counts.left} given up`,
    `runs begun from stops ${counts.fromStops}, other savepoints ${counts.fromSavepoints}, ` +
      `checkpoints ${counts.fromCheckpoints}; ${counts.claimed} claimed, ${counts.discarding} ` +
      `discarding, ${counts.moved} moved before, ${counts.deleted} deleted after; ` +
      `${counts.rescaled} processes begun at other parallelisms, ${counts.upgraded} with ` +
      `later states, ${counts.grown} with more operators, ${counts.shrunk} with fewer`,
  ];
}

async function runSeed(seed: number, isTwice: boolean): Promise<Outcome> {
  const outcome = await runScenario(makeScenario(seed));
  if (!isTwice) return outcome;
  const again = await runScenario(makeScenario(seed));
  if (again.traceHash === outcome.traceHash) return outcome;
  const problem = `two runs differ: trace hashes ${outcome.traceHash} and ${again.traceHash}`;
  return { ...outcome, problems: [...outcome.problems, problem] };
}
