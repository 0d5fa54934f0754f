// Interval joins through the public API, in every mode.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DataStream } from "../api/data-stream.ts";
import type { IntervalJoinOptions } from "../api/interval-joined-streams.ts";
import { errorCode } from "../errors.ts";
import { step, verifyOperator } from "../testing.ts";
import type { OperatorStep, VerifiedOutput } from "../testing.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import { sideOutput } from "./process-function.ts";

interface Tick {
  readonly k: string;
  readonly at: number;
  readonly n: number;
}

interface Pair {
  readonly key: string;
  readonly left: number;
  readonly right: number;
  readonly leftAt: number;
  readonly rightAt: number;
}

const TICK: Type<Tick> = t.struct({ k: t.string, at: t.timestamp, n: t.int32 });
const SECOND = 1_000;

function left(k: string, at: number, n = 0): OperatorStep {
  return step.record({ k, at, n }, at);
}

function right(k: string, at: number, n = 0): OperatorStep {
  return step.second({ k, at, n }, at);
}

/** Runs the join in every mode; what it gives is checked against its timestamps. */
async function joined(
  input: readonly OperatorStep[],
  options: IntervalJoinOptions<Tick, Tick>,
  types: { readonly first?: Type<Tick>; readonly second?: Type<Tick> } = {},
): Promise<VerifiedOutput<Pair>> {
  const output = await verifyOperator<Tick, Tick, Pair>({
    build: (lefts, rights) =>
      lefts
        .keyBy("k")
        .intervalJoin(rights.keyBy("k"), options)
        .process<Pair>(
          "j",
          (one, other, { key, leftTimestamp, rightTimestamp, timestamp }, emit) => {
            assert.equal(timestamp, Math.max(one.at, other.at));
            emit({
              key,
              left: one.n,
              right: other.n,
              leftAt: leftTimestamp,
              rightAt: rightTimestamp,
            });
          },
        ),
    input,
    types,
    orderedBy: ({ key }) => key,
  });
  const { records, timestamps } = output;
  assert.deepEqual(
    timestamps,
    records.map(({ leftAt, rightAt }) => Math.max(leftAt, rightAt)),
  );
  return output;
}

function texts(output: VerifiedOutput<Pair>): string[] {
  return output.records.map(({ key, leftAt, rightAt }) => `${key} ${leftAt} ${rightAt}`);
}

test("records of a key meet within the interval, bounds included, in either order", async () => {
  const bounds = { lower: "-2s", upper: "1s" } as const;
  const found = await joined(
    [
      left("a", 10_000),
      left("b", 10_000),
      right("a", 7_999),
      right("a", 8_000),
      right("a", 11_000),
      right("a", 11_001),
      right("c", 10_000),
      left("a", 10_001),
    ],
    bounds,
  );
  assert.deepEqual(texts(found).sort(), [
    "a 10000 11000",
    "a 10000 8000",
    "a 10001 11000",
    "a 10001 11001",
  ]);
});

test("bounds that are excluded do not meet", async () => {
  const input = [left("a", 100), right("a", 95), right("a", 96), right("a", 104), right("a", 105)];
  const inner = { lower: -5, upper: 5, lowerInclusive: false, upperInclusive: false };
  assert.deepEqual(texts(await joined(input, inner)), ["a 100 96", "a 100 104"]);
  const equal = { lower: 5, upper: "5ms" };
  assert.deepEqual(texts(await joined(input, equal)), ["a 100 105"]);
});

test("a record meets others in the order of their times, equal times as they came", async () => {
  const { records } = await joined(
    [
      left("a", 5_000, 1),
      left("a", 90_000, 2),
      left("a", 5_000, 3),
      left("a", 1_000, 4),
      left("a", 4_900, 5),
      right("a", 30_000, 9),
    ],
    { lower: "-1m", upper: "1m" },
  );
  assert.deepEqual(
    records.map((pair) => pair.left),
    [4, 5, 1, 3, 2],
  );
});

for (const [name, lower, upper] of [
  ["around", -5 * SECOND, 5 * SECOND],
  ["before", -10 * SECOND, -4 * SECOND],
  ["after", 4 * SECOND, 10 * SECOND],
  ["in one ms", 0, 0],
] as const) {
  test(`${name}: what is not late meets all it should, however old the state`, async () => {
    // The last ms of a pane, and the last watermarks at which its record may still be met.
    const at = 100 * SECOND - 1;
    const found = await joined(
      [
        left("a", at, 1),
        right("b", at, 2),
        step.watermark(at),
        step.watermark(Math.max(at, at + upper)),
        ...(upper >= 0 ? [right("a", at + upper, 3)] : []),
        step.watermark(Math.max(at, at + upper, at - lower)),
        ...(lower <= 0 ? [left("b", Math.max(at + upper, at - lower), 4)] : []),
        step.watermark(at + 60 * SECOND),
      ],
      { lower, upper },
    );
    const expected = [
      ...(upper >= 0 ? [`a ${at} ${at + upper}`] : []),
      ...(lower <= 0 && at - lower >= at + upper ? [`b ${at - lower} ${at}`] : []),
    ];
    assert.deepEqual(texts(found).sort(), expected);
    assert.equal(found.lateRecordsDroppedCount, 0);
  });
}

test("a record at the very watermark is kept for one that comes after it", async () => {
  const exact = [step.watermark(5_000), left("a", 5_000), right("a", 5_000)];
  assert.deepEqual(texts(await joined(exact, { lower: 0, upper: 0 })), ["a 5000 5000"]);
  const ahead = [step.watermark(5_000), left("a", 7_000), right("a", 5_000)];
  assert.deepEqual(texts(await joined(ahead, { lower: -2_000, upper: -2_000 })), ["a 7000 5000"]);
});

test("records below the watermark are dropped and counted, those at it are not", async () => {
  const found = await joined(
    [
      left("a", 1_000, 1),
      right("a", 1_000, 2),
      step.watermark(1_000),
      left("a", 1_000, 3),
      left("a", 999, 4),
      right("a", 999, 5),
      right("b", 0, 6),
    ],
    { lower: "-1h", upper: "1h" },
  );
  assert.deepEqual(
    found.records.map((pair) => `${pair.left} ${pair.right}`),
    ["1 2", "3 2"],
  );
  assert.equal(found.lateRecordsDroppedCount, 3);
});

test("late records go to the side outputs of their streams, with what they are", async () => {
  const lateLeft = sideOutput<Tick>("late-left");
  const lateRight = sideOutput<Tick>("late-right");
  const input = [step.watermark(500), left("a", 400, 1), right("a", 499, 2), right("a", 500, 3)];
  const both = await joined(input, { lower: -1_000, upper: 1_000, lateLeft, lateRight });
  assert.deepEqual(both.sideOutputs, {
    "late-left": [{ k: "a", at: 400, n: 1 }],
    "late-right": [{ k: "a", at: 499, n: 2 }],
  });
  assert.equal(both.lateRecordsDroppedCount, 0);
  const one = await joined(input, { lower: -1_000, upper: 1_000, lateRight });
  assert.deepEqual(Object.keys(one.sideOutputs), ["late-right"]);
  assert.equal(one.lateRecordsDroppedCount, 1);
});

/** Times spread over several panes, also before 1970; watermarks that let some records be late. */
const STEPS = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constantFrom("left", "right"),
        key: fc.constantFrom("a", "b", "c"),
        at: fc.integer({ min: -6_000, max: 12_000 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("watermark"),
        key: fc.constant(""),
        at: fc.integer({ min: -6_000, max: 10_000 }),
      }),
    },
  ),
  { maxLength: 40 },
);

const BOUNDS = fc
  .tuple(fc.integer({ min: -9_000, max: 9_000 }), fc.integer({ min: 0, max: 9_000 }))
  .map(([lower, length]) => ({ lower, upper: lower + length }));

test("every two records that are not late and within the interval are joined once", async () => {
  await fc.assert(
    fc.asyncProperty(STEPS, BOUNDS, fc.boolean(), async (drawn, bounds, isTyped) => {
      let watermark = Number.NEGATIVE_INFINITY;
      let lateCount = 0;
      const kept = { left: [] as [string, number][], right: [] as [string, number][] };
      const input = drawn.map(({ kind, key, at }) => {
        if (kind === "watermark") {
          watermark = Math.max(watermark, at);
          return step.watermark(watermark);
        }
        if (at < watermark) lateCount += 1;
        else kept[kind].push([key, at]);
        return kind === "left" ? left(key, at) : right(key, at);
      });
      const expected = kept.left.flatMap(([key, l]) =>
        kept.right.flatMap(([other, r]) => {
          const isPair = key === other && l + bounds.lower <= r && r <= l + bounds.upper;
          return isPair ? [`${key} ${l} ${r}`] : [];
        }),
      );
      const found = await joined(input, bounds, isTyped ? { first: TICK, second: TICK } : {});
      assert.deepEqual(texts(found).sort(), expected.sort());
      assert.equal(found.lateRecordsDroppedCount, lateCount);
    }),
    { numRuns: 25 },
  );
});

test("what cannot be joined is refused when the graph is built", async () => {
  const bounds = { lower: 0, upper: 1 };
  type Build = (lefts: DataStream<Tick>, rights: DataStream<Tick>) => DataStream<unknown>;
  const withOptions =
    (options: unknown): Build =>
    (lefts, rights) =>
      lefts
        .keyBy("k")
        .intervalJoin(rights.keyBy("k"), options as typeof bounds)
        .process("j", () => undefined);
  const cases: readonly (readonly [build: Build, code: string, message: RegExp])[] = [
    [
      withOptions(undefined),
      "GRAPH_INVALID",
      /intervalJoin\(…\) after "first" needs an interval, such as \{ lower: "-5m", upper: "0s" \}/,
    ],
    [
      withOptions({ lower: "1m", upper: "-1m" }),
      "GRAPH_INVALID",
      /intervalJoin\(…\) after "first": no two records are between 1m and -1m apart; make lower/,
    ],
    [
      withOptions({ lower: 5, upper: 5, upperInclusive: false }),
      "GRAPH_INVALID",
      /no two records are between 5 and 5 apart; .* equal and both inclusive/,
    ],
    [
      withOptions({ ...bounds, lowerInclusiv: false }),
      "GRAPH_INVALID",
      /intervalJoin\(…\) after "first" has no option "lowerInclusiv".*"lowerInclusive"/,
    ],
    [withOptions({ lower: "5 minutes", upper: 5 }), "DURATION_INVALID", /lower: "5 minutes" is no/],
    [withOptions({ lower: 0 }), "DURATION_INVALID", /upper: undefined is no duration/],
    [
      withOptions({ ...bounds, lateLeft: "late" }),
      "GRAPH_INVALID",
      /lateLeft is the string "late" instead of a side output; give one, as sideOutput\("late"\)/,
    ],
    [
      (lefts, rights) =>
        lefts
          .keyBy("k")
          .intervalJoin(rights.keyBy("k"), bounds)
          .process("j", undefined as never),
      "GRAPH_INVALID",
      /process of "j" needs a function/,
    ],
    [
      (lefts, rights) =>
        lefts
          .keyBy("k")
          .intervalJoin(rights as never, bounds)
          .process("j", () => undefined),
      "GRAPH_INVALID",
      /intervalJoin\(…\) after "first" is given a stream without keys instead of a keyed stream/,
    ],
  ];
  for (const [build, code, message] of cases) {
    await assert.rejects(verifyOperator({ build, input: [] }), (error) => {
      assert.equal(errorCode(error), code);
      assert.match((error as Error).message, message);
      return true;
    });
  }
});

test("a function that throws is named with the record that brought the pair together", async () => {
  await assert.rejects(
    verifyOperator<Tick, Tick, never>({
      build: (lefts, rights) =>
        lefts
          .keyBy("k")
          .intervalJoin(rights.keyBy("k"), { lower: 0, upper: 10 })
          .process("j", () => {
            throw new Error("broken");
          }),
      input: [left("a", 0, 1), right("b", 0, 2), right("a", 5, 3)],
    }),
    /interval join \(right record\) function of "j" .* threw on record 2 of its input .*"n":3/,
  );
});
