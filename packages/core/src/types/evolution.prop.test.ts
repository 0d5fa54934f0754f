import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { anyType, valueOf } from "./arbitraries.fixture.ts";
import { codecOf, decodeValue, encodeValue } from "./codec.ts";
import { evolve } from "./evolution.ts";
import { brokenFrom, evolvedFrom } from "./evolutions.fixture.ts";
import { renderType, schemaOf, type SchemaDescription, schemasEqual } from "./schema.ts";
import type { Type } from "./type.ts";

/** As it comes out of a snapshot. */
function plain(type: Type<unknown>): SchemaDescription {
  return JSON.parse(JSON.stringify(schemaOf(type))) as SchemaDescription;
}

function throughBytes(type: Type<unknown>, value: unknown): unknown {
  const codec = codecOf(type);
  return decodeValue(codec, encodeValue(codec, value));
}

const changed = anyType.chain((stored) =>
  fc.tuple(fc.constant(stored), evolvedFrom(stored), fc.array(valueOf(stored), { maxLength: 3 })),
);

test("values of an evolved type become what a model of the rules says", () => {
  fc.assert(
    fc.property(changed, ([stored, { declared, model }, values]) => {
      const evolution = evolve(plain(stored), declared);
      const isSame = schemasEqual(schemaOf(stored), schemaOf(declared));
      assert.equal(evolution.kind, isSame ? "as-is" : "migrated");
      if (evolution.kind !== "migrated") return;
      assert.ok(evolution.changes.length > 0, "what is different is told");
      for (const value of values) {
        const converted = throughBytes(declared, evolution.convert(throughBytes(stored, value)));
        assert.deepStrictEqual(converted, throughBytes(declared, model(value)));
      }
    }),
    { numRuns: 400 },
  );
});

test("a type that cannot go on is refused at the place that is different", () => {
  const broken = anyType.chain((stored) => fc.tuple(fc.constant(stored), brokenFrom(stored)));
  fc.assert(
    fc.property(broken, ([stored, { declared, path, at }]) => {
      const evolution = evolve(plain(stored), declared);
      assert.equal(evolution.kind, "incompatible");
      if (evolution.kind !== "incompatible") return;
      assert.equal(evolution.path, path(""));
      assert.equal(evolution.stored, renderType(at));
      assert.notEqual(evolution.declared, evolution.stored);
    }),
    { numRuns: 400 },
  );
});
