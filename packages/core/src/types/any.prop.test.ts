import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { decodeAny } from "./any-reader.ts";
import { MAX_VALUE_DEPTH } from "./any-format.ts";
import { writeAny } from "./any-writer.ts";
import { anyValue } from "./arbitraries.fixture.ts";
import { ByteWriter } from "./byte-writer.ts";
import { OxbowError } from "../errors.ts";

function encode(value: unknown): Uint8Array {
  const writer = new ByteWriter(8);
  writeAny(writer, value);
  return writer.copy();
}

test("every value that may travel comes back exactly", () => {
  fc.assert(
    fc.property(anyValue, (value) => assert.deepStrictEqual(decodeAny(encode(value)), value)),
    { numRuns: 2000 },
  );
});

test("-0, NaN, undefined, 1 and 1n, Map and object, Date and number stay apart", () => {
  const value = [-0, NaN, undefined, null, 1, 1n, new Map([["a", 1]]), { a: 1 }, new Date(1), 1];
  assert.deepStrictEqual(decodeAny(encode(value)), value);
});

test("properties keep their order, and __proto__ is an ordinary name", () => {
  const value = { b: 1, a: 2, ["__proto__"]: 3, 7: 4 };
  const back = decodeAny(encode(value)) as object;
  assert.deepEqual(Object.keys(back), Object.keys(value));
  assert.ok(Object.hasOwn(back, "__proto__"));
  assert.equal(Object.getPrototypeOf(back), Object.prototype);
});

test("an object without prototype comes back without prototype", () => {
  const value = Object.assign(Object.create(null) as object, { a: [1] });
  const back = decodeAny(encode(value)) as object;
  assert.equal(Object.getPrototypeOf(back), null);
  assert.deepEqual({ ...back }, { a: [1] });
});

test("what may not travel is refused with its path, and nothing is written", () => {
  class Point {
    x = 1;
  }
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  // oxlint-disable-next-line no-sparse-arrays
  const holes = [1, , 2];
  const cases: [unknown, string, RegExp][] = [
    [{ a: [{ f: () => 1 }] }, "a[0].f", /function/],
    [{ s: Symbol("x") }, "s", /symbol/],
    [{ p: new Point() }, "p", /class Point/],
    [new Map([["k", new WeakMap()]]), '<"k">', /class WeakMap/],
    [{ "odd name": /x/ }, '["odd name"]', /class RegExp/],
    [holes, "[1]", /hole/],
    [new Error("x"), "", /class Error/],
    [Object(1), "", /class Number/],
    [cyclic, "self.self", /deeper/],
    [new (class extends Map {})(), "", /class/],
  ];
  for (const [value, path, reason] of cases) {
    const writer = new ByteWriter(8);
    writer.uint8(1);
    assert.throws(
      () => writeAny(writer, value),
      (error: unknown) => {
        assert.ok(error instanceof OxbowError);
        assert.equal(error.code, "RECORD_NOT_TRANSFERABLE");
        assert.ok(String(error.details.path).startsWith(path), String(error.details.path));
        assert.match(String(error.details.reason), reason);
        return true;
      },
    );
    assert.equal(writer.position, 1);
  }
});

test("nesting is bounded on both sides", () => {
  let deepest: unknown = 1;
  for (let depth = 0; depth < MAX_VALUE_DEPTH; depth++) deepest = [deepest];
  assert.deepStrictEqual(decodeAny(encode(deepest)), deepest);
  assert.throws(() => encode([deepest]), { code: "RECORD_NOT_TRANSFERABLE" });
});

test("truncated and foreign bytes are an error, never a crash or a hang", () => {
  fc.assert(
    fc.property(anyValue, fc.nat(), (value, seed) => {
      const bytes = encode(value);
      const cut = bytes.subarray(0, seed % bytes.length);
      assert.throws(() => decodeAny(cut), { code: "VALUE_CORRUPTED" });
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      try {
        decodeAny(bytes);
      } catch (error) {
        assert.equal((error as OxbowError).code, "VALUE_CORRUPTED");
      }
    }),
    { numRuns: 2000 },
  );
});

test("a plain object is plain MessagePack", () => {
  const bytes = encode({ a: 1, b: "x", c: [true, null, 2.5] });
  assert.equal(Buffer.from(bytes).toString("hex"), "83a16101a162a178a16393c3c0cb4004000000000000");
});
