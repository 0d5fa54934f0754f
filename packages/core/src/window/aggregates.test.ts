import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { OxbowError } from "../errors.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import type { Aggregate, AggregateResult, AggregateSpec } from "./aggregate.ts";
import { objectAggregates } from "./aggregate-object.ts";
import { aggregatePlan } from "./aggregate-plan.ts";
import { avg, count, max, min, sum, sumBigint } from "./aggregates.ts";
import {
  aggregateFunction,
  collect,
  countDistinct,
  maxBy,
  minBy,
  reducing,
  topN,
} from "./record-aggregates.ts";

interface Flight {
  readonly origin: string;
  readonly delay?: number | null;
  readonly big?: bigint;
}

const FLIGHT = t.struct({
  origin: t.string,
  delay: t.optional(t.int32),
  long: t.int64,
  ratio: t.float64,
  big: t.bigint64,
});

type Spec = Aggregate<never, unknown> | AggregateSpec<never>;

function run(spec: Spec, records: readonly unknown[], recordType?: Type<unknown>): unknown {
  const of = objectAggregates(aggregatePlan(spec, { uid: "op", recordType }));
  const accumulator = of.create();
  for (const record of records) of.add(accumulator, record);
  return of.result(accumulator);
}

function failure(code: string, ...parts: string[]): (error: OxbowError) => boolean {
  return (error) => error.code === code && parts.every((part) => error.message.includes(part));
}

const FLIGHTS: readonly Flight[] = [
  { origin: "A", delay: 3 },
  { origin: "B", delay: null },
  { origin: "A", delay: -7 },
  { origin: "C" },
  { origin: "B", delay: 10 },
  { origin: "C", delay: 10 },
];

test("aggregates compose, by field and by function alike, and leave out null and undefined", () => {
  const byField = { n: count(), m: count("delay"), s: sum("delay"), a: avg("delay") };
  const byFunction = {
    n: count(),
    m: count((f: Flight) => f.delay),
    s: sum((f: Flight) => f.delay),
    a: avg((f: Flight) => f.delay),
  };
  const expected = { n: 6, m: 4, s: 16, a: 4 };
  assert.deepEqual(run(byField, FLIGHTS), expected);
  assert.deepEqual(run(byFunction, FLIGHTS), expected);
  assert.deepEqual(run({ lo: min("delay"), hi: max("delay") }, FLIGHTS), { lo: -7, hi: 10 });
  assert.equal(
    run(
      sum((f: Flight) => f.delay),
      FLIGHTS,
    ),
    16,
    "a single aggregate is the result",
  );
});

test("results of nothing are 0 for counts and sums, undefined or empty for the others", () => {
  const spec = {
    n: count(),
    s: sum("delay"),
    b: sumBigint("big"),
    lo: min("delay"),
    hi: max("delay"),
    a: avg("delay"),
    first: minBy((f: Flight) => f.delay),
    top: topN(2, (f: Flight) => f.delay),
    different: countDistinct("origin"),
    all: collect(),
    folded: reducing((a: Flight) => a),
  };
  assert.deepEqual(run(spec, []), {
    n: 0,
    s: 0,
    b: 0n,
    lo: undefined,
    hi: undefined,
    a: undefined,
    first: undefined,
    top: [],
    different: 0,
    all: [],
    folded: undefined,
  });
});

test("minBy and maxBy keep the first of equals", () => {
  const spec = { lo: minBy((f: Flight) => f.delay), hi: maxBy((f: Flight) => f.delay) };
  assert.deepEqual(run(spec, FLIGHTS), { lo: FLIGHTS[2], hi: FLIGHTS[4] });
});

test("topN sorts, breaks ties as asked, and keeps no more than n", () => {
  const rank = (f: Flight): number | null | undefined => f.delay;
  assert.deepEqual(run(topN(3, rank), FLIGHTS), [FLIGHTS[4], FLIGHTS[5], FLIGHTS[0]]);
  const last = topN(2, rank, { ties: (f) => -f.origin.charCodeAt(0) });
  assert.deepEqual(run(last, FLIGHTS), [FLIGHTS[5], FLIGHTS[4]]);
  const lowest = topN(2, rank, { order: "ascending" });
  assert.deepEqual(run(lowest, FLIGHTS), [FLIGHTS[2], FLIGHTS[0]]);
  assert.throws(() => topN(0, rank), failure("AGGREGATE_INVALID", "topN"));
});

test("countDistinct counts values, collect keeps the order, reducing folds", () => {
  assert.equal(run(countDistinct("origin"), FLIGHTS), 3);
  assert.equal(run(countDistinct("delay"), FLIGHTS), 3);
  assert.deepEqual(
    run(
      collect((f: Flight) => f.origin),
      FLIGHTS,
    ),
    ["A", "B", "A", "C", "B", "C"],
  );
  assert.deepEqual(run(collect(), FLIGHTS), FLIGHTS);
  assert.equal(
    run(
      reducing((a: number, b: number) => a * b),
      [2, 3, 7],
    ),
    42,
  );
});

test("a user's aggregate function composes with the built-in ones", () => {
  const longest = aggregateFunction({
    create: () => "",
    add: (a: string, f: Flight) => (f.origin > a ? f.origin : a),
    result: (a) => a.toLowerCase(),
    merge: (a, b) => (a > b ? a : b),
  });
  assert.deepEqual(run({ n: count(), longest }, FLIGHTS), { n: 6, longest: "c" });
});

test("sums of declared integers are exact and fail out of range; untyped sums are floats", () => {
  const huge = Number.MAX_SAFE_INTEGER;
  const long = (value: unknown) => ({ long: value });
  assert.equal(run(sum("long"), [long(huge - 1), long(1)], FLIGHT), huge);
  assert.throws(
    () => run({ total: sum("long") }, [long(huge), long(1)], FLIGHT),
    failure("SUM_OVERFLOW", 'Operator "op", output "total"', "adding 1"),
  );
  assert.throws(
    () => run(sum("long"), [long(-huge), long(-1)], FLIGHT),
    failure("SUM_OVERFLOW", "adding -1"),
  );
  assert.throws(
    () => run(sum("long"), [long(0.5)], FLIGHT),
    failure("AGGREGATE_INPUT_INVALID", "0.5"),
  );
  assert.equal(run(sum("long"), [long(huge), long(1)]), huge + 1);
  const big = (value: bigint) => ({ big: value });
  assert.equal(run(sumBigint("big"), [big(2n ** 62n), big(2n ** 61n)], FLIGHT), 3n * 2n ** 61n);
  assert.throws(
    () => run(sumBigint("big"), [big(2n ** 62n), big(2n ** 62n)], FLIGHT),
    failure("SUM_OVERFLOW", "bigint64"),
  );
});

test("NaN is left out of min and max, and makes sums NaN", () => {
  const records = [Number.NaN, 3, Number.NaN, 1, Number.NaN].map((delay) => ({ delay }));
  const spec = { lo: min("delay"), hi: max("delay"), s: sum("delay") };
  assert.deepEqual(run(spec, records), { lo: 1, hi: 3, s: Number.NaN });
});

test("an input that does not fit is an error with operator, output and value", () => {
  const bad = [{ delay: "late" }];
  for (const spec of [sum("delay"), min("delay"), max("delay"), avg("delay")]) {
    assert.throws(
      () => run({ x: spec }, bad),
      failure("AGGREGATE_INPUT_INVALID", 'Operator "op", output "x"', '"late" (string)'),
    );
  }
  assert.throws(
    () => run(sum("delay"), [{ delay: 5n }]),
    failure("AGGREGATE_INPUT_INVALID", "Number(…)"),
  );
  assert.throws(
    () =>
      run(
        minBy((f: Flight) => f.delay),
        [{ delay: "late" }],
      ),
    failure("AGGREGATE_INPUT_INVALID", "late"),
  );
});

test("what the declared type excludes is refused when the graph is built", () => {
  const compile = (spec: Spec): unknown => aggregatePlan(spec, { uid: "op", recordType: FLIGHT });
  assert.throws(
    () => compile({ s: sum("origin" as "delay") }),
    failure("AGGREGATE_INVALID", "string"),
  );
  assert.throws(() => compile({ s: sum("dealy") }), failure("AGGREGATE_INVALID", "dealy", "delay"));
  assert.throws(() => compile({ s: max("big") }), failure("AGGREGATE_INVALID", "bigint64"));
  assert.throws(() => compile({}), failure("AGGREGATE_INVALID", "0 aggregates"));
  const wrong = { s: undefined as unknown as Aggregate<never, unknown> };
  assert.throws(() => compile(wrong), failure("AGGREGATE_INVALID", 'output "s" is no aggregate'));
});

test("merging the parts of any split gives the result of the whole", () => {
  const record = fc.record({
    origin: fc.constantFrom("A", "B", "C"),
    delay: fc.option(fc.integer({ min: -50, max: 50 }), { nil: null }),
    long: fc.integer({ min: -9, max: 9 }),
    big: fc.bigInt({ min: -9n, max: 9n }),
  });
  const spec = {
    n: count(),
    s: sum("delay"),
    long: sum("long"),
    big: sumBigint("big"),
    a: avg("delay"),
    lo: min("delay"),
    hi: max("delay"),
    top: topN(3, (f: { long: number }) => f.long, {
      ties: (f: { long: number }) => JSON.stringify(f, text),
    }),
    origins: countDistinct("origin"),
    all: collect((f: { origin: string }) => f.origin),
    folded: reducing((a: { long: number }, b: { long: number }) => (b.long > a.long ? b : a)),
  };
  const of = objectAggregates(aggregatePlan(spec, { uid: "op", recordType: undefined }));
  fc.assert(
    fc.property(fc.array(record), fc.array(record), fc.array(record), (a, b, c) => {
      const whole = of.create();
      for (const r of [...a, ...b, ...c]) of.add(whole, r);
      const merged = of.create();
      for (const part of [a, b, c]) {
        const accumulator = of.create();
        for (const r of part) of.add(accumulator, r);
        of.merge(merged, accumulator);
      }
      assert.deepEqual(of.result(merged), of.result(whole));
      of.merge(merged, of.create());
      assert.deepEqual(of.result(merged), of.result(whole), "a new accumulator is neutral");
    }),
  );
});

function text(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}

test("names of outputs and fields need not be identifiers", () => {
  const spec = { "a b": sum("x-y"), __proto__x: count(), ["__proto__"]: count() };
  const result = run(spec, [{ "x-y": 2 }]) as Record<string, unknown>;
  assert.deepEqual(Object.entries(result), [
    ["a b", 2],
    ["__proto__x", 1],
    ["__proto__", 1],
  ]);
});

test("fields and records are type-checked against the stream", () => {
  function outputs<S extends AggregateSpec<Flight>>(spec: S): AggregateResult<S> | undefined {
    return spec === undefined ? spec : undefined;
  }
  const typed = outputs({
    n: count(),
    mean: avg("delay"),
    longest: max((f) => f.delay),
    names: collect((f) => f.origin),
    worst: topN(3, (f) => f.delay),
    latest: maxBy("delay"),
  });
  type Outputs = NonNullable<typeof typed>;
  const check: Outputs = {
    n: 1,
    mean: undefined,
    longest: 2,
    names: ["A"],
    worst: [{ origin: "A" }],
    latest: { origin: "A" },
  };
  assert.equal(check.n, 1);
  // @ts-expect-error a string cannot be averaged
  outputs({ bad: avg("origin") });
  // @ts-expect-error nor compared as a number
  outputs({ bad: maxBy("origin") });
  // @ts-expect-error nor counted where it is not
  outputs({ bad: count((f: { readonly nothing: number }) => f.nothing) });
});
