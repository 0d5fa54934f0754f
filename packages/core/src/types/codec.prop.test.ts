import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { anyKeyType, anyType, valueOf } from "./arbitraries.fixture.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { codecOf, decodeValue, encodeValue } from "./codec.ts";
import { keyCodecOf } from "./key.ts";
import { renderType, schemaOf, schemasEqual, typeOfSchema } from "./schema.ts";
import { t } from "./t.ts";
import type { Type } from "./type.ts";

const typedValue = anyType.chain((type) => fc.tuple(fc.constant(type), valueOf(type)));
const typedKeys = anyKeyType
  .filter((type) => type.kind !== "optional")
  .chain((type) => fc.tuple(fc.constant(type), valueOf(type), valueOf(type)));

test("every value of every type comes back exactly", () => {
  fc.assert(
    fc.property(typedValue, ([type, value]) => {
      const codec = codecOf(type);
      assert.deepStrictEqual(
        decodeValue(codec, encodeValue(codec, value)),
        value,
        renderType(type),
      );
    }),
    { numRuns: 1000 },
  );
});

test("values follow each other without separators", () => {
  fc.assert(
    fc.property(fc.array(typedValue, { maxLength: 5 }), (items) => {
      const writer = new ByteWriter(1);
      for (const [type, value] of items) codecOf(type).encode(value, writer);
      const reader = new ByteReader(writer.written());
      for (const [type, value] of items) {
        assert.deepStrictEqual(codecOf(type).decode(reader), value);
      }
      assert.equal(reader.remaining(), 0);
    }),
  );
});

test("a truncated value is VALUE_CORRUPTED", () => {
  fc.assert(
    fc.property(typedValue, fc.nat(), ([type, value], seed) => {
      const codec = codecOf(type);
      const bytes = encodeValue(codec, value);
      fc.pre(bytes.length > 0);
      const cut = bytes.subarray(0, seed % bytes.length);
      assert.throws(() => decodeValue(codec, cut), { code: "VALUE_CORRUPTED" });
    }),
    { numRuns: 500 },
  );
});

test("a type survives its schema, and only equal types have equal schemas", () => {
  fc.assert(
    fc.property(anyType, anyType, (a, b) => {
      const schema = JSON.parse(JSON.stringify(schemaOf(a))) as ReturnType<typeof schemaOf>;
      assert.deepStrictEqual(schemaOf(typeOfSchema(schema)), schemaOf(a));
      assert.ok(schemasEqual(schema, schemaOf(a)));
      const same = JSON.stringify(schemaOf(a)) === JSON.stringify(schemaOf(b));
      assert.equal(schemasEqual(schemaOf(a), schemaOf(b)), same);
    }),
  );
});

test("equal keys have equal bytes and hashes, different keys different bytes", () => {
  fc.assert(
    fc.property(typedKeys, ([type, a, b]) => {
      const codec = keyCodecOf(type, "op");
      const bytesOf = (key: unknown): string => {
        const writer = new ByteWriter();
        codec.encode(key, writer);
        return Buffer.from(writer.written()).toString("hex");
      };
      const isSame = deepEqual(a, b);
      assert.equal(bytesOf(a) === bytesOf(b), isSame);
      if (isSame) assert.equal(codec.hashCode(a), codec.hashCode(b));
      assert.equal(codec.hashCode(a), codec.hashCode(a) | 0);
    }),
    { numRuns: 1000 },
  );
});

function deepEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

test("all NaN are one key, and 0 and -0 are two float64 keys and one int32 key", () => {
  const bits = new Float64Array(1);
  new Uint32Array(bits.buffer).set([1, 0xfff80000]);
  const bytes = (type: Type<number>, key: number): string =>
    Buffer.from(encodeValue(codecOf(type), key)).toString("hex");
  assert.equal(bytes(t.float64, bits[0]), bytes(t.float64, NaN));
  assert.notEqual(bytes(t.float64, 0), bytes(t.float64, -0));
  assert.equal(bytes(t.int32, 0), bytes(t.int32, -0));
  assert.equal(bytes(t.int64, 0), bytes(t.int64, -0));
});

test("what is not of the type is refused with path, type, value and a hint", () => {
  const order = t.struct({
    id: t.int32,
    lines: t.list(t.struct({ price: t.float64, "odd name": t.optional(t.string) })),
    tags: t.map(t.string, t.int64),
    shape: t.union("kind", { circle: { r: t.int32 } }),
    extra: t.any,
  });
  const good = {
    id: 1,
    lines: [{ price: 1 }],
    tags: new Map([["a", 1]]),
    shape: { kind: "circle", r: 1 },
    extra: 1,
  };
  const cases: [unknown, string, RegExp][] = [
    [{ ...good, id: 1.5 }, "id", /int32, but is the number 1\.5/],
    [{ ...good, id: NaN }, "id", /number NaN/],
    [{ ...good, id: 2 ** 31 }, "id", /use t\.int64/],
    [{ ...good, id: "1" }, "id", /the string "1"/],
    [{ ...good, id: undefined }, "id", /t\.optional/],
    [{ ...good, lines: {} }, "lines", /list/],
    [{ ...good, lines: [{ price: 1 }, { price: "x" }] }, "lines[1].price", /float64/],
    [{ ...good, lines: [{ price: 1, "odd name": null }] }, 'lines[0]["odd name"]', /null/],
    [{ ...good, tags: new Map([["a", 2 ** 53]]) }, "tags<a>", /use t\.bigint64/],
    [{ ...good, tags: {} }, "tags", /map/],
    [{ ...good, shape: { kind: "square" } }, "shape", /union/],
    [{ ...good, shape: { kind: "circle", r: null } }, "shape.r", /int32/],
    [null, "", /A value is declared as struct/],
    [[], "", /struct/],
  ];
  const codec = codecOf(order) as ReturnType<typeof codecOf<unknown>>;
  assert.deepStrictEqual(decodeValue(codec, encodeValue(codec, good)), {
    ...good,
    lines: [{ price: 1, "odd name": undefined }],
  });
  for (const [value, path, message] of cases) {
    const writer = new ByteWriter();
    assert.throws(
      () => codec.encode(value, writer),
      (error: Error & { details: unknown }) => {
        assert.match(error.message, message);
        assert.equal((error.details as { path: string }).path, path);
        return true;
      },
    );
    assert.equal(writer.position, 0);
  }
  assert.throws(() => encodeValue(codec, { ...good, extra: { f: () => 1 } }), {
    code: "RECORD_NOT_TRANSFERABLE",
    message: /extra\.f/,
  });
});

test("bigint64 is bounded, enums and bytes are checked", () => {
  assert.throws(() => encodeValue(codecOf(t.bigint64), 2n ** 63n), { code: "VALUE_TYPE_MISMATCH" });
  assert.throws(() => encodeValue(codecOf(t.enum("a", "b")), "c" as "a"), /enum\("a" \| "b"\)/);
  assert.throws(() => encodeValue(codecOf(t.bytes), [1] as never), { code: "VALUE_TYPE_MISMATCH" });
  assert.throws(() => encodeValue(codecOf(t.timestamp), 1.5), { code: "VALUE_TYPE_MISMATCH" });
});

test("the bytes of a value are those of docs/formats/value.md", () => {
  const type = t.struct({
    i: t.int32,
    l: t.int64,
    f: t.float64,
    s: t.string,
    w: t.string,
    o: t.optional(t.bool),
    p: t.optional(t.bool),
    e: t.enum("a", "b"),
    b: t.bytes,
    m: t.map(t.string, t.int32),
  });
  const value = {
    i: -2,
    l: -1,
    f: NaN,
    s: "é",
    w: "界",
    p: true,
    e: "b" as const,
    b: Uint8Array.of(9),
    m: new Map([["k", 3]]),
  };
  assert.equal(
    Buffer.from(encodeValue(codecOf(type), value)).toString("hex"),
    "02" + // presence: only p
      "feffffff" +
      "ffffffffffffffff" +
      "000000000000f87f" +
      "02e9" +
      "034c75" +
      "01" +
      "01" +
      "0109" +
      "01026b03000000",
  );
});
