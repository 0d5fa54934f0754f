import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyColumn } from "../columns/key-column.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import type { Pane } from "../state/keyed-backend.ts";
import { t } from "../types/t.ts";
import { sliding } from "./assigner.ts";
import { DecodedValues } from "./decoded-values.ts";
import { aggregateFunction } from "./function-aggregates.ts";
import { RowKeyReader } from "./row-key.ts";
import { ScratchAccumulators } from "./scratch-accumulators.ts";
import { WindowHarness } from "./window-harness.fixture.ts";
import type { HarnessRecord } from "./window-harness.fixture.ts";
import { windowPlan } from "./window-plan.ts";

/** A pane with the keys `key-0` to `key-<count − 1>`. */
function paneOf(count: number): Pane {
  const backend = new HashMapBackend({
    uid: "windows",
    keyType: t.string,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    states: {},
    clockNow: () => 0,
  });
  const family = backend.family({
    name: "panes",
    columns: [{ name: "n", type: t.int64 }],
    children: [],
  });
  const pane = family.open({ start: 0, end: 10 });
  const keys = new KeyColumn("string");
  keys.reset(count);
  keys.strings = Array.from({ length: count }, (_, n) => `key-${n}`);
  pane.table.lookup(keys, count, new Int32Array(count), "upsert");
  return pane;
}

/** Merges the first `count` rows of a pane. */
function fill(scratch: ScratchAccumulators, { table }: Pane, count: number): number[] {
  const rows: number[] = [];
  let from = 0;
  for (let n = 0; n < count; n++) {
    from = table.nextRow(from);
    rows.push(scratch.rowLike(table, from));
  }
  return rows;
}

test("room is kept for windows of one size, and given back after a much larger one", () => {
  const pane = paneOf(10_000);
  const scratch = new ScratchAccumulators(pane, []);
  const keys = new RowKeyReader(pane.table.layout);
  for (let window = 0; window < 3; window++) {
    const rows = fill(scratch, pane, 10_000);
    assert.equal(scratch.table.rowsCount, 10_000);
    assert.equal(keys.read(scratch.table, rows[9_999]), keys.read(pane.table, 10_000));
    const decoded = new DecodedValues();
    decoded.set(scratch.table, rows[0], "of this window");
    scratch.clear();
    assert.equal(decoded.get(scratch.table, rows[0]), undefined);
    assert.equal(scratch.table.rowsCount, 0);
    assert.equal(scratch.table.nextRow(0), 0);
    assert.ok(scratch.table.capacity >= 10_000, "the room is kept");
    assert.equal(scratch.table.arena.sizeBytes, 0, "the bytes of keys are not");
  }
  fill(scratch, pane, 10);
  scratch.clear();
  assert.ok(scratch.table.sizeBytes < 1_000, `${scratch.table.sizeBytes} bytes`);
});

/** The last text by order of letters. */
const last = aggregateFunction({
  create: () => "",
  add: (own, { text }: Texted) => (text > own ? text : own),
  merge: (a, b) => (a > b ? a : b),
  result: (own) => own,
  type: t.string,
});

interface Texted extends HarnessRecord {
  readonly key: string;
  readonly text: string;
}

test("accumulators that are decoded are those of their window, however many come and go", () => {
  const plan = windowPlan<Texted, string, unknown, unknown>({
    uid: "texts",
    assigner: sliding(30, 10),
    aggregate: { last },
  });
  const harness = new WindowHarness(plan, t.string);
  const expected = new Map<string, string>();
  for (let pane = 0; pane < 24; pane++) {
    // Many keys, then few: room is kept for some windows and given back after others.
    const keys = pane % 6 < 3 ? 300 : 5;
    const records = Array.from({ length: keys * 2 }, (_, n): Texted => {
      const at = pane * 10 + (n % 10);
      return { key: `k${n % keys}`, at, text: `${(n * 7919 + pane * 31) % 1009}` };
    });
    harness.process(records);
    for (const { key, text } of records) {
      for (let end = pane * 10 + 10; end <= pane * 10 + 30; end += 10) {
        const name = `${key} ${end}`;
        if (text > (expected.get(name) ?? "")) expected.set(name, text);
      }
    }
    harness.advance(pane * 10 + 9);
  }
  harness.advance(1_000);
  const results = harness.results.map(({ record }) => {
    const {
      key,
      window,
      last: text,
    } = record as {
      readonly key: string;
      readonly window: { readonly end: number };
      readonly last: string;
    };
    return [`${key} ${window.end}`, text] as const;
  });
  assert.equal(results.length, expected.size);
  assert.deepEqual(new Map(results), expected);
});
