import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { anyKeyType, valueOf } from "../types/arbitraries.fixture.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import type { KeyCodec } from "../types/key.ts";
import { keyCodecOf } from "../types/key.ts";
import { t } from "../types/t.ts";
import { Batch } from "./batch.ts";
import type { KeyColumn } from "./key-column.ts";
import { KeyExtractor } from "./key-extractor.ts";
import { decodeBatch, RecordEncoder } from "./record-encoder.ts";

function columnar(records: readonly unknown[]): Batch {
  const writer = new ByteWriter();
  new RecordEncoder("op").encode(Batch.ofRecords(records), writer);
  return decodeBatch(writer.copy(), { file: "edge", offset: 0, requireChecksum: false });
}

function keysOf(keys: KeyColumn): unknown[] {
  return Array.from({ length: keys.count }, (_, index) => keys.valueAt(index));
}

const typedKeys = anyKeyType
  .filter((type) => type.kind !== "optional")
  .chain((type) =>
    fc.tuple(fc.constant(type), fc.array(valueOf(type), { minLength: 1, maxLength: 20 })),
  );

test("by name and by function, from records and from columns, keys and hashes are the same", () => {
  fc.assert(
    fc.property(typedKeys, ([type, keys]) => {
      const records = keys.map((k, index) => ({ index, k }));
      const codec = keyCodecOf(type, "op");
      const expected = keys.map((key) => codec.hashCode(key));
      for (const by of ["k", (record: { k: unknown }) => record.k]) {
        for (const batch of [Batch.ofRecords(records), columnar(records)]) {
          const extractor = new KeyExtractor({ by, type }, "op");
          for (let round = 0; round < 2; round++) {
            const found = extractor.extract(batch);
            assert.deepStrictEqual(keysOf(found), keys);
            assert.deepEqual([...found.hashes().subarray(0, found.count)], expected);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("encoded keys are the canonical bytes", () => {
  const type = t.struct({ a: t.string, b: t.int32 });
  const keys = [
    { a: "x", b: 1 },
    { a: "", b: -1 },
  ];
  const found = new KeyExtractor({ by: (r: unknown) => r, type }, "op").extract(
    Batch.ofRecords(keys),
  );
  assert.equal(found.form, "encoded");
  keys.forEach((key, index) => {
    const writer = new ByteWriter();
    keyCodecOf(type, "op").encode(key, writer);
    const slice = found.bytes.subarray(found.offsets[index], found.offsets[index + 1]);
    assert.deepEqual([...slice], [...writer.written()]);
  });
});

test("without a declared type the first key decides, and numbers are doubles in both forms", () => {
  const records = [{ k: 1 }, { k: 2 }];
  for (const batch of [Batch.ofRecords(records), columnar(records)]) {
    const extractor = new KeyExtractor({ by: "k", type: undefined }, "op");
    const found = extractor.extract(batch);
    assert.equal(found.numberHash, "double");
    const codec: KeyCodec | undefined = extractor.codec;
    assert.equal(codec?.type.kind, "float64");
    assert.throws(() => extractor.extract(Batch.ofRecords([{ k: "x" }])), {
      code: "KEY_TYPE_UNSUPPORTED",
      message:
        /Operator "op" has keys of type float64, but got the string "x" from the field "k"\./,
    });
  }
});

test("missing and wrong keys are refused with operator, type, value and remedy", () => {
  const cases: [unknown, Parameters<typeof assert.throws>[1]][] = [
    [
      undefined,
      { code: "KEY_TYPE_UNSUPPORTED", message: /undefined from the field "k"\. Filter records/ },
    ],
    [null, { code: "KEY_TYPE_UNSUPPORTED", message: /null from the field "k"\. Filter records/ }],
    [5, { code: "KEY_TYPE_UNSUPPORTED", message: /number 5 from the field "k"\. Convert the key/ }],
  ];
  for (const [key, expected] of cases) {
    const extractor = new KeyExtractor({ by: "k", type: t.string }, "delays");
    assert.throws(() => extractor.extract(Batch.ofRecords([{ k: "x" }, { k: key }])), expected);
    assert.throws(() => extractor.extract(columnar([{ k: "x" }, { k: key }])), expected);
  }
  const bytes = new KeyExtractor({ by: "toString", type: undefined }, "op");
  assert.throws(() => bytes.extract(Batch.ofRecords([{}])), { code: "KEY_TYPE_UNSUPPORTED" });
});

test("a key field that a record does not have is named, with the fields there are", () => {
  const records = [{ origin: "JFK", at: 1 }];
  for (const type of [t.string, t.int32, undefined]) {
    for (const batch of [Batch.ofRecords(records), columnar(records)]) {
      const extractor = new KeyExtractor({ by: "orgin", type }, "delays");
      assert.throws(() => extractor.extract(batch), {
        code: "KEY_TYPE_UNSUPPORTED",
        message:
          'Operator "delays" is keyed by a field that a record does not have: ' +
          'records have no field "orgin"; they have origin, at. Did you mean "origin"?',
      });
    }
  }
  const byFunction = new KeyExtractor({ by: () => undefined, type: undefined }, "delays");
  assert.throws(() => byFunction.extract(Batch.ofRecords(records)), {
    message: /"delays" got a key that is undefined\. Without a declared type/,
  });
});

test("a batch with a dictionary gives codes, and the hashes are those of the strings", () => {
  const records = Array.from({ length: 100 }, (_, index) => ({ k: `key-${index % 3}` }));
  const found = new KeyExtractor({ by: "k", type: t.string }, "op").extract(columnar(records));
  assert.equal(found.dictionary.length, 3);
  assert.equal(found.codes?.length, 100);
  assert.equal(found.strings[4], "key-1");
  const plain = new KeyExtractor({ by: "k", type: t.string }, "op").extract(
    Batch.ofRecords(records),
  );
  assert.equal(plain.codes, undefined);
  assert.deepEqual(found.hashes().subarray(0, 100), plain.hashes().subarray(0, 100));
});
