// Random types, a random later form of each, and state of all kinds between them.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  listState,
  mapState,
  reducingState,
  type StateDescriptors,
  type ValueState,
  valueState,
} from "../state/descriptors.ts";
import { anyType, valueOf } from "../types/arbitraries.fixture.ts";
import { codecOf, decodeValue, encodeValue } from "../types/codec.ts";
import { brokenFrom, evolvedFrom } from "../types/evolutions.fixture.ts";
import { schemaOf, schemasEqual } from "../types/schema.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import type { SegmentHandle } from "./metadata.ts";
import { inShop } from "./changed-state.fixture.ts";

const KEYS = ["a", "b", "c"];

function statesOf(type: Type<unknown>) {
  return {
    value: valueState(type),
    list: listState(type),
    map: mapState(t.string, type),
    most: reducingState(type, (_, value) => value),
  };
}

function throughBytes(type: Type<unknown>, value: unknown): unknown {
  const codec = codecOf(type);
  return decodeValue(codec, encodeValue(codec, value));
}

const changed = anyType.chain((stored) =>
  fc.tuple(
    fc.constant(stored),
    evolvedFrom(stored),
    fc.array(fc.tuple(fc.constantFrom(...KEYS), valueOf(stored)), { minLength: 1, maxLength: 5 }),
  ),
);

test("state of random types goes on as a model of the rules says, through base and delta", () =>
  fc.assert(
    fc.asyncProperty(changed, ([stored, { declared, model }, puts]) =>
      inShop(async (shop) => {
        const before = shop.backend({ ...statesOf(stored), y: valueState(stored) });
        const { value, list, map, most, y } = before.states;
        const expected = new Map<string, unknown[]>();
        let base: number | undefined;
        const segments: SegmentHandle[] = [];
        for (const [key, put] of puts) {
          before.setCurrentKey(key);
          value.set(put);
          y.set(put);
          list.add(put);
          map.set("k", put);
          most.add(put);
          expected.set(key, [...(expected.get(key) ?? []), put]);
          const written = await shop.write(before, base);
          base ??= written.id;
          segments.splice(1, 1, written.segment);
        }
        const after = shop.backend({
          ...statesOf(declared),
          z: valueState(declared, { aliases: ["x", "y"] }),
        });
        const isConverted = await shop.load(after, segments);
        assert.equal(isConverted, true, "a renamed state is a change");
        const now = (of: unknown): unknown =>
          throughBytes(declared, model(throughBytes(stored, of)));
        const { states } = after;
        for (const [key, all] of expected) {
          after.setCurrentKey(key);
          const last = all.at(-1);
          // An undefined value is no value: then the default of the declared type is there.
          const held = last === undefined && stored.kind !== "any" ? undefined : now(last);
          const found = (handle: { has(): boolean; get(): unknown }): unknown =>
            handle.has() ? handle.get() : undefined;
          assert.deepStrictEqual(found(states.value), held);
          assert.deepStrictEqual(found(states.z), held);
          assert.deepStrictEqual([...states.list.get()], all.map(now));
          assert.deepStrictEqual(states.map.get("k"), now(last));
          if (held !== undefined) assert.deepStrictEqual(states.most.get(), held);
        }
      }),
    ),
    { numRuns: 60 },
  ));

test("state of a random type that cannot go on is refused, whatever its kind", () => {
  const broken = anyType.chain((stored) =>
    fc.tuple(fc.constant(stored), brokenFrom(stored), valueOf(stored)),
  );
  return fc.assert(
    fc.asyncProperty(broken, fc.nat(3), ([stored, { declared, path }, put], at) =>
      inShop(async (shop) => {
        const kinds: ((type: Type<unknown>) => StateDescriptors)[] = [
          (type) => ({ s: valueState(type) }),
          (type) => ({ s: listState(type) }),
          (type) => ({ s: mapState(t.int32, type) }),
          (type) => ({ s: reducingState(type, (_, value) => value) }),
        ];
        const before = shop.backend<StateDescriptors>({
          ...kinds[at](stored),
          n: valueState(t.int32),
        });
        before.setCurrentKey("a");
        (before.states.n as ValueState<number>).set(1);
        if ("add" in before.states.s) before.states.s.add(put);
        const { segment } = await shop.write(before);
        assert.ok(!schemasEqual(schemaOf(stored), schemaOf(declared)));
        const after = shop.backend({ ...kinds[at](declared), n: valueState(t.int32) });
        await assert.rejects(shop.load(after, [segment]), (error: Error) => {
          const { code, details } = error as Error & { code: string; details: { path: string } };
          assert.deepEqual([code, details.path], ["STATE_MISMATCH", path("")]);
          return true;
        });
      }),
    ),
    { numRuns: 60 },
  );
});
