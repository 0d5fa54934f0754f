// Every row of "Matching" in docs/semantics/savepoints.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { collect } from "../connectors/collect.ts";
import { generator } from "../connectors/generator.ts";
import { errorCode } from "../errors.ts";
import type { OxbowError } from "../errors.ts";
import type { OperatorSnapshot } from "../snapshot/metadata.ts";
import { mapState, valueState } from "../state/descriptors.ts";
import type { StateDescriptor } from "../state/descriptors.ts";
import { operatorListState } from "../state/operator-state.ts";
import { t } from "../types/t.ts";
import { count, sum } from "../window/aggregates.ts";
import { tumbling } from "../window/assigner.ts";
import { renderPlan } from "./render-plan.ts";
import { checkPlan, planRestore } from "./restore-plan.ts";
import type { AllowNonRestoredState, OperatorPlan, RestorePlan } from "./restore-plan.ts";
import { checkpointOf, described, graphOf, listOf, stored } from "./snapshots.fixture.ts";

const COUNT = described("count", "value", t.int32);
const SEEN = described("seen", "map", t.map(t.string, t.int32));

/** A job whose operator `uid` has these keyed states. */
function keyed(states: Record<string, StateDescriptor>, uid = "totals") {
  return (env: StreamEnvironment): void =>
    env
      .source("numbers", generator({ make: (index) => index }))
      .keyBy((n) => n, t.int32)
      .process(uid, { state: states, process() {} })
      .sink("out", collect<unknown>());
}

const COUNTED = { count: valueState(t.int32) };

function plan(
  build: (env: StreamEnvironment) => void,
  operators: readonly OperatorSnapshot[],
  allowNonRestoredState: AllowNonRestoredState = false,
): RestorePlan {
  return planRestore(graphOf(build), checkpointOf(...operators), { allowNonRestoredState });
}

function of(found: RestorePlan, uid: string): OperatorPlan {
  const operator = found.operators.find((each) => each.uid === uid);
  assert.ok(operator !== undefined, `${uid} is in the plan`);
  return operator;
}

/** State name → outcome. */
function outcomes({ states }: OperatorPlan): Record<string, string> {
  return Object.fromEntries(states.map(({ name, outcome }) => [name, outcome.kind]));
}

function refused(found: RestorePlan, ...patterns: readonly RegExp[]): void {
  assert.equal(found.isPossible, false);
  const texts = found.problems.map(({ message, remedy }) => `${message} ${remedy}`);
  assert.equal(texts.length, patterns.length, texts.join("\n"));
  for (const [index, pattern] of patterns.entries()) assert.match(texts[index], pattern);
}

test("an operator that both have is matched, with its sizes", () => {
  const found = plan(keyed(COUNTED), [
    stored({ uid: "totals", states: [COUNT], parallelism: 2, rowsCount: 4 }),
  ]);
  const operator = of(found, "totals");
  assert.equal(found.isPossible, true);
  assert.deepEqual([operator.outcome, outcomes(operator)], ["matched", { count: "as-is" }]);
  assert.deepEqual([operator.rowsCount, operator.sizeBytes], [8, 200]);
  assert.deepEqual(operator.parallelism, { from: 2, to: 1 });
});

test("an operator only in the job starts empty", () => {
  const found = plan(keyed(COUNTED), []);
  const operator = of(found, "totals");
  assert.equal(found.isPossible, true);
  assert.deepEqual([operator.outcome, outcomes(operator)], ["added", { count: "added" }]);
});

test("an operator only in the snapshot is refused, with what would be lost", () => {
  const found = plan(keyed(COUNTED), [stored({ uid: "old", states: [COUNT, SEEN] })]);
  assert.equal(of(found, "old").outcome, "removed");
  assert.deepEqual(outcomes(of(found, "old")), { count: "removed", seen: "removed" });
  refused(
    found,
    /"old" has state in checkpoint 7.*10 rows, 100 bytes would be lost \("count", "seen"\)/,
  );
  assert.deepEqual([found.problems[0].uid, found.problems[0].state], ["old", undefined]);
});

const ALLOWED: readonly [AllowNonRestoredState, boolean][] = [
  [true, true],
  [["old"], true],
  [["old", "other"], true],
  [false, false],
  [[], false],
  [["other"], false],
];
for (const [allowed, isPossible] of ALLOWED) {
  const text = JSON.stringify(allowed);
  test(`what may be left behind, ${text}, ${isPossible ? "holds" : "does not hold"} "old"`, () => {
    const found = plan(keyed(COUNTED), [stored({ uid: "old", states: [COUNT] })], allowed);
    assert.equal(found.isPossible, isPossible);
    assert.equal(of(found, "old").outcome, "removed");
  });
}

test("an operator only in the snapshot, without state, is ignored", () => {
  const found = plan(keyed(COUNTED), [
    stored({ uid: "old", states: [COUNT], rowsCount: 0 }),
    stored({ uid: "numbers/map.0", kind: "map", rowsCount: 0 }),
  ]);
  assert.equal(found.isPossible, true);
  assert.deepEqual(
    ["old", "numbers/map.0"].map((uid) => of(found, uid).outcome),
    ["stateless", "stateless"],
  );
});

test("a state only in the job starts empty", () => {
  const states = { ...COUNTED, more: valueState(t.string) };
  const found = plan(keyed(states), [stored({ uid: "totals", states: [COUNT] })]);
  assert.equal(found.isPossible, true);
  assert.deepEqual(outcomes(of(found, "totals")), { count: "as-is", more: "added" });
});

test("a state only in the snapshot is refused, unless it, or its operator, may stay behind", () => {
  const operators = [stored({ uid: "totals", states: [COUNT, SEEN] })];
  const found = plan(keyed(COUNTED), operators);
  refused(found, /"totals" has the state "seen" \(map map<string, int32>\).*not declared now/);
  assert.equal(found.problems[0].state, "seen");
  for (const allowed of [true, ["totals"], ["totals/seen"]]) {
    const accepted = plan(keyed(COUNTED), operators, allowed);
    assert.equal(accepted.isPossible, true);
    assert.deepEqual(outcomes(of(accepted, "totals")), { count: "as-is", seen: "removed" });
  }
  refused(plan(keyed(COUNTED), operators, ["totals/count", "seen"]), /"seen"/);
});

test("a state only in the snapshot that holds nothing is ignored", () => {
  const list = described("gone", "operator-list", t.any);
  const operator = stored({
    uid: "lists",
    kind: "process",
    rowsCount: 0,
    states: [list],
    parts: [{ states: [listOf("gone", [])] }],
  });
  const found = plan(
    (env) =>
      env
        .source("numbers", generator({ make: (index) => index }))
        .process("lists", {
          process(record: number, { emit }) {
            emit(record);
          },
        })
        .sink("out", collect<unknown>()),
    [operator],
  );
  assert.deepEqual([found.isPossible, of(found, "lists").states], [true, []]);
});

test("a state of another type is refused with both types", () => {
  const operators = [stored({ uid: "totals", states: [COUNT] })];
  const found = plan(keyed({ count: valueState(t.string) }), operators, true);
  refused(found, /"count" \(value int32\) in checkpoint 7, which is value string now/);
  assert.deepEqual(outcomes(of(found, "totals")), { count: "incompatible" });
});

test("a state of another type in an operator without rows starts empty", () => {
  const operators = [stored({ uid: "totals", states: [COUNT], rowsCount: 0 })];
  const found = plan(keyed({ count: valueState(t.string) }), operators);
  assert.equal(found.isPossible, true);
  assert.deepEqual(outcomes(of(found, "totals")), { count: "added" });
});

test("an operator of another kind is refused where it has state of the old one", () => {
  const window = (env: StreamEnvironment): void =>
    env
      .source("numbers", generator({ make: (index) => index }))
      .watermarks({ timestamp: (n) => n })
      .keyBy((n) => n, t.int32)
      .window(tumbling("1s"))
      .aggregate("totals", { n: count() })
      .sink("out", collect<unknown>());
  const states = [described("n", "aggregating", t.int64)];
  const kind = "aggregate";
  refused(
    plan(window, [stored({ uid: "totals", kind, states })], true),
    /"totals" was of the kind aggregate in checkpoint 7 and is of the kind window now/,
  );
  assert.equal(
    plan(window, [stored({ uid: "totals", kind, states, rowsCount: 0 })]).isPossible,
    true,
  );
});

test("kinds that keep their state alike are one another's heirs", () => {
  const aggregate = (env: StreamEnvironment): void =>
    env
      .source("numbers", generator({ make: (index) => index }))
      .keyBy((n) => n, t.int32)
      .aggregate("totals", { n: count() })
      .sink("out", collect<unknown>());
  const [state] = graphOf(aggregate).graph.nodes.find(({ uid }) => uid === "totals")?.states ?? [];
  const found = plan(aggregate, [stored({ uid: "totals", kind: "reduce", states: [state] })]);
  assert.equal(found.isPossible, true);
  assert.deepEqual(of(found, "totals").kind, { from: "reduce", to: "aggregate" });
});

test("a column that an aggregate lost stays behind unasked, one that it gained is added", () => {
  const aggregate = (env: StreamEnvironment): void =>
    env
      .source("numbers", generator({ make: (index): { n: number } => ({ n: index }) }))
      .keyBy((record) => record.n, t.int32)
      .aggregate("totals", { sum: sum("n") })
      .sink("out", collect<unknown>());
  const states = [{ ...described("count.n", "aggregating", t.int64), aggregate: "count" }];
  const found = plan(aggregate, [stored({ uid: "totals", kind: "aggregate", states })]);
  assert.equal(found.isPossible, true);
  const { "count.n": lost, ...gained } = outcomes(of(found, "totals"));
  assert.equal(lost, "removed");
  assert.deepEqual([...new Set(Object.values(gained))], ["added"]);
});

test("a renamed operator is matched by the first alias that the snapshot has", () => {
  const build = (env: StreamEnvironment): void =>
    keyed(COUNTED)(env.aliases("totals", "oldest", "old"));
  const found = plan(build, [stored({ uid: "old", states: [COUNT] })]);
  assert.deepEqual([found.isPossible, of(found, "totals").renamedFrom], [true, "old"]);
  const both = plan(build, [
    stored({ uid: "old", states: [COUNT] }),
    stored({ uid: "oldest", states: [COUNT] }),
  ]);
  assert.equal(of(both, "totals").renamedFrom, "oldest");
  refused(both, /"old" has state/);
  const own = plan(build, [
    stored({ uid: "old", states: [COUNT], rowsCount: 0 }),
    stored({ uid: "totals", states: [COUNT] }),
  ]);
  assert.deepEqual([own.isPossible, of(own, "totals").renamedFrom], [true, undefined]);
});

test("a state of a renamed operator may be left behind under either uid", () => {
  const build = (env: StreamEnvironment): void => keyed(COUNTED)(env.aliases("totals", "old"));
  const operators = [stored({ uid: "old", states: [COUNT, SEEN] })];
  for (const name of ["totals/seen", "old/seen", "totals", "old"]) {
    assert.equal(plan(build, operators, [name]).isPossible, true, name);
  }
});

test("operators without state are stateless on either side, and in no way of a restore", () => {
  const build = (env: StreamEnvironment): void =>
    env
      .source("numbers", generator({ make: (index) => index }))
      .map((n) => n)
      .sink("out", collect<unknown>());
  const found = plan(build, [stored({ uid: "numbers/map.0", kind: "filter", rowsCount: 0 })]);
  assert.deepEqual([found.isPossible, of(found, "numbers/map.0").outcome], [true, "stateless"]);
  assert.equal(of(found, "out").outcome, "added");
});

test("splits, the enumerator and transactions count as state", () => {
  const source = stored({
    uid: "old-numbers",
    kind: "source",
    rowsCount: 0,
    parts: [{ states: [listOf("splits", [1, 2])] }],
  });
  const enumerator = stored({ uid: "read", kind: "source", rowsCount: 0, enumerator: {} });
  const sink = stored({
    uid: "old-out",
    kind: "sink",
    rowsCount: 0,
    parts: [{ states: [listOf("pending", [1])] }],
  });
  const found = plan(keyed(COUNTED), [source, enumerator, sink]);
  assert.equal(of(found, "old-numbers").splitsCount, 2);
  assert.equal(of(found, "old-out").pendingTransactionsCount, 1);
  refused(
    found,
    /"old-numbers".*2 splits/,
    /"read".*positions of its splits would be lost/,
    /"old-out".*1 transactions that are not committed/,
  );
});

test("elements of lists are counted per state", () => {
  const build = (env: StreamEnvironment): void =>
    env
      .source("numbers", generator({ make: (index) => index }))
      .process("lists", {
        operatorState: { held: operatorListState(t.any) },
        process(record: number, { emit }) {
          emit(record);
        },
      })
      .sink("out", collect<unknown>());
  const lists = stored({
    uid: "lists",
    kind: "process",
    rowsCount: 0,
    states: [described("held", "operator-list", t.any)],
    parts: [{ states: [listOf("held", [1, 2])] }, { states: [listOf("held", [3])] }],
  });
  assert.equal(of(plan(build, [lists]), "lists").states[0].elementsCount, 3);
});

test("all problems are told at once, and the plan is in the details, as plain data", () => {
  const found = plan(keyed({ count: valueState(t.string), seen: mapState(t.string, t.int32) }), [
    stored({ uid: "totals", states: [COUNT, SEEN] }),
    stored({ uid: "old", states: [COUNT] }),
    stored({ uid: "older", states: [COUNT] }),
  ]);
  assert.throws(
    () => checkPlan(found),
    (error: unknown) => {
      assert.equal(errorCode(error), "RESTORE_MISMATCH");
      const { message, details } = error as OxbowError;
      assert.match(message, /^The job "plans" cannot go on from checkpoint 7 for 3 reasons:\n1\. /);
      for (const part of ['"count"', '"old"', '"older"']) assert.ok(message.includes(part));
      assert.deepEqual(structuredClone(details), { plan: found });
      return true;
    },
  );
  checkPlan(plan(keyed(COUNTED), [stored({ uid: "totals", states: [COUNT] })]));
});

test("a plan as text says of each operator and state what becomes of it", () => {
  const build = (env: StreamEnvironment): void => {
    keyed({ count: valueState(t.string), more: valueState(t.int32) })(
      env.aliases("totals", "sums").parallelism(3),
    );
  };
  const found = plan(build, [
    stored({ uid: "sums", states: [COUNT, SEEN], parallelism: 2 }),
    stored({ uid: "old", states: [COUNT] }),
    stored({ uid: "numbers/map.0", kind: "map", rowsCount: 0 }),
  ]);
  const text = renderPlan(found);
  for (const line of [
    /^job "plans" from checkpoint 7 of job "plans" \(epoch 2, 1970-01-01T00:00:02.000Z\)$/m,
    /^totals: matched, was "sums" \(keyedProcess, parallelism 2 → 3, max parallelism 128, 20 rows/m,
    /^ {2}count: incompatible: int32 is string now, values of one/m,
    /^ {2}more: starts empty$/m,
    /^ {2}seen: stays in the snapshot$/m,
    /^old: removed \(keyedProcess, parallelism 1, max parallelism 128, 10 rows, 100 bytes\)$/m,
    /^1 operators without state$/m,
    /^It cannot be restored \(problems: 3\):\n1\. The operator "totals"/m,
  ]) {
    assert.match(text, line);
  }
  const possible = plan(keyed(COUNTED), [stored({ uid: "totals", states: [COUNT] })]);
  assert.match(renderPlan(possible), /\nIt can be restored\.\n$/);
});
