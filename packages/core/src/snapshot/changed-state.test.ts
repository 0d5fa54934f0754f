// Each rule of docs/semantics/savepoints.md, "Changing types", for each kind of state: written with
// one declaration, read with another.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  type StateDescriptor,
  type StateDescriptors,
  type StateOptions,
  valueState,
} from "../state/descriptors.ts";
import { CHANGES, REFUSED } from "../types/evolution-rules.fixture.ts";
import { renderType, schemaOf } from "../types/schema.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import { inShop, type StateShop } from "./changed-state.fixture.ts";

type Options = StateOptions & { readonly migrate?: (old: unknown, from: number) => unknown };

/** A kind of state that holds values of a type, and how one is put in and got out. */
interface Kind {
  readonly name: string;
  declare(type: Type<unknown>, options?: Options): StateDescriptor;
  put(handle: unknown, value: unknown): void;
  get(handle: unknown): unknown;
}

interface Handle {
  set(value: unknown): void;
  add(value: unknown): void;
  get(): unknown;
}
interface MapHandle {
  set(key: string, value: unknown): void;
  get(key: string): unknown;
}

const last = { create: () => 0, add: (_: unknown, value: unknown) => value, result: same };
function same(value: unknown): unknown {
  return value;
}

const KINDS: readonly Kind[] = [
  {
    name: "value",
    declare: (type, options) => valueState(type, options),
    put: (handle, value) => (handle as Handle).set(value),
    get: (handle) => (handle as Handle).get(),
  },
  {
    name: "list",
    declare: (type, options) => listState(type, options),
    put: (handle, value) => (handle as Handle).add(value),
    get: (handle) => [...(handle as { get(): Iterable<unknown> }).get()][0],
  },
  {
    name: "map",
    declare: (type, options) => mapState(t.string, type, options),
    put: (handle, value) => (handle as MapHandle).set("k", value),
    get: (handle) => (handle as MapHandle).get("k"),
  },
  {
    name: "reducing",
    declare: (type, options) => reducingState(type, (_, value) => value, options),
    put: (handle, value) => (handle as Handle).add(value),
    get: (handle) => (handle as Handle).get(),
  },
  {
    name: "aggregating",
    declare: (type, options) => aggregatingState(type, last, options),
    put: (handle, value) => (handle as Handle).add(value),
    get: (handle) => (handle as Handle).get(),
  },
];

/** Declared options of one state before and after, and what is in it. */
interface Change {
  readonly before: StateDescriptors;
  readonly after: StateDescriptors;
  fill(handles: Readonly<Record<string, unknown>>): void;
}

/** Writes with the old declaration, for the key "a", and loads with the new one. */
async function changed(shop: StateShop, { before, after, fill }: Change) {
  const stored = shop.backend(before);
  stored.setCurrentKey("a");
  fill(stored.states);
  const { segment } = await shop.write(stored);
  const backend = shop.backend(after);
  const isConverted = await shop.load(backend, [segment]);
  backend.setCurrentKey("a");
  return { backend, isConverted };
}

for (const kind of KINDS) {
  for (const [what, stored, declared, , before, after] of CHANGES) {
    test(`${kind.name} state: ${what}`, () =>
      inShop(async (shop) => {
        const { backend, isConverted } = await changed(shop, {
          before: { s: kind.declare(stored) },
          after: { s: kind.declare(declared) },
          fill: ({ s }) => kind.put(s, before),
        });
        assert.deepStrictEqual(kind.get(backend.states.s), after);
        assert.equal(isConverted, true);
        assert.equal(await shop.buildsOn(backend), false, "the next checkpoint is full");
      }));
  }

  for (const [what, stored, declared, path] of REFUSED) {
    test(`${kind.name} state: ${what} is refused with state, path and both types`, () =>
      inShop(async (shop) => {
        const change: Change = {
          before: { s: kind.declare(stored), other: valueState(t.int32) },
          after: { s: kind.declare(declared), other: valueState(t.int32) },
          fill: ({ other }) => (other as Handle).set(1),
        };
        await assert.rejects(changed(shop, change), (error: Error & { details?: object }) => {
          const { stored: was, declared: is, ...details } = error.details as Details;
          assert.deepEqual([details.uid, details.state, details.path], ["op", "s", path]);
          assert.ok(error.message.includes(was) && error.message.includes(is), error.message);
          if (path === "") assert.deepEqual([was, is], [stored, declared].map(renderType));
          return true;
        });
      }));
  }

  test(`${kind.name} state: what did not change is a base of the next checkpoint`, () =>
    inShop(async (shop) => {
      const states = { s: kind.declare(t.struct({ a: t.int32 })) };
      const { backend, isConverted } = await changed(shop, {
        before: states,
        after: { ...states, added: valueState(t.int32) },
        fill: ({ s }) => kind.put(s, { a: 1 }),
      });
      assert.deepEqual(kind.get(backend.states.s), { a: 1 });
      assert.equal(isConverted, false);
      kind.put(backend.states.s, { a: 2 });
      assert.equal(await shop.buildsOn(backend), true);
    }));

  test(`${kind.name} state: a renamed one goes on by its alias`, () =>
    inShop(async (shop) => {
      const type = t.struct({ a: t.int32, b: t.string });
      const { backend, isConverted } = await changed(shop, {
        before: { old: kind.declare(type, { ttl: { ttlMs: 100 } }) },
        after: { now: kind.declare(type, { ttl: { ttlMs: 100 }, aliases: ["older", "old"] }) },
        fill: ({ old }) => kind.put(old, { a: 1, b: "x" }),
      });
      assert.equal(isConverted, true);
      shop.now = 99;
      assert.deepEqual(kind.get(backend.states.now), { a: 1, b: "x" });
      shop.now = 100;
      assert.equal(kind.get(backend.states.now), undefined, "its age goes on too");
      shop.now = 0;
    }));

  test(`${kind.name} state: migrate makes new values of old ones, each once`, () =>
    inShop(async (shop) => {
      const seen: unknown[] = [];
      const migrate = (old: unknown, fromVersion: number): unknown => {
        seen.push([old, fromVersion]);
        const { text } = old as { text: string };
        return { words: text.split(" "), version: fromVersion };
      };
      const words = t.struct({ words: t.list(t.string), version: t.int32 });
      const { backend, isConverted } = await changed(shop, {
        before: { s: kind.declare(t.struct({ text: t.string, n: t.optional(t.int32) })) },
        after: { s: kind.declare(words, { version: 2, migrate }) },
        fill: ({ s }) => kind.put(s, { text: "a b" }),
      });
      assert.deepEqual(kind.get(backend.states.s), { words: ["a", "b"], version: 0 });
      assert.deepEqual(seen, [[{ text: "a b", n: undefined }, 0]]);
      assert.equal(isConverted, true);
      const { segment } = await shop.write(backend);
      const again = shop.backend({ s: kind.declare(words, { version: 2, migrate }) });
      assert.equal(await shop.load(again, [segment]), false, "its version is stored");
      assert.equal(seen.length, 1);
    }));

  test(`${kind.name} state: a migrate that fails names operator and state`, () =>
    inShop(async (shop) => {
      const failing: [(old: unknown) => unknown, RegExp][] = [
        [
          () => {
            throw new TypeError("no idea");
          },
          /migrate function of state "s" of "op" threw, for a value of version 0: TypeError: no id/,
        ],
        [String, /"s" of "op" returned what the state cannot hold.* the string "1"/],
        [() => Promise.resolve(1), /returned what the state cannot hold.*class Promise/],
      ];
      for (const [migrate, message] of failing) {
        const change: Change = {
          before: { s: kind.declare(t.int32) },
          after: { s: kind.declare(t.float64, { version: 1, migrate }) },
          fill: ({ s }) => kind.put(s, 1),
        };
        await assert.rejects(changed(shop, change), (error: Error & { code?: string }) => {
          assert.equal(error.code, "USER_FUNCTION_FAILED");
          assert.match(error.message, message);
          return true;
        });
      }
    }));

  test(`${kind.name} state: one that is gone is refused, or dropped where that is allowed`, () =>
    inShop(async (shop) => {
      const kept = { kept: valueState(t.int32) };
      const stored = shop.backend({ ...kept, gone: kind.declare(t.struct({ a: t.string })) });
      for (const key of ["a", "b"]) {
        stored.setCurrentKey(key);
        kind.put(stored.states.gone, { a: key });
        if (key === "a") stored.states.kept.set(1);
      }
      const { segment } = await shop.write(stored);
      await assert.rejects(shop.load(shop.backend(kept), [segment]), {
        code: "STATE_MISMATCH",
        message: /state "gone" of operator "op" \(.* struct\{a: string\}\), which does not declare/,
      });
      await assert.rejects(shop.load(shop.backend(kept), [segment], new Set(["kept"])), /"gone"/);
      for (const mayDrop of [new Set(["gone"]), "all"] as const) {
        const backend = shop.backend(kept);
        assert.equal(await shop.load(backend, [segment], mayDrop), true);
        const keys: unknown[] = [];
        backend.forEachKey((key) => keys.push([key, backend.states.kept.get()]));
        assert.deepEqual(keys, [["a", 1]], "of a key of which nothing is left nothing stays");
      }
    }));
}

interface Details {
  readonly uid: string;
  readonly state: string;
  readonly path: string;
  readonly stored: string;
  readonly declared: string;
}

test("keys never change: those of the operator, and those of a map, at whatever place", () =>
  inShop(async (shop) => {
    const key = t.struct({ a: t.int32, b: t.string });
    const wider = t.struct({ a: t.int64, b: t.string });
    const stored = shop.backend({ n: valueState(t.int32) }, key);
    stored.setCurrentKey({ a: 1, b: "x" });
    stored.states.n.set(1);
    const { segment } = await shop.write(stored);
    const other = shop.backend({ n: valueState(t.int32) }, wider);
    await assert.rejects(shop.load(other, [segment]), {
      code: "STATE_MISMATCH",
      message: /operator "op", its keys: struct\{a: int32, .*, now declared as struct\{a: int64,/,
    });
    const map: Change = {
      before: { m: mapState(t.enum("a"), t.int32) },
      after: { m: mapState(t.enum("a", "b"), t.int32, { version: 1, migrate: Number }) },
      fill: ({ m }) => (m as MapHandle).set("a", 1),
    };
    await assert.rejects(changed(shop, map), {
      code: "STATE_MISMATCH",
      message:
        /state "m" of operator "op", its keys: enum\("a"\), now declared as enum\("a" \| "b"/,
    });
  }));

test("a value becomes a reducing state and back, and no other kind another", () =>
  inShop(async (shop) => {
    const type = t.struct({ n: t.int32 });
    const [value, , , reducing] = KINDS;
    for (const [from, to] of [
      [value, reducing],
      [reducing, value],
    ]) {
      const { backend } = await changed(shop, {
        before: { s: from.declare(type) },
        after: { s: to.declare(type) },
        fill: ({ s }) => from.put(s, { n: 1 }),
      });
      assert.deepEqual(to.get(backend.states.s), { n: 1 });
    }
    for (const from of KINDS) {
      for (const to of KINDS) {
        if (from === to || (from.name + to.name).match(/^(valuereducing|reducingvalue)$/)) continue;
        const change: Change = {
          before: { s: from.declare(type) },
          after: { s: to.declare(type, { version: 1, migrate: same }) },
          fill: ({ s }) => from.put(s, { n: 1 }),
        };
        await assert.rejects(changed(shop, change), { code: "STATE_MISMATCH" });
      }
    }
  }));

test("a lower version than the stored one is refused without a migrate", () =>
  inShop(async (shop) => {
    const change = (options: Options): Change => ({
      before: { s: valueState(t.int32, { version: 2 }) },
      after: { s: valueState(t.int32, options as StateOptions<number>) },
      fill: ({ s }) => (s as Handle).set(5),
    });
    await assert.rejects(
      changed(shop, change({ version: 1 })),
      /version 2, now .*version 1 \(a low/,
    );
    const migrate = (old: unknown, from: number): number => (old as number) * 10 + from;
    const { backend } = await changed(shop, change({ version: 1, migrate }));
    assert.equal(KINDS[0].get(backend.states.s), 52);
  }));

test("a renamed map and list take tombstones and clears of deltas with them", () =>
  inShop(async (shop) => {
    const stored = shop.backend({ list: listState(t.int32), map: mapState(t.string, t.int32) });
    const fill = (from: number): void => {
      stored.states.list.addAll([from, from + 1]);
      stored.states.map.set("x", from);
      stored.states.map.set("y", from);
    };
    for (const key of ["a", "b"]) {
      stored.setCurrentKey(key);
      fill(1);
    }
    const base = await shop.write(stored);
    stored.setCurrentKey("a");
    stored.states.list.clear();
    stored.states.list.add(9);
    stored.states.map.delete("x");
    stored.setCurrentKey("b");
    stored.states.map.clear();
    const delta = await shop.write(stored, base.id);
    assert.equal(delta.isDelta, true);
    const backend = shop.backend({
      numbers: listState(t.bigint64, { aliases: ["list"] }),
      entries: mapState(t.string, t.optional(t.float64), { aliases: ["map"] }),
    });
    await shop.load(backend, [base.segment, delta.segment]);
    const { numbers, entries } = backend.states;
    const found: unknown[] = [];
    backend.forEachKey((key) => found.push([key, [...numbers.get()], [...entries.entries()]]));
    assert.deepEqual(found, [
      ["a", [9n], [["y", 1]]],
      ["b", [1n, 2n], []],
    ]);
  }));

test("time to live can come and go together with other changes", () =>
  inShop(async (shop) => {
    const before = t.struct({ a: t.int32 });
    const after = t.struct({ a: t.int64, b: t.withDefault(t.string, "new") });
    const ttl = { ttl: { ttlMs: 100 } };
    for (const kind of KINDS) {
      shop.now = 0;
      const on = await changed(shop, {
        before: { s: kind.declare(before) },
        after: { s: kind.declare(after, ttl) },
        fill: ({ s }) => kind.put(s, { a: 1 }),
      });
      shop.now = 99;
      assert.deepEqual(kind.get(on.backend.states.s), { a: 1, b: "new" });
      shop.now = 100;
      assert.equal(kind.get(on.backend.states.s), undefined);
      shop.now = 0;
      const off = await changed(shop, {
        before: { s: kind.declare(before, ttl) },
        after: { s: kind.declare(after) },
        fill: ({ s }) => kind.put(s, { a: 1 }),
      });
      shop.now = 1e9;
      assert.deepEqual(kind.get(off.backend.states.s), { a: 1, b: "new" });
    }
  }));

test("keys that have nothing in a changed state have nothing afterwards", () =>
  inShop(async (shop) => {
    const stored = shop.backend({
      stats: valueState(t.struct({ a: t.int32, u: t.union("k", { x: {} }) })),
      one: valueState(t.optional(t.int32)),
      other: valueState(t.string),
      moved: valueState(t.struct({ x: t.int32 })),
    });
    stored.setCurrentKey("b");
    stored.states.moved.set({ x: 1 });
    stored.setCurrentKey("a");
    stored.states.other.set("only");
    const { segment } = await shop.write(stored);
    const calls: unknown[] = [];
    const migrate = (old: unknown): number => calls.push(old);
    const backend = shop.backend({
      stats: valueState(
        t.struct({
          a: t.bigint64,
          u: t.union("k", { y: {}, x: {} }),
          b: t.withDefault(t.int32, 4),
        }),
      ),
      one: valueState(t.withDefault(t.int64, 7)),
      other: valueState(t.string, { version: 1, migrate: (old) => `${old as string}!` }),
      moved: valueState(t.int32, { version: 1, migrate }),
      fresh: valueState(t.int32, { migrate }),
    });
    await shop.load(backend, [segment]);
    backend.setCurrentKey("a");
    const { stats, one, other, moved, fresh } = backend.states;
    assert.deepEqual(
      [stats.has(), stats.get(), one.has(), one.get()],
      [false, undefined, false, 7],
    );
    assert.deepEqual([other.get(), moved.get(), fresh.get()], ["only!", undefined, undefined]);
    assert.deepEqual(calls, [{ x: 1 }], "only what is there goes through migrate");
    stats.set({ a: 1n, u: { k: "y" }, b: 2 });
    assert.deepEqual(stats.get(), { a: 1n, u: { k: "y" }, b: 2 });
  }));

test("a struct with more fields than columns are made for still goes on, both ways", () =>
  inShop(async (shop) => {
    const fields = Object.fromEntries(Array.from({ length: 256 }, (_, n) => [`f${n}`, t.int32]));
    const small = t.struct(fields);
    const large = t.struct({ ...fields, more: t.withDefault(t.string, "m") });
    const value = Object.fromEntries(Object.keys(fields).map((name, n) => [name, n]));
    for (const kind of KINDS) {
      const grown = await changed(shop, {
        before: { s: kind.declare(small) },
        after: { s: kind.declare(large) },
        fill: ({ s }) => kind.put(s, value),
      });
      assert.deepEqual(kind.get(grown.backend.states.s), { ...value, more: "m" });
      const shrunk = await changed(shop, {
        before: { s: kind.declare(large) },
        after: { s: kind.declare(small) },
        fill: ({ s }) => kind.put(s, { ...value, more: "x" }),
      });
      assert.deepEqual(kind.get(shrunk.backend.states.s), value);
    }
  }));

test("timers go on whatever becomes of the states", () =>
  inShop(async (shop) => {
    const stored = shop.backend({ n: valueState(t.int32) });
    stored.setCurrentKey("a");
    stored.states.n.set(1);
    stored.eventTimers.register(5);
    const { segment } = await shop.write(stored);
    const backend = shop.backend({ n: valueState(t.float64) });
    await shop.load(backend, [segment]);
    const fired: unknown[] = [];
    backend.eventTimers.popDue(10, 10, (at) => fired.push([backend.currentKey(), at]));
    assert.deepEqual(fired, [["a", 5]]);
  }));

test("rows that their schemas do not explain are refused", () =>
  inShop(async (shop) => {
    const states = { n: valueState(t.int32), list: listState(t.int32) };
    const stored = shop.backend(states);
    const { schemas } = stored;
    const unread: [Record<string, unknown>, RegExp][] = [
      [{ ...schemas, x: { kind: "hologram" } }, /"x" of operator "op" have a kind of state that/],
      [{ ...schemas, x: 1 }, /a kind of state that this version does not know/],
      [{ ...schemas, x: { kind: "value" } }, /a kind of state/],
      [{ ...schemas, x: { kind: "table", columns: [] } }, /state "x" of operator "op" \(table\)/],
      [{ ...schemas, n: { kind: "value", type: { version: 9 } } }, /its version is 9/],
    ];
    for (const [given, message] of unread) {
      assert.throws(() => shop.backend(states).beginLoad({ schemas: given }), message);
    }
    stored.setCurrentKey("a");
    stored.states.n.set(1);
    stored.states.list.add(1);
    const { segment } = await shop.write(stored);
    const { list, ...fewer } = schemas;
    const wide = { kind: "value", type: schemaOf(t.int64) };
    const wrong: [StateDescriptors, Record<string, unknown>, RegExp][] = [
      [states, fewer, /rows of "list" of operator "op" have a table that its schemas lack/],
      [
        states,
        { $key: schemas.$key, list },
        /rows of "\$main" .* a column "n" that its schemas do/,
      ],
      [
        { ...states, n: valueState(t.float64) },
        { ...schemas, n: wide },
        /a column "n" that its schemas do not explain/,
      ],
      [
        states,
        { ...schemas, n: { kind: "value", type: schemaOf(t.int32), hasTtl: true } },
        /have no column "n#used", although its schemas have it/,
      ],
    ];
    for (const [declared, given, message] of wrong) {
      await assert.rejects(shop.loadAs(shop.backend(declared), segment, given), message);
    }
  }));
