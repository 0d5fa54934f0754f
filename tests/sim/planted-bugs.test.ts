/* The simulator finds each planted bug, and nothing at the same seed without it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PLANTS } from "./plants.ts";
import type { Plant } from "./plant.ts";
import { runScenario } from "./run-scenario.ts";
import { makeScenario } from "./make-scenario.ts";

/** Seeds within which a bug must be found. */
const SEEDS_MAX = 500;

for (const plant of PLANTS) {
  test(`finds a bug in ${plant.name}`, async (context) => {
    const found = await findSeed(plant);
    assert.ok(found !== undefined, `not found in ${SEEDS_MAX} seeds`);
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
    for (let seed = 1; seed <= SEEDS_MAX; seed++) {
      const scenario = makeScenario(seed);
      if (plant.needs?.(scenario) === false) continue;
      const { problems } = await runScenario(scenario);
      if (problems.length > 0) return { seed, problem: problems[0] };
    }
  } finally {
    repair();
  }
  return undefined;
}
