/* Bugs that generated scenarios have found stay fixed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CHANCES, REGRESSIONS, RESTING } from "./regressions.ts";
import { reportOf } from "./report.ts";
import { runScenario } from "./run-scenario.ts";
import type { Scenario } from "./scenario.ts";

const COMMAND = "npm test -- tests/sim/regressions.test.ts";

for (const { name, scenario } of REGRESSIONS) {
  test(name, async () => {
    for (let seed = 1; seed <= CHANCES; seed++) await check({ ...scenario, seed });
  });
}

test("while a source pauses, no task is stepped", async () => {
  const { eventsCount, virtualMs } = await check(RESTING);
  assert.ok(virtualMs > 500, `the job took ${virtualMs} virtual ms only`);
  assert.ok(eventsCount < 4_000, `${eventsCount} events in ${virtualMs} ms`);
});

async function check(scenario: Scenario): ReturnType<typeof runScenario> {
  const outcome = await runScenario(scenario);
  assert.ok(outcome.problems.length === 0, reportOf(scenario, outcome, COMMAND));
  return outcome;
}
