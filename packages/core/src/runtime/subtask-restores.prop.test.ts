// Dealing state out among subtasks, against models that go key group by key group and element by
// element.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { GraphNode } from "../graph/stream-graph.ts";
import type { OperatorSnapshot } from "../snapshot/metadata.ts";
import type { OperatorStateMode } from "../state/operator-state.ts";
import { keyGroupRange, subtaskOf } from "../types/key.ts";
import type { OperatorRestore } from "./messages.ts";
import { listOf, segment, stored } from "./snapshots.fixture.ts";
import { operatorRestores } from "./subtask-restores.ts";

const SEED = process.env["OXBOW_SEED"];
const RUNS = { numRuns: 300, ...(SEED === undefined ? {} : { seed: Number(SEED) }) };
const MAX_PARALLELISM = 32;

const parallelism = fc.integer({ min: 1, max: MAX_PARALLELISM });

function restores(
  snapshot: OperatorSnapshot,
  to: number,
  node: Partial<GraphNode>,
): OperatorRestore[] {
  const vertex = { parallelism: to, maxParallelism: snapshot.maxParallelism };
  return operatorRestores(
    { node: { uid: "op", states: [], ...node } as GraphNode, vertex },
    snapshot,
  );
}

const KEYED = { key: { by: "key", type: undefined } } as Partial<GraphNode>;

test("each old subtask's rows go to all that own one of its key groups, and to no others", () => {
  fc.assert(
    fc.property(parallelism, parallelism, fc.integer({ min: 0, max: 3 }), (from, to, deltas) => {
      const parts = Array.from({ length: from }, (_, old) => {
        const range = keyGroupRange(old, from, MAX_PARALLELISM);
        return {
          segments: Array.from({ length: 1 + deltas }, (_each, n) => segment(`${old}/${n}`, range)),
        };
      });
      const snapshot = stored({ uid: "op", maxParallelism: MAX_PARALLELISM, parts });
      const wanted = Array.from({ length: to }, () => new Set<number>());
      for (let group = 0; group < MAX_PARALLELISM; group++) {
        const old = subtaskOf(group, from, MAX_PARALLELISM);
        wanted[subtaskOf(group, to, MAX_PARALLELISM)].add(old);
      }
      const files = restores(snapshot, to, KEYED).map(({ segments }) =>
        segments.map(({ file }) => file),
      );
      const expected = wanted.map((olds) =>
        [...olds].flatMap((old) => Array.from({ length: 1 + deltas }, (_, n) => `${old}/${n}`)),
      );
      assert.deepEqual(files, expected);
    }),
    RUNS,
  );
});

test("the watermark is the lowest of the old owners of its key groups, ended if all had", () => {
  const point = fc.record({
    watermark: fc.option(fc.nat(9), { nil: undefined }),
    hasEnded: fc.boolean(),
  });
  const cases = parallelism.chain((from) =>
    fc.tuple(fc.array(point, { minLength: from, maxLength: from }), parallelism),
  );
  fc.assert(
    fc.property(cases, ([points, to]) => {
      const snapshot = stored({ uid: "op", maxParallelism: MAX_PARALLELISM, parts: points });
      const expected = Array.from({ length: to }, () => ({ watermark: Infinity, hasEnded: true }));
      for (let group = 0; group < MAX_PARALLELISM; group++) {
        const old = points[subtaskOf(group, points.length, MAX_PARALLELISM)];
        const own = expected[subtaskOf(group, to, MAX_PARALLELISM)];
        own.watermark = Math.min(own.watermark, old.watermark ?? -Infinity);
        own.hasEnded &&= old.hasEnded;
      }
      const actual = restores(snapshot, to, KEYED).map(({ watermark, hasEnded }) => ({
        watermark: watermark ?? -Infinity,
        hasEnded,
      }));
      assert.deepEqual(actual, expected);
    }),
    RUNS,
  );
});

/** A snapshot of lists, one per subtask. */
function withLists(lists: readonly (readonly string[])[], mode: OperatorStateMode) {
  const parts = lists.map((values) => ({ states: [listOf("list", values, mode)] }));
  return stored({ uid: "op", kind: "process", rowsCount: 0, parts });
}

/** The lists of a restore, as text. */
function listsOf(parts: readonly OperatorRestore[]): string[][] {
  return parts.map(({ states }) => states.flatMap(({ elements }) => elements.map(String)));
}

const lists = fc.array(fc.array(fc.string({ maxLength: 3 }), { maxLength: 9 }), {
  minLength: 1,
  maxLength: MAX_PARALLELISM,
});

test("dealing a split list out keeps every element once, in order, in parts of even size", () => {
  fc.assert(
    fc.property(lists, fc.array(parallelism, { minLength: 1, maxLength: 4 }), (given, widths) => {
      let current = listsOf(restores(withLists(given, "split"), given.length, {}));
      assert.deepEqual(current.flat().length, given.flat().length);
      let snapshot = withLists(given, "split");
      for (const width of widths) {
        const parts = restores(snapshot, width, {});
        const dealt = listsOf(parts);
        assert.deepEqual(dealt.flat(), current.flat());
        if (width === current.length) assert.deepEqual(dealt, current);
        else {
          const sizes = dealt.map(({ length }) => length);
          assert.deepEqual(
            sizes,
            sizes.toSorted((a, b) => b - a),
          );
          assert.ok(sizes[0] - sizes[width - 1] <= 1);
        }
        current = dealt;
        snapshot = stored({ uid: "op", kind: "process", rowsCount: 0, parts });
      }
    }),
    RUNS,
  );
});

test("every subtask gets all of a union list, in order of the old subtasks", () => {
  fc.assert(
    fc.property(lists, parallelism, (given, to) => {
      const all = listsOf(restores(withLists(given, "split"), 1, {}))[0];
      const dealt = listsOf(restores(withLists(given, "union"), to, {}));
      assert.deepEqual(
        dealt,
        Array.from({ length: to }, () => all),
      );
    }),
    RUNS,
  );
});

test("every subtask gets one copy of a broadcast map, its own where there is one", () => {
  fc.assert(
    fc.property(lists, parallelism, (given, to) => {
      const parts = restores(withLists(given, "broadcast"), to, {});
      const originals = listsOf(restores(withLists(given, "split"), given.length, {}));
      const copies = Array.from({ length: to }, (_, index) => originals[index % given.length]);
      assert.deepEqual(listsOf(parts), copies);
    }),
    RUNS,
  );
});
