import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { OxbowError } from "../errors.ts";
import { anyNumber, anyText, anyValue } from "../types/arbitraries.fixture.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import { Batch } from "./batch.ts";
import { StringColumn } from "./column.ts";
import { decodeBatch, MAX_SHAPE_CHANGES, RecordEncoder } from "./record-encoder.ts";

const ORIGIN = { file: "edge", offset: 0, requireChecksum: false };

function roundTrip(encoder: RecordEncoder, batch: Batch): Batch {
  const writer = new ByteWriter(64);
  const at = encoder.encode(batch, writer);
  return decodeBatch(writer.copy().subarray(at), ORIGIN);
}

function recordsOf(batch: Batch): unknown[] {
  return batch.records().slice(0, batch.count);
}

const fieldNames = fc.constantFrom("a", "b", "c", "d", "constructor", "toString", "odd name", "7");
/** Records whose fields change kind and come and go. */
const looseRecords = fc.array(
  fc.dictionary(fieldNames, fc.oneof(anyNumber, anyText, fc.boolean(), anyValue), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
  { maxLength: 20 },
);
/** Records of one shape with values of stable kinds. */
const plainRecords = fc.array(
  fc.record(
    {
      id: fc.integer(),
      city: fc.constantFrom("Bern", "Genève", "北京", "\ud800"),
      delay: fc.oneof(fc.integer(), anyNumber),
      late: fc.boolean(),
      total: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      raw: fc.uint8Array({ maxLength: 5 }),
      note: fc.option(anyText),
    },
    { requiredKeys: ["id", "city", "delay", "late", "total", "raw"], noNullPrototype: true },
  ),
  { maxLength: 50 },
);
const values = fc.array(anyValue, { maxLength: 20 });

test("whatever may travel comes back exactly, whatever came before on the same edge", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(looseRecords, plainRecords, values), { maxLength: 6 }),
      fc.boolean(),
      (frames: readonly (readonly unknown[])[], timed) => {
        const encoder = new RecordEncoder("op");
        for (const records of frames) {
          const times = Float64Array.from(records, (_, index) => index * 1000 - 0.5);
          const batch = Batch.ofRecords(records, records.length, timed ? times : undefined);
          const back = roundTrip(encoder, batch);
          assert.deepStrictEqual(recordsOf(back), records);
          assert.deepStrictEqual(back.timestamps, batch.timestamps);
          const keys = (all: readonly unknown[]): string[][] =>
            all.map((record) =>
              record === null || typeof record !== "object" ? [] : Object.keys(record),
            );
          assert.deepStrictEqual(keys(recordsOf(back)), keys(records));
        }
      },
    ),
    { numRuns: 500 },
  );
});

const own = (record: unknown, name: string): readonly unknown[] =>
  typeof record === "object" && record !== null && Object.hasOwn(record, name)
    ? [(record as Readonly<Record<string, unknown>>)[name]]
    : [];

test("of plain objects only the wanted fields travel, and anything else whole", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(looseRecords, plainRecords, values), { maxLength: 6 }),
      fc.uniqueArray(fc.oneof(fieldNames, fc.constantFrom("id", "city", "note"))),
      (frames: readonly (readonly unknown[])[], wanted) => {
        const encoder = new RecordEncoder("op", wanted);
        for (const records of frames) {
          const back = recordsOf(roundTrip(encoder, Batch.ofRecords(records)));
          assert.equal(back.length, records.length);
          for (const [index, record] of records.entries()) {
            if (Object.getPrototypeOf(Object(record)) !== Object.prototype) {
              assert.deepStrictEqual(back[index], record);
            }
            for (const name of wanted) {
              assert.deepStrictEqual(own(back[index], name), own(record, name));
            }
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("fields that are not wanted are not looked at, in records and in columns", () => {
  const records = [
    { id: 1, city: "Bern", extra: () => 1 },
    { id: 2, extra: 3, city: "Basel", more: Symbol("x") },
  ];
  const encoder = new RecordEncoder("op", ["city", "id", "none"]);
  const wanted = [
    { city: "Bern", id: 1 },
    { city: "Basel", id: 2 },
  ];
  assert.deepStrictEqual(recordsOf(roundTrip(encoder, Batch.ofRecords(records))), wanted);
  const columnar = roundTrip(new RecordEncoder("op"), Batch.ofRecords([{ id: 1, a: 2 }, { a: 3 }]));
  assert.deepStrictEqual(recordsOf(roundTrip(encoder, columnar)), [{ id: 1 }, {}]);
});

test("a batch of columns comes back, without its records being made", () => {
  fc.assert(
    fc.property(plainRecords, (records) => {
      const columnar = roundTrip(new RecordEncoder("op"), Batch.ofRecords(records));
      assert.ok(columnar.isColumnar);
      const again = roundTrip(new RecordEncoder("op"), columnar);
      assert.deepStrictEqual(recordsOf(again), records);
    }),
  );
});

test("records of one shape become columns that can be read by name", () => {
  const records = [
    { id: 1, city: "Bern", delay: 0.5 },
    { id: 2, city: "Basel", delay: 2 },
    { id: 3, city: "Bern", delay: NaN },
  ];
  const back = roundTrip(new RecordEncoder("op"), Batch.ofRecords(records));
  const id = back.column("id");
  assert.ok(id?.kind === "int32");
  assert.deepEqual([...id.values], [1, 2, 3]);
  const city = back.column("city");
  assert.ok(city?.kind === "string");
  assert.deepEqual(city.dictionary, ["Bern", "Basel"]);
  assert.deepEqual([...(city.codes ?? [])], [0, 1, 0]);
  assert.equal(back.column("delay")?.kind, "float64");
  assert.equal(back.column("none"), undefined);
});

test("absent, undefined and null properties stay apart", () => {
  const records = [{ a: 1, b: null }, { a: undefined, b: 2 }, { b: undefined }, { a: null }, {}];
  const back = recordsOf(roundTrip(new RecordEncoder("op"), Batch.ofRecords(records)));
  assert.deepStrictEqual(back, records);
  assert.ok(Object.hasOwn(back[1], "a") && !Object.hasOwn(back[2], "a"));
});

test("records made from frames of one edge have their properties in one order", () => {
  const encoder = new RecordEncoder("op");
  const frames = [0, 1].map((frame) =>
    roundTrip(
      encoder,
      Batch.ofRecords([
        { id: frame, city: "x" },
        { id: 7, city: "y" },
      ]),
    ),
  );
  const keys = frames
    .flatMap((frame) => recordsOf(frame))
    .map((record) => Object.keys(record as object));
  assert.deepEqual(keys, [
    ["id", "city"],
    ["id", "city"],
    ["id", "city"],
    ["id", "city"],
  ]);
});

test("strings that do not repeat are written plain; the dictionary is tried again later", () => {
  const encoder = new RecordEncoder("op");
  let next = 0;
  for (let frame = 0; frame < 300; frame++) {
    const records = Array.from({ length: 100 }, () => ({
      s: frame < 150 ? `unique-${next++}` : `same-${next++ % 3}`,
    }));
    const back = roundTrip(encoder, Batch.ofRecords(records));
    assert.deepStrictEqual(recordsOf(back), records);
    const column = back.column("s");
    assert.ok(column?.kind === "string");
    if (frame === 5) assert.equal(column.codes, undefined);
    if (frame === 299) assert.equal(column.dictionary.length, 3);
  }
});

test("plain strings of any length come back, beside ones that are missing", () => {
  const encoder = new RecordEncoder("op");
  const marks = ["", "é", "北京", "\ud800"];
  const records = Array.from({ length: 1200 }, (_, id) => ({
    id,
    text: id % 7 === 3 ? null : `${marks[id % 4]}${"x".repeat(id % 90)}${id}`,
    narrow: `n${String(id).padStart(5, "0")}`,
  }));
  for (const isPlain of [false, true, true]) {
    const back = roundTrip(encoder, Batch.ofRecords(records));
    for (const name of ["text", "narrow"]) {
      const column = back.column(name);
      assert.ok(column?.kind === "string");
      assert.equal(column.text !== undefined, isPlain);
    }
    assert.deepStrictEqual(recordsOf(back), records);
    // What was cut out of the text for a column is what records are made of.
    const again = roundTrip(new RecordEncoder("op"), roundTrip(encoder, Batch.ofRecords(records)));
    assert.deepStrictEqual(recordsOf(again), records);
  }
});

test("records whose keys are data are encoded whole after a number of shapes", () => {
  const encoder = new RecordEncoder("op");
  for (let frame = 0; frame < MAX_SHAPE_CHANGES + 20; frame++) {
    const records = [{ [`key-${frame}`]: frame }];
    assert.deepStrictEqual(recordsOf(roundTrip(encoder, Batch.ofRecords(records))), records);
  }
  const last = roundTrip(encoder, Batch.ofRecords([{ a: 1 }]));
  assert.equal(last.columns?.names, undefined);
});

test("a record that may not travel is refused with operator and field; the edge goes on", () => {
  class Point {
    x = 1;
  }
  const encoder = new RecordEncoder("enrich");
  const cases: [unknown, string][] = [
    [{ a: 1, b: { c: [() => 1] } }, "b.c[0]"],
    [{ a: 1, b: new Point() }, "b"],
    [new Point(), ""],
    [{ "odd name": Symbol("s") }, '["odd name"]'],
  ];
  for (const [record, path] of cases) {
    const writer = new ByteWriter();
    writer.uint8(1);
    assert.throws(
      () => encoder.encode(Batch.ofRecords([record]), writer),
      (error: unknown) => {
        assert.ok(error instanceof OxbowError);
        assert.equal(error.code, "RECORD_NOT_TRANSFERABLE");
        assert.match(error.message, /Operator "enrich"/);
        assert.equal(error.details.path, path);
        return true;
      },
    );
    assert.equal(writer.position, 1);
    const good = [{ a: 1, b: "fine" }];
    assert.deepStrictEqual(recordsOf(roundTrip(encoder, Batch.ofRecords(good))), good);
  }
});

test("plain strings in columns get a dictionary where they repeat", () => {
  const encoder = new RecordEncoder("op");
  const values = Array.from({ length: 200 }, (_, row) => `city-${row % 7}`);
  const presence = Uint8Array.from(values, (_, row) => (row === 0 ? 1 : 0));
  const column = StringColumn.ofStrings(values, 200, presence);
  const batch = Batch.ofColumns({ names: ["city"], columns: [column] }, 200);
  const back = roundTrip(encoder, batch);
  const city = back.column("city");
  assert.ok(city?.kind === "string");
  assert.equal(city.dictionary.length, 7);
  assert.deepStrictEqual(recordsOf(back), recordsOf(batch));
});

test("an empty batch teaches nothing and comes back empty", () => {
  const encoder = new RecordEncoder("op");
  assert.equal(roundTrip(encoder, Batch.ofRecords([])).count, 0);
  assert.ok(roundTrip(encoder, Batch.ofRecords([{ a: 1 }])).column("a") !== undefined);
});

test("records without fields and records with a field without a name are told apart", () => {
  const encoder = new RecordEncoder("op");
  for (const records of [[{}], [{ "": [] }], [{ "": 1, "\u0000": 2 }], [{ "\u0000": 1 }]]) {
    assert.deepStrictEqual(recordsOf(roundTrip(encoder, Batch.ofRecords(records))), records);
    const fresh = new RecordEncoder("op");
    assert.deepStrictEqual(recordsOf(roundTrip(fresh, Batch.ofRecords(records))), records);
  }
});
