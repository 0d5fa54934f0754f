// Broadcast maps by themselves: what they hold, and how they go on from snapshots.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CHANGES, REFUSED } from "../types/evolution-rules.fixture.ts";
import { t } from "../types/t.ts";
import type { MapKey } from "../types/type.ts";
import {
  type BroadcastState,
  type BroadcastStateDescriptor,
  type BroadcastStateDescriptors,
  broadcastState,
} from "./broadcast-state.ts";
import { OperatorStateBackend, operatorListState, unionListState } from "./operator-state.ts";
import type { OperatorStateSnapshot } from "./operator-state.ts";

type AnyMap = BroadcastState<MapKey, unknown>;

/** A backend whose broadcast side runs. */
function backendOf(states: BroadcastStateDescriptors) {
  const backend = new OperatorStateBackend("op", states);
  backend.setBroadcastSide(true);
  return backend;
}

function mapOf(descriptor: BroadcastStateDescriptor<MapKey, unknown>): AnyMap {
  return backendOf({ map: descriptor }).handles["map"];
}

/** What a map with these entries is in a snapshot. */
function stored(
  descriptor: BroadcastStateDescriptor<MapKey, unknown>,
  entries: Iterable<readonly [MapKey, unknown]>,
): OperatorStateSnapshot[] {
  const backend = backendOf({ map: descriptor });
  for (const [key, value] of entries) backend.handles["map"].set(key, value);
  return backend.snapshot();
}

test("a broadcast map holds its entries in the order of their keys' first setting", () => {
  const map = mapOf(broadcastState(t.string, t.int32));
  for (const [key, value] of Object.entries({ b: 1, a: 2, c: 3 })) map.set(key, value);
  map.set("b", 4);
  assert.equal(map.delete("a"), true);
  assert.equal(map.delete("a"), false);
  assert.deepEqual(
    [...map.entries()],
    [
      ["b", 4],
      ["c", 3],
    ],
  );
  assert.deepEqual([[...map.keys()], [...map.values()], map.size], [["b", "c"], [4, 3], 2]);
  assert.deepEqual([map.get("b"), map.has("a"), map.get("a")], [4, false, undefined]);
  map.clear();
  assert.deepEqual([map.size, map.get("b")], [0, undefined]);
});

test("keys are equal as those of keyed state: NaN is, and zeros of floats differ", () => {
  const floats = mapOf(broadcastState(t.float64, t.string));
  for (const key of [NaN, 0, -0, NaN]) floats.set(key, String(floats.size));
  assert.deepEqual([...floats.keys()], [NaN, 0, -0]);
  assert.deepEqual([floats.get(NaN), floats.get(0), floats.get(-0)], ["3", "1", "2"]);
  const ints = mapOf(broadcastState(t.int32, t.string));
  ints.set(-0, "zero");
  assert.equal(ints.get(0), "zero");
});

test("a value stays what it was when it was set", () => {
  const map = mapOf(broadcastState(t.string, t.struct({ list: t.list(t.int32) })));
  const value = { list: [1] };
  map.set("a", value);
  assert.throws(() => value.list.push(2), TypeError);
  assert.throws(() => map.set("b", { list: ["x"] }), { code: "VALUE_TYPE_MISMATCH" });
  assert.deepEqual([...map.entries()], [["a", { list: [1] }]]);
});

test("a snapshot is what the map was, and is restored in order", () => {
  const descriptor = broadcastState(t.float64, t.struct({ a: t.optional(t.string) }));
  const entries = [
    [-0, { a: "x" }],
    [5, { a: undefined }],
    [0, { a: "y" }],
    [NaN, { a: "z" }],
  ] as const;
  const backend = backendOf({ map: descriptor });
  const { map } = backend.handles;
  for (const [key, value] of entries) map.set(key, value);
  const parts = backend.snapshot();
  map.set(5, { a: "later" });
  map.delete(0);
  assert.deepEqual(
    parts.map(({ name, mode, elements }) => [name, mode, elements.length]),
    [["map", "broadcast", 4]],
  );
  backend.restore(parts);
  assert.deepEqual([...map.entries()], entries);
  backend.restore([]);
  assert.equal(map.size, 0);
});

for (const [what, before, after, , old, now] of CHANGES) {
  test(`broadcast state: ${what}`, () => {
    const backend = backendOf({ map: broadcastState<string, unknown>(t.string, after) });
    backend.restore(stored(broadcastState<string, unknown>(t.string, before), [["k", old]]));
    assert.deepStrictEqual([...backend.handles["map"].entries()], [["k", now]]);
  });
}

for (const [what, before, after, path] of REFUSED) {
  test(`broadcast state: ${what} is refused, with state and path`, () => {
    const backend = backendOf({ map: broadcastState<string, unknown>(t.string, after) });
    const parts = stored(broadcastState<string, unknown>(t.string, before), []);
    assert.throws(
      () => backend.restore(parts),
      (error: Error) => {
        const { code, details } = error as Error & { code: string; details: { path: string } };
        assert.deepEqual([code, details.path], ["STATE_MISMATCH", path]);
        return true;
      },
    );
  });
}

test("keys never change, migrate is called per value, and a renamed state is found", () => {
  const parts = stored(broadcastState(t.string, t.string, { version: 1 }), [["a", "1"]]);
  const keys = backendOf({ map: broadcastState(t.int32, t.string, { version: 1 }) });
  assert.throws(() => keys.restore(parts), /its keys: string, now declared as int32/);
  const migrate = (old: unknown, from: number): number => Number(old) * 10 + from;
  const options = { version: 2, migrate, aliases: ["map"] };
  const backend = backendOf({ now: broadcastState(t.string, t.int32, options) });
  backend.restore(parts);
  assert.deepEqual([...backend.handles["now"].entries()], [["a", 11]]);
});

test("a list never becomes a broadcast map, nor a map a list", () => {
  const parts = stored(broadcastState(t.string, t.int32), [["a", 1]]);
  for (const make of [operatorListState, unionListState]) {
    const list = new OperatorStateBackend("op", { map: make(t.map(t.string, t.int32)) });
    assert.throws(() => list.restore(parts), /operator-broadcast int32, now declared as operator-/);
    const backend = backendOf({ map: broadcastState(t.string, t.int32) });
    assert.throws(() => backend.restore(list.snapshot()), /now declared as operator-broadcast/);
  }
});

test("keys are of a type that can be one", () => {
  assert.throws(() => broadcastState(t.struct({}) as never, t.int32), /keys of type struct/);
  assert.throws(
    () => broadcastState(t.renamed("a", t.string), t.int32),
    /as the key of a broadcast state/,
  );
});
