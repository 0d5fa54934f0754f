import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Type } from "../../types/type.ts";
import { t } from "../../types/t.ts";
import { csv, type CsvOptions } from "./csv.ts";
import { decodeAll } from "./decode-all.ts";
import type { Format } from "./format.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text);
const of = (options: CsvOptions<never> = {}): Format<unknown> =>
  csv(options as CsvOptions<unknown> & { readonly type: Type<unknown> });
const read = (text: string, options?: CsvOptions<never>): readonly unknown[] =>
  decodeAll(of(options), bytesOf(text)).records.map((record) => ({ ...(record as object) }));

test("without a type, fields are strings named by the header", () => {
  assert.deepEqual(read('a,b\n1,x\r\n,"y""z"\n'), [
    { a: "1", b: "x" },
    { a: "", b: 'y"z' },
  ]);
});

test("with a type, columns are found by name, and optional ones may be missing", () => {
  const type = t.struct({ n: t.int32, s: t.string, o: t.optional(t.float64) }) as never;
  assert.deepEqual(read("x,s,n\n9,text,5\n", { type }), [{ n: 5, s: "text", o: undefined }]);
  assert.throws(() => read("x,s\n9,text\n", { type }), { code: "FILE_UNREADABLE" });
  assert.throws(() => read("n,s,n\n", { type }), { code: "FILE_UNREADABLE" });
  assert.throws(() => read("", { type }), { code: "FILE_UNREADABLE" });
});

test("without a header, columns come in the order of the type", () => {
  const type = t.struct({ n: t.int32, at: t.timestamp, yes: t.bool }) as never;
  assert.deepEqual(read("5;2001-01-01T00:00:00Z;TRUE\n", { type, header: false, delimiter: ";" }), [
    { n: 5, at: 978_307_200_000, yes: true },
  ]);
});

test("an empty optional field is undefined, a quoted empty one is the empty text", () => {
  const type = t.struct({ a: t.optional(t.string), b: t.optional(t.int32) }) as never;
  assert.deepEqual(read('a,b\n,1\n"",\n', { type }), [
    { a: undefined, b: 1 },
    { a: "", b: undefined },
  ]);
});

test("malformed records name the field, the reason and the line, and are passed over", () => {
  const type = t.struct({ n: t.int32, s: t.string }) as never;
  const text = 'n,s\n1,a\nx,b\n2\n3,c,d\n4,"e\n\n5,"f"g\n6,g\n';
  const { records, malformed } = decodeAll(of({ type }), bytesOf(text));
  assert.deepEqual(
    records.map((record) => (record as { n: number }).n),
    [1, 6],
  );
  assert.deepEqual(
    malformed.map(({ lineIndex, reason }) => [lineIndex, reason]),
    [
      [2, 'field n: expected an int32, found "x"'],
      [3, "1 fields instead of 2"],
      [4, "3 fields instead of 2"],
      [5, "field s: a quote is not closed, or text follows the closing one"],
      [7, "field s: a quote is not closed, or text follows the closing one"],
    ],
  );
});

test("line feeds in quotes are part of the field if the format is not splittable", () => {
  assert.deepEqual(read('a,b\n"x\ny",1\nz,2\n', { splittable: false }), [
    { a: "x\ny", b: "1" },
    { a: "z", b: "2" },
  ]);
  assert.equal(of({ splittable: false }).isSplittable, false);
  assert.equal(of().isSplittable, true);
  const { malformed } = decodeAll(of({ splittable: false }), bytesOf('a\n1\n"open\n2\n'));
  assert.equal(malformed.length, 1);
});

const Row = t.struct({
  flag: t.bool,
  small: t.optional(t.int32),
  large: t.int64,
  huge: t.bigint64,
  ratio: t.float64,
  at: t.timestamp,
  text: t.optional(t.string),
  color: t.enum("red", "green"),
  blob: t.bytes,
  tags: t.list(t.int32),
});
const rows = fc.record({
  flag: fc.boolean(),
  small: fc.option(fc.integer(), { nil: undefined }),
  large: fc.maxSafeInteger(),
  huge: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  ratio: fc.double(),
  at: fc.integer({ min: -8.64e15, max: 8.64e15 }),
  text: fc.option(fc.string({ unit: fc.constantFrom(...'aü"\n\r,; \t\\'.split(""), "😀") }), {
    nil: undefined,
  }),
  color: fc.constantFrom("red", "green"),
  blob: fc.uint8Array({ maxLength: 5 }),
  tags: fc.array(fc.integer(), { maxLength: 3 }),
});

test("what was written is read back, whatever the values, the chunks and the batches", () => {
  fc.assert(
    fc.property(
      fc.array(rows, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 50 }),
      fc.constantFrom({}, { header: false }, { delimiter: ";", quote: "'" }, { delimiter: "\t" }),
      (records, chunkSizes, settings) => {
        const format = of({ type: Row, splittable: false, ...settings } as never);
        const encoder = format.createEncoder();
        const text = encoder.header() + records.map((record) => encoder.encode(record)).join("");
        const decoded = decodeAll(format, bytesOf(text), { chunkSizes, limit: 3 });
        assert.deepEqual(decoded.malformed, []);
        const plain = decoded.records.map((record) => ({ ...(record as object) }));
        // CSV has one zero.
        const zero = <T extends { ratio: number }>(row: T): T => ({ ...row, ratio: row.ratio + 0 });
        assert.deepEqual(
          plain.map((row) => zero(row as (typeof records)[0])),
          records.map(zero),
        );
      },
    ),
  );
});

test("a reader of another implementation's quoting: fields as RFC 4180 has them", () => {
  const text = 'a,b,c\n"1,5","say ""hi""",\n"",plain,"x"\n';
  assert.deepEqual(read(text), [
    { a: "1,5", b: 'say "hi"', c: "" },
    { a: "", b: "plain", c: "x" },
  ]);
});

test("settings that cannot work are refused when the format is made", () => {
  const wrong = [
    { delimiter: ",," },
    { delimiter: "\n" },
    { delimiter: '"' },
    { quote: "ü" },
    { header: false },
    { columns: [] },
    { columns: ["a", "a"] },
    { type: t.string },
    { type: t.struct({ a: t.string }), columns: ["b"] },
  ];
  for (const options of wrong) {
    assert.throws(() => of(options as never), { code: "CONNECTOR_INVALID" });
  }
});

test("an encoder refuses records that lack a field, and a format without names", () => {
  const encoder = of({ columns: ["a"] }).createEncoder();
  assert.equal(encoder.header(), "a\n");
  assert.equal(encoder.encode({ a: 1.5 }), "1.5\n");
  assert.equal(encoder.encode({ a: "" }), '""\n');
  assert.throws(() => encoder.encode({}), { code: "RECORD_NOT_WRITABLE" });
  assert.throws(() => of().createEncoder(), { code: "CONNECTOR_INVALID" });
});
