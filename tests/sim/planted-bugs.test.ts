/* The simulator finds each planted bug, and nothing at the same seed without it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PLANTS } from "./plants.ts";
import type { Plant } from "./plant.ts";
import { runScenario } from "./run-scenario.ts";
import { makeScenario } from "./make-scenario.ts";

/** Scenarios that could show a bug, within which it must be found. */
const SCENARIOS_MAX = 400;

for (const plant of PLANTS) {
  test(`finds a bug in ${plant.name}`, async (context) => {
    const found = await findSeed(plant);
    assert.ok(found !== undefined, `not found in ${SCENARIOS_MAX} scenarios`);
    context.diagnostic(`seed ${found.seed}: ${found.problem.split("\n")[0]}`);
    const sound = await runScenario(makeScenario(found.seed));
    assert.deepEqual(sound.problems, [], `seed ${found.seed} fails without the bug, too`);
  });
}

async function findSeed(
  plant: Plant,
): Promise<{ readonly seed: number; readonly problem: string } | undefined> {
  const repair = plant.install();
  try {
    let left = SCENARIOS_MAX;
    for (let seed = 1; left > 0; seed++) {
      const scenario = makeScenario(seed);
      if (plant.needs?.(scenario) === false) continue;
      left -= 1;
      const { problems } = await runScenario(scenario);
      if (problems.length > 0) return { seed, problem: problems[0] };
    }
  } finally {
    repair();
  }
  return undefined;
}
