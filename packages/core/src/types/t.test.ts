import assert from "node:assert/strict";
import test from "node:test";
import { checkKeyType, inferKeyType, keyCodecOf } from "./key.ts";
import { renderSchema, renderType, schemaOf, typeOfSchema } from "./schema.ts";
import { MAX_TYPE_DEPTH, t } from "./t.ts";
import type { Type } from "./type.ts";

test("types are frozen, and builders refuse what has no meaning", () => {
  const type = t.struct({ a: t.list(t.int32) });
  assert.ok(Object.isFrozen(type) && Object.isFrozen(type.fields));
  const invalid = { code: "INVALID_ARGUMENT" };
  assert.throws(() => t.optional(t.optional(t.int32)), invalid);
  assert.throws(() => t.enum("a", "a"), invalid);
  assert.throws(() => t.map(t.bytes as never, t.int32), invalid);
  assert.throws(() => t.struct({ a: "string" as never }), invalid);
  assert.throws(() => t.struct({ ["__proto__"]: t.int32 }), invalid);
  assert.throws(() => t.union("kind", { x: { kind: t.int32 } }), invalid);
  assert.throws(() => t.union("kind", {}), invalid);
  let nested: Type<unknown> = t.int32;
  for (let depth = 1; depth < MAX_TYPE_DEPTH; depth++) nested = t.list(nested);
  assert.throws(() => t.list(nested), invalid);
});

test("a default does not change the schema", () => {
  const type = t.withDefault(t.int32, 7);
  assert.equal(type.defaultValue, 7);
  assert.deepStrictEqual(schemaOf(type), schemaOf(t.int32));
});

test("a schema reads well", () => {
  const type = t.struct({
    origin: t.string,
    delay: t.optional(t.int32),
    tags: t.map(t.string, t.list(t.any)),
    event: t.union("kind", { a: { x: t.int32 }, b: {} }),
    color: t.enum("red", "green"),
  });
  const text =
    "struct{origin: string, delay?: int32, tags: map<string, list<any>>, " +
    'event: union(kind: a{x: int32} | b{}), color: enum("red" | "green")}';
  assert.equal(renderType(type), text);
  assert.equal(renderSchema(JSON.parse(JSON.stringify(schemaOf(type)))), text);
});

test("a schema that cannot be understood is SCHEMA_UNREADABLE with the path", () => {
  const broken: [unknown, RegExp][] = [
    [null, /schema/],
    [{ version: 2, type: { kind: "int32" } }, /version is 2/],
    [{ version: 1, type: { kind: "complex" } }, /kind "complex"/],
    [{ version: 1, type: { kind: "list" } }, /type\.element/],
    [{ version: 1, type: { kind: "struct", fields: {} } }, /not a list/],
    [{ version: 1, type: { kind: "enum", values: [] } }, /needs 1 to/],
    [
      {
        version: 1,
        type: { kind: "struct", fields: [{ name: "__proto__", type: { kind: "any" } }] },
      },
      /no name/,
    ],
  ];
  for (const [schema, message] of broken) {
    assert.throws(() => typeOfSchema(schema), { code: "SCHEMA_UNREADABLE", message });
  }
});

test("a type that cannot be a key is refused with operator, type and remedy", () => {
  const bad: Type<unknown>[] = [
    t.any,
    t.map(t.string, t.int32),
    t.union("k", { a: {} }),
    t.optional(t.string),
    t.struct({ a: t.list(t.any) }),
  ];
  for (const type of bad) {
    assert.throws(() => checkKeyType(type, "delays"), {
      code: "KEY_TYPE_UNSUPPORTED",
      message: /Operator "delays".*Use bool/,
    });
    assert.throws(() => keyCodecOf(type, "delays"), { code: "KEY_TYPE_UNSUPPORTED" });
  }
  checkKeyType(t.struct({ a: t.optional(t.string), b: t.list(t.bytes) }), "delays");
});

test("without a declared type, numbers are float64 whatever their value", () => {
  assert.equal(inferKeyType(1, { operator: "op" }), t.float64);
  assert.equal(inferKeyType(1.5, { operator: "op" }), t.float64);
  assert.equal(inferKeyType("x", { operator: "op" }), t.string);
  assert.equal(inferKeyType(true, { operator: "op" }), t.bool);
  assert.equal(inferKeyType(1n, { operator: "op" }), t.bigint64);
  for (const key of [undefined, null, {}, [1], new Date()]) {
    assert.throws(() => inferKeyType(key, { operator: "op" }), { code: "KEY_TYPE_UNSUPPORTED" });
  }
});

test("t.renamed stands for fields only, and each old name leads to one field", () => {
  const renamed = t.renamed("old", t.int32);
  const refused: [() => unknown, RegExp][] = [
    [() => t.optional(renamed), /inside of t\.optional: write t\.renamed/],
    [() => t.list(renamed), /as an element of t\.list/],
    [() => t.map(t.string, renamed), /as the value of t\.map/],
    [() => t.map(renamed, t.string), /as the key of t\.map/],
    [() => t.renamed([], t.int32), /t\.renamed needs 1 to/],
    [() => t.renamed(["a", "a"], t.int32), /each once/],
    [() => t.struct({ a: renamed, old: t.int32 }), /"a" was called "old", but "old" has/],
    [() => t.union("k", { v: { a: renamed, b: renamed } }), /"b" was called "old", but "a"/],
  ];
  for (const [make, message] of refused) {
    assert.throws(make, (error: Error & { code?: string }) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.match(error.message, message);
      return true;
    });
  }
});

test("t.renamed is not a part of the schema, and adds to earlier names", () => {
  const twice = t.renamed("b", t.renamed("a", t.int32));
  assert.deepEqual(twice.oldNames, ["b", "a"]);
  assert.deepEqual(schemaOf(t.struct({ c: twice })), schemaOf(t.struct({ c: t.int32 })));
});
