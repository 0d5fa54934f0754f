import assert from "node:assert/strict";
import { test } from "node:test";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import { count } from "./aggregates.ts";
import { session, sliding, tumbling } from "./assigner.ts";
import type { WindowAssigner } from "./assigner.ts";
import { collect, countDistinct } from "./record-aggregates.ts";
import { trigger } from "./triggers.ts";
import { WindowHarness } from "./window-harness.fixture.ts";
import type { HarnessRecord } from "./window-harness.fixture.ts";
import { windowPlan } from "./window-plan.ts";

interface KeyCase {
  readonly name: string;
  readonly type: Type<unknown>;
  readonly keys: readonly unknown[];
}

const CASES: readonly KeyCase[] = [
  { name: "int32", type: t.int32, keys: [0, -1, 2_147_483_647, -2_147_483_648] },
  { name: "int64", type: t.int64, keys: [0, -1, Number.MAX_SAFE_INTEGER, 2 ** 40] },
  { name: "float64", type: t.float64, keys: [0, -0, Number.NaN, 0.5, Number.POSITIVE_INFINITY] },
  { name: "bool", type: t.bool, keys: [true, false] },
  { name: "bigint64", type: t.bigint64, keys: [0n, -1n, 2n ** 62n] },
  { name: "timestamp", type: t.timestamp, keys: [0, -5, 1_700_000_000_000] },
  { name: "string", type: t.string, keys: ["", "a", "ü", "\ud800", "日本", "x".repeat(5_000)] },
  { name: "enum", type: t.enum("north", "south"), keys: ["north", "south"] },
  {
    name: "struct",
    type: t.struct({ a: t.string, b: t.int32 }),
    keys: [
      { a: "x", b: 1 },
      { a: "x", b: 2 },
      { a: "", b: 1 },
    ],
  },
];

const ASSIGNERS: readonly (readonly [string, WindowAssigner<HarnessRecord>])[] = [
  ["tumbling", tumbling(10)],
  ["sliding", sliding(10, 5)],
  ["sessions", session(3)],
];

function results(of: WindowHarness): (readonly [unknown, number])[] {
  return of.results.splice(0).map(({ record }) => {
    const { key, n } = record as { readonly key: unknown; readonly n: number };
    return [key, n];
  });
}

/** Deep equality tells 0 from −0 and takes NaN as NaN, as keys do. */
function includesKey(list: readonly (readonly [unknown, number])[], key: unknown): boolean {
  return list.some(([other, n]) => {
    try {
      assert.deepStrictEqual(other, key);
      return n === 2;
    } catch {
      return false;
    }
  });
}

for (const { name, type, keys } of CASES) {
  test(`keys of type ${name} come out of every kind of window as they went in`, () => {
    for (const [kind, assigner] of ASSIGNERS) {
      for (const isRestored of [false, true]) {
        const plan = windowPlan<HarnessRecord, unknown, unknown, unknown>({
          uid: `${name}-${kind}`,
          assigner,
          aggregate: { n: count(), some: countDistinct((r) => r.at), all: collect((r) => r.at) },
        });
        const of = new WindowHarness(plan, type);
        of.process(keys.map((key) => ({ key, at: 5 })));
        const state = of.snapshot();
        assert.ok(state !== undefined);
        if (isRestored) of.restore(state);
        of.process(keys.map((key) => ({ key, at: 6 })));
        of.advance(9);
        const fired = results(of);
        const firings = keys.length;
        assert.equal(fired.length, firings, `${kind}: one result per key`);
        for (const key of keys) assert.ok(includesKey(fired, key), `${kind}: ${String(key)}`);
      }
    }
  });

  test(`timers find windows by keys of type ${name}`, () => {
    const plan = windowPlan<HarnessRecord, unknown, unknown, unknown>({
      uid: `${name}-timers`,
      assigner: tumbling(10),
      trigger: trigger.continuousEventTime(6),
      aggregate: { n: count() },
    });
    const of = new WindowHarness(plan, type);
    of.process([...keys, ...keys].map((key) => ({ key, at: 1 })));
    of.advance(6);
    const fired = results(of);
    assert.equal(fired.length, keys.length);
    for (const key of keys) assert.ok(includesKey(fired, key), String(key));
  });
}
