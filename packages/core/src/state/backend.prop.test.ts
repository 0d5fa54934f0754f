import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import { runCommands, type Command } from "./backend-model.fixture.ts";

const SEED = process.env["OXBOW_SEED"];
const RUNS = Number(process.env["OXBOW_RUNS"] ?? 150);

const KEYS: readonly { readonly type: Type<unknown>; readonly keys: readonly unknown[] }[] = [
  {
    type: t.string,
    keys: ["", "a", "Aa", "BB", "ÿ", "☃", "a key that is longer than sixteen bytes"],
  },
  { type: t.int32, keys: [0, 1, -1, 7, 2147483647, -2147483648, 42] },
  { type: t.float64, keys: [0, -0, NaN, 1.5, Infinity, -1e300, 3] },
  { type: t.bigint64, keys: [0n, 1n, -1n, 2n ** 62n, 5n, 6n, 7n] },
  {
    type: t.struct({ a: t.int32, b: t.string }),
    keys: [1, 2, 3, 4, 5, 6, 7].map((a) => ({ a, b: `b${a % 3}` })),
  },
];

const key = fc.nat(6);
const text = fc.oneof(fc.constantFrom("", "x", "ÿ☃", "y".repeat(40), "z".repeat(400)), fc.string());
const pane = fc.nat(3);

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("set"), key, value: fc.integer({ min: -9, max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("clear"), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("field"), key, text }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("setStats"), key, text }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("clearStats"), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("listAdd"), key, text }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("listFill"), key, count: fc.constant(300) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("listUpdate"), key, text }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("listClear"), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("mapSet"), key, text, value: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("mapDelete"), key, text }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("mapClear"), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("clearAll"), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("timer"), key, at: fc.nat(20), pane }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("untimer"), key, at: fc.nat(20), pane }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("fire"), upTo: fc.nat(20), count: fc.nat(5) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("paneAdd"), pane, key, text }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("paneRemove"), pane, key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("paneDrop"), pane }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("freeze"), isBased: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("savepoint") }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("slice"), at: fc.nat(3), rows: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("finish"), at: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("abort"), at: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash"), at: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("upkeep"), rows: fc.nat(20) }) },
);

for (const { type, keys } of KEYS) {
  test(`with ${type.kind} keys, every snapshot restores to the state of its freeze`, () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120, size: "max" }), (commands) => {
        runCommands(commands, { type, keys });
      }),
      { numRuns: RUNS, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
    );
  });
}

test("the command model notices a row that is not copied before it changes", () => {
  // The model itself must be able to fail: a snapshot read after a change, without the copy.
  assert.throws(() => {
    runCommands(
      [
        { do: "set", key: 0, value: 1 },
        { do: "freeze", isBased: false },
        { do: "set", key: 0, value: 2 },
        { do: "finish", at: 0 },
      ],
      { type: t.int32, keys: [0, 1, 2, 3, 4, 5, 6] },
      { skipTouchedCopies: true },
    );
  });
});
