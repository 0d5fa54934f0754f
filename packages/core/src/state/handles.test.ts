import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyColumn } from "../columns/key-column.ts";
import { t } from "../types/t.ts";
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  type StateDescriptors,
  valueState,
} from "./descriptors.ts";
import { HashMapBackend } from "./hashmap-backend.ts";

function backendOf<S extends StateDescriptors>(states: S, clockNow: () => number = () => 0) {
  return new HashMapBackend({
    uid: "op",
    keyType: t.string,
    maxParallelism: 128,
    keyGroupStart: 0,
    keyGroupEnd: 128,
    states,
    clockNow,
    verify: true,
  });
}

const STATS = t.struct({ count: t.int32, label: t.string, at: t.optional(t.timestamp) });

test("fields of a struct read and write the row, and start from the declared default", () => {
  const { states, setCurrentKey } = bound(
    backendOf({ stats: valueState(STATS, { default: { count: 10, label: "new" } }) }),
  );
  setCurrentKey("a");
  assert.equal(states.stats.fields.count, 10);
  assert.equal(states.stats.has(), false);
  states.stats.fields.count++;
  assert.deepEqual(states.stats.get(), { count: 11, label: "new", at: undefined });
  states.stats.fields.at = 5;
  states.stats.fields.label = "a label that does not fit into sixteen bytes";
  assert.equal(states.stats.get().at, 5);
  states.stats.fields.at = undefined;
  assert.equal(states.stats.get().at, undefined);
  setCurrentKey("b");
  assert.equal(states.stats.get().count, 10);
  setCurrentKey("a");
  states.stats.clear();
  states.stats.fields.label = "x";
  assert.deepEqual(states.stats.get(), { count: 10, label: "x", at: undefined });
});

test("a value that is not of the type is refused with its field, and leaves no row", () => {
  const backend = backendOf({ stats: valueState(STATS), n: valueState(t.int32) });
  const { stats, n } = backend.states;
  backend.setCurrentKey("a");
  const refused = (run: () => void, pattern: RegExp): void =>
    assert.throws(run, (error: Error & { code?: string }) => {
      assert.equal(error.code, "VALUE_TYPE_MISMATCH");
      assert.match(error.message, pattern);
      return true;
    });
  refused(() => n.set(1.5), /1\.5/);
  refused(() => n.set(undefined as unknown as number), /undefined/);
  refused(() => stats.set(null as unknown as { count: number; label: string }), /null/);
  refused(() => stats.set({ count: 1, label: 7 as unknown as string }), /field label .* number 7/);
  refused(() => stats.set({ count: 1.5, label: "x" }), /field count .* number 1\.5/);
  assert.equal(backend.main.rowsCount, 0);
  stats.set({ count: 1, label: "x" });
  refused(() => (stats.fields.label = 7 as unknown as string), /field label .* number 7/);
  refused(() => (stats.fields.count = 1.5), /field count .* number 1\.5/);
  assert.deepEqual(stats.get(), { count: 1, label: "x", at: undefined });
});

test("what get returns is frozen while verifying and never written back", () => {
  const backend = backendOf({ v: valueState(t.list(t.struct({ a: t.int32 }))) });
  backend.setCurrentKey("a");
  backend.states.v.set([{ a: 1 }]);
  const got = backend.states.v.get();
  assert.throws(() => ((got as { a: number }[])[0].a = 2), TypeError);
  assert.deepEqual(backend.states.v.get(), [{ a: 1 }]);
});

test("every kind of type comes back as it was set", () => {
  const type = t.struct({
    bool: t.bool,
    int64: t.int64,
    big: t.bigint64,
    float: t.float64,
    time: t.timestamp,
    bytes: t.bytes,
    any: t.any,
    kind: t.enum("a", "b"),
    list: t.list(t.string),
    map: t.map(t.string, t.int32),
    nested: t.struct({ x: t.float64 }),
    union: t.union("kind", { p: { x: t.int32 }, q: { y: t.string } }),
  });
  const value = {
    bool: true,
    int64: -9007199254740991,
    big: -(2n ** 63n),
    float: -0,
    time: 5,
    bytes: new Uint8Array([1, 2]),
    any: { deep: [1, "x", null] },
    kind: "b" as const,
    list: ["", "☃"],
    map: new Map([["k", 1]]),
    nested: { x: NaN },
    union: { kind: "q" as const, y: "z" },
  };
  const backend = backendOf({ v: valueState(type) });
  backend.setCurrentKey("a");
  backend.states.v.set(value);
  const got = backend.states.v.get();
  assert.deepEqual({ ...got, bytes: [...(got?.bytes ?? [])] }, { ...value, bytes: [1, 2] });
  assert.ok(Object.is(got?.float, -0));
});

test("decoded values are never served for another key's row or an older value", () => {
  const backend = backendOf({ v: valueState(t.string) });
  const { v } = backend.states;
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 2000; n++) {
      backend.setCurrentKey(`k${n}`);
      v.set(`v${n}/${round}`);
    }
    for (let n = 0; n < 2000; n++) {
      backend.setCurrentKey(`k${n}`);
      assert.equal(v.get(), `v${n}/${round}`);
      if (n % 3 === 0) v.clear();
    }
    for (let n = 0; n < 2000; n++) {
      backend.setCurrentKey(`k${n}`);
      assert.equal(v.get(), n % 3 === 0 ? undefined : `v${n}/${round}`);
    }
  }
});

test("reducing and aggregating states fold what is added", () => {
  const backend = backendOf({
    max: reducingState(t.int32, (a, b) => Math.max(a, b)),
    mean: aggregatingState(t.struct({ n: t.int32, sum: t.float64 }), {
      create: () => ({ n: 0, sum: 0 }),
      add: (a, value: number) => ({ n: a.n + 1, sum: a.sum + value }),
      result: (a) => a.sum / a.n,
    }),
  });
  const { max, mean } = backend.states;
  backend.setCurrentKey("a");
  assert.equal(max.get(), undefined);
  assert.equal(mean.get(), undefined);
  for (const n of [3, 9, 6]) {
    max.add(n);
    mean.add(n);
  }
  assert.equal(max.get(), 9);
  assert.equal(mean.get(), 6);
  max.clear();
  mean.clear();
  assert.equal(backend.main.rowsCount, 0);
});

test("lists keep their order; maps take numbers and enums as keys", () => {
  const backend = backendOf({
    list: listState(t.optional(t.int32)),
    points: listState(t.struct({ x: t.int32, y: t.optional(t.string) })),
    byNumber: mapState(t.float64, t.string),
    byKind: mapState(t.enum("up", "down"), t.list(t.int32)),
  });
  const { list, points, byNumber, byKind } = backend.states;
  backend.setCurrentKey("a");
  list.addAll([1, undefined, 3]);
  assert.deepEqual([...list.get()], [1, undefined, 3]);
  points.add({ x: 1, y: "one" });
  points.add({ x: 2 });
  assert.deepEqual(
    [...points.get()],
    [
      { x: 1, y: "one" },
      { x: 2, y: undefined },
    ],
  );
  for (const [key, text] of [
    [NaN, "nan"],
    [-0, "-0"],
    [0, "0"],
  ] as const)
    byNumber.set(key, text);
  assert.deepEqual([byNumber.get(NaN), byNumber.get(-0), byNumber.get(0)], ["nan", "-0", "0"]);
  assert.equal(byNumber.size, 3);
  byKind.set("up", [1]);
  assert.deepEqual([...byKind.entries()], [["up", [1]]]);
  assert.throws(() => byKind.set("left" as "up", []), { code: "KEY_TYPE_UNSUPPORTED" });
});

test("using state without a current key says so", () => {
  const backend = backendOf({ n: valueState(t.int32) });
  assert.throws(() => backend.states.n.set(1), { code: "INVALID_ARGUMENT" });
  assert.throws(() => backend.eventTimers.register(1), { code: "INVALID_ARGUMENT" });
});

test("names that would collide are refused when the backend is made", () => {
  for (const name of ["", "$main", "a#b", "a/b", "x".repeat(201)]) {
    assert.throws(() => backendOf({ [name]: valueState(t.int32) }), { code: "INVALID_ARGUMENT" });
  }
  const colliding = { a: valueState(STATS), "a.count": valueState(t.int32) };
  assert.throws(() => backendOf(colliding), { code: "INVALID_ARGUMENT" });
});

/** A backend whose methods can be taken off it. */
function bound<S extends StateDescriptors>(backend: HashMapBackend<S>) {
  return {
    states: backend.states,
    setCurrentKey: (key: unknown): void => backend.setCurrentKey(key),
  };
}

test("keys of a batch that is longer than any before are found", () => {
  for (const rowsCount of [0, 1]) {
    const backend = backendOf({ n: valueState(t.int32) });
    const keys = new KeyColumn("string");
    const fill = (count: number): void => {
      keys.reset(count);
      keys.strings = Array.from({ length: count }, (_, index) => `key ${index}`);
    };
    if (rowsCount > 0) {
      backend.setCurrentKey("key 1500");
      backend.states.n.set(7);
    }
    for (const count of [3, 2000]) {
      fill(count);
      backend.prepare(keys);
      for (let index = 0; index < count; index++) {
        backend.setCurrent(keys, index);
        const expected = rowsCount > 0 && index === 1500 ? 7 : undefined;
        assert.equal(backend.states.n.get(), expected, `key ${index} of ${count}`);
      }
    }
  }
});
