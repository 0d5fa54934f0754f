import assert from "node:assert/strict";
import test from "node:test";
import { evolve } from "./evolution.ts";
import { CHANGES, REFUSED } from "./evolution-rules.fixture.ts";
import { schemaOf } from "./schema.ts";
import { t } from "./t.ts";

for (const [what, stored, declared, changes, before, after] of CHANGES) {
  test(`${what}, and that is told`, () => {
    const evolution = evolve(schemaOf(stored), declared);
    assert.equal(evolution.kind, "migrated");
    if (evolution.kind !== "migrated") return;
    assert.deepEqual(evolution.changes, changes);
    assert.deepStrictEqual(evolution.convert(before), after);
    assert.notDeepStrictEqual(evolve(schemaOf(declared), stored), evolution);
  });
}

for (const [what, stored, declared, path, reason] of REFUSED) {
  test(`${what} is refused, with path and reason`, () => {
    const evolution = evolve(schemaOf(stored), declared);
    assert.equal(evolution.kind, "incompatible");
    if (evolution.kind !== "incompatible") return;
    assert.equal(evolution.path, path);
    assert.match(evolution.reason, reason);
  });
}

test("defaults and old names are no changes", () => {
  const stored = t.struct({ a: t.int32, b: t.withDefault(t.string, "x") });
  const declared = t.struct({ a: t.renamed("z", t.withDefault(t.int32, 3)), b: t.string });
  assert.equal(evolve(schemaOf(stored), declared).kind, "as-is");
});

test("a field has the values of its own name where the snapshot has it under both", () => {
  const stored = t.struct({ old: t.int32, now: t.int32 });
  const evolution = evolve(schemaOf(stored), t.struct({ now: t.renamed("old", t.int32) }));
  assert.equal(evolution.kind, "migrated");
  if (evolution.kind !== "migrated") return;
  assert.deepEqual(evolution.changes, ["old: removed"]);
  assert.deepEqual(evolution.convert({ old: 1, now: 2 }), { now: 2 });
});
