/* The simulator itself: it repeats itself, meets every kind of fault, and sees wrong results. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pairOf } from "./functions.ts";
import { judgeLateJoin } from "./judge-late-join.ts";
import { judge } from "./judge.ts";
import { evaluate } from "./reference.ts";
import { runScenario } from "./run-scenario.ts";
import { makeScenario } from "./make-scenario.ts";
import type { Scenario } from "./scenario.ts";
import { records } from "./small-scenarios.ts";
import { addCounts, noCounts } from "./counts.ts";

test("the same seed gives the same scenario, trace and events", async () => {
  for (let seed = 500; seed < 510; seed++) {
    assert.deepEqual(makeScenario(seed), makeScenario(seed));
    const [first, second] = [
      await runScenario(makeScenario(seed)),
      await runScenario(makeScenario(seed)),
    ];
    assert.equal(first.traceHash, second.traceHash, `seed ${seed}`);
    assert.equal(first.eventsCount, second.eventsCount, `seed ${seed}`);
  }
});

test("eighty seeds meet every kind of snapshot, failure, stop and start", async () => {
  const counts = noCounts();
  let processesCount = 0;
  for (let seed = 600; seed < 680; seed++) {
    const outcome = await runScenario(makeScenario(seed));
    assert.deepEqual(outcome.problems, [], `npm run sim -- --seed ${seed}`);
    processesCount += outcome.processesCount;
    addCounts(counts, outcome.counts);
  }
  // Most warnings are of deletions that failed.
  const { warnings: _, ...seen } = counts;
  for (const [name, count] of Object.entries(seen)) assert.ok(count > 0, `${name}: none`);
  assert.ok(processesCount > 120, `${processesCount} processes only`);
});

test("a result that is missing, doubled or changed is seen in every kind of stream", () => {
  let judgedCount = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { scenario, right } = predictable(makeScenario(seed));
    const expected = evaluate(scenario);
    assert.deepEqual(judge(scenario, expected, right), []);
    for (const [uid, records] of right) {
      if (records.length === 0) continue;
      const [first, ...others] = records;
      const wrongs = [others, [first, ...records], [{ ...(first as object), key: "x" }, ...others]];
      for (const wrong of wrongs) {
        const problems = judge(scenario, expected, new Map([...right, [uid, wrong]]));
        assert.ok(problems.length > 0, `seed ${seed}, ${uid}`);
        judgedCount++;
      }
    }
  }
  assert.ok(judgedCount > 200, `${judgedCount} judged`);
});

test("of an interval join with late records, every wrong result is seen", () => {
  const [left, other] = records("left", 2, 10);
  const right = { ...left, id: "right" };
  const pair = pairOf(left.key, left, right);
  const problems = (found: readonly unknown[], late: readonly (readonly unknown[])[]): string[] =>
    judgeLateJoin(
      { kind: "intervalJoin", lowerMs: 0, upperMs: 99, hasLateOutputs: true, isLate: true },
      [[left, other], [right]],
      { found, late, mayMiss: false },
    );
  assert.deepEqual(problems([pair], [[other], []]), []);
  assert.deepEqual(problems([], [[left], []]), []);
  assert.deepEqual(problems([], [[], [right]]), []);
  for (const wrong of [
    problems([], [[], []]),
    problems([pair, pair], [[], []]),
    problems([pair], [[left], []]),
    problems([], [[left, left], []]),
    problems([pair], [[{ ...left, id: "x" }], []]),
  ]) {
    assert.ok(wrong.length > 0);
  }
});

/** A scenario with the sinks of predictable streams only, and what the reference puts into them. */
function predictable(scenario: Scenario): {
  readonly scenario: Scenario;
  readonly right: ReadonlyMap<string, readonly unknown[]>;
} {
  const { streams } = evaluate(scenario);
  const right = new Map<string, readonly unknown[]>();
  const nodes = scenario.nodes.filter(({ uid, operator, inputs }) => {
    if (operator.kind !== "sink") return true;
    const [ref] = inputs[0].streams;
    const records = streams.get(`${ref.uid}:${ref.tag}`);
    if (records !== undefined) right.set(uid, records);
    return records !== undefined;
  });
  return { scenario: { ...scenario, nodes }, right };
}
