import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../types/byte-writer.ts";
import { keyCodecOf, keyGroupOf } from "../types/key.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import { chunkReader } from "./chunk-reader.ts";
import { mapState, valueState } from "./descriptors.ts";
import { HashMapBackend } from "./hashmap-backend.ts";
import type { RowChunk, RowColumns } from "./row-chunk.ts";
import { readOrdered, readPosition, writeOrdered, writePosition } from "./sub-key.ts";

const SEED = process.env["OXBOW_SEED"];
const PARAMETERS = SEED === undefined ? {} : { seed: Number(SEED) };

const KEYS: readonly (readonly [Type<unknown>, fc.Arbitrary<unknown>])[] = [
  [t.string, fc.string({ unit: "binary" })],
  [t.enum("red", "green", "größer", "☃"), fc.constantFrom("red", "green", "größer", "☃")],
  [t.int32, fc.integer()],
  [t.int64, fc.maxSafeInteger()],
  [t.timestamp, fc.maxSafeInteger()],
  [t.float64, fc.double()],
  [t.bool, fc.boolean()],
  [t.bigint64, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [t.bytes, fc.uint8Array()],
  [t.list(t.string), fc.array(fc.string())],
  [t.struct({ a: t.float64, b: t.string }), fc.record({ a: fc.double(), b: fc.string() })],
];

for (const [type, arbitrary] of KEYS) {
  test(`${type.kind} keys come out in their canonical encoding, with their key group`, () => {
    const codec = keyCodecOf(type, "test");
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 20 }), (keys) => {
        const backend = new HashMapBackend({
          uid: "op",
          keyType: type,
          maxParallelism: 128,
          keyGroupStart: 0,
          keyGroupEnd: 128,
          states: { n: valueState(t.int32) },
          clockNow: () => 0,
        });
        const expected = new Map<string, number>();
        for (const key of keys) {
          backend.setCurrentKey(key);
          backend.states.n.set(1);
          const writer = new ByteWriter();
          codec.encode(key, writer);
          expected.set(
            Buffer.from(writer.written()).toString("hex"),
            keyGroupOf(codec.hashCode(key), 128),
          );
        }
        const actual = new Map<string, number>();
        for (const { keys: bytes, keyGroups, count } of snapshotOf(backend)) {
          for (let n = 0; n < count; n++) {
            const key = bytes.bytes.subarray(bytes.starts[n], bytes.ends[n]);
            actual.set(Buffer.from(key).toString("hex"), keyGroups[n]);
          }
        }
        assert.deepEqual(new Set(actual), new Set(expected));
      }),
      { numRuns: 50, ...PARAMETERS },
    );
  });
}

test("map keys come out in the encoding of keys; tombstones have keys but no columns", () => {
  const backend = new HashMapBackend({
    uid: "op",
    keyType: t.int32,
    maxParallelism: 8,
    keyGroupStart: 0,
    keyGroupEnd: 8,
    states: { m: mapState(t.string, t.int32) },
    clockNow: () => 0,
  });
  backend.setCurrentKey(7);
  backend.states.m.set("ab", 1);
  backend.states.m.set("ÿ☃", 2);
  snapshotOf(backend);
  backend.states.m.delete("ab");
  const [rows] = snapshotOf(backend, 1);
  assert.equal(rows.kind, "tombstones");
  assert.deepEqual(rows.columns, []);
  const { mapKeys } = rows;
  assert.ok(mapKeys !== undefined);
  assert.deepEqual([...mapKeys.bytes.subarray(mapKeys.starts[0], mapKeys.ends[0])], [4, 97, 98]);
});

test("the encodings of positions and timers keep their order and come back", () => {
  const bytes = (size: number, write: (to: Uint8Array) => void): Uint8Array => {
    const to = new Uint8Array(size);
    write(to);
    return to;
  };
  const position = fc.nat(2 ** 31 - 1);
  fc.assert(
    fc.property(position, position, (a, b) => {
      const [x, y] = [a, b].map((n) => bytes(4, (to) => writePosition(to, 0, n)));
      assert.equal(readPosition(x, 0), a);
      assert.equal(Math.sign(Buffer.compare(x, y)), Math.sign(a - b));
    }),
    PARAMETERS,
  );
  const time = fc.oneof(fc.maxSafeInteger(), fc.double({ noNaN: true }));
  fc.assert(
    fc.property(time, time, (a, b) => {
      const [x, y] = [a, b].map((n) => bytes(8, (to) => writeOrdered(to, 0, n + 0)));
      assert.equal(readOrdered(x, 0), a + 0);
      assert.equal(Buffer.compare(x, y), a < b ? -1 : a > b ? 1 : 0);
    }),
    PARAMETERS,
  );
});

let nextId = 1;

function snapshotOf(
  backend: { freeze: HashMapBackend<Record<never, never>>["freeze"] },
  base?: number,
): RowColumns[] {
  const id = base === undefined ? 1 : 1 + nextId++;
  const snapshot = backend.freeze({ id, kind: "checkpoint", timestamp: 0, base });
  const chunks: RowChunk[] = [];
  const sink = { emit: (chunk: RowChunk) => void chunks.push(chunk), hasRoom: () => true };
  assert.ok(snapshot.copySlice(Infinity, sink));
  return chunks.map((chunk) =>
    chunkReader(
      snapshot.layouts[chunk.layoutIndex],
      backend instanceof HashMapBackend ? backend.maxParallelism : 8,
    )(chunk),
  );
}
