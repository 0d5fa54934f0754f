import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { t } from "../../types/t.ts";
import { decodeAll } from "./decode-all.ts";
import { json } from "./json.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text);
const recordsOf = (text: string): readonly unknown[] => decodeAll(json(), bytesOf(text)).records;

test("lines end with LF or CRLF, the last one may be open, blank ones are passed over", () => {
  assert.deepEqual(recordsOf('{"a":1}\n\n  \r\n{"a":2}\r\n3'), [{ a: 1 }, { a: 2 }, 3]);
  assert.deepEqual(recordsOf(""), []);
  assert.deepEqual(recordsOf("\n\n"), []);
});

test("what is not JSON is reported with line, offset, reason and text, and passed over", () => {
  const { records, malformed, linesCount } = decodeAll(json(), bytesOf('1\n{"a":\n\n2\nxyz\n3\n'));
  assert.deepEqual(records, [1, 2, 3]);
  assert.equal(linesCount, 6);
  assert.deepEqual(
    malformed.map(({ offset, lineIndex, text }) => ({ offset, lineIndex, text })),
    [
      { offset: 2, lineIndex: 1, text: '{"a":' },
      { offset: 11, lineIndex: 4, text: "xyz" },
    ],
  );
  assert.match(malformed[0].reason, /^not JSON: /);
});

test("two values on a line, or a value over two lines, are malformed", () => {
  const { records, malformed } = decodeAll(json(), bytesOf("1,2\n[3\n4]\n5\n"));
  assert.deepEqual(records, [5]);
  assert.equal(malformed.length, 3);
});

test("a line that is not valid UTF-8 is malformed; a real replacement character is not", () => {
  const bytes = Buffer.concat([bytesOf('"\ufffd"\n"'), Buffer.from([0xff]), bytesOf('"\n"ü"\n')]);
  const { records, malformed } = decodeAll(json(), bytes);
  assert.deepEqual(records, ["\ufffd", "ü"]);
  assert.match(malformed[0].reason, /UTF-8/);
});

test("the records do not depend on where chunks end or how many are asked for at a time", () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom("\n", "\r\n", "\n\n"),
      (values, chunkSizes, limit, lineEnd) => {
        const text = values.map((value) => JSON.stringify(value)).join(lineEnd);
        const { records, malformed } = decodeAll(json(), bytesOf(text), { chunkSizes, limit });
        assert.equal(JSON.stringify(records), `[${values.map((v) => JSON.stringify(v)).join()}]`);
        assert.deepEqual(malformed, []);
      },
    ),
  );
});

const Everything = t.struct({
  flag: t.bool,
  small: t.int32,
  large: t.int64,
  huge: t.bigint64,
  ratio: t.float64,
  at: t.timestamp,
  name: t.string,
  blob: t.bytes,
  color: t.enum("red", "green"),
  maybe: t.optional(t.int32),
  tags: t.list(t.string),
  counts: t.map(t.string, t.int32),
  pairs: t.map(t.int32, t.string),
  nested: t.struct({ x: t.float64 }),
  shape: t.union("kind", { dot: { at: t.int32 }, line: { length: t.float64 } }),
  rest: t.any,
});

const EXAMPLE = {
  flag: true,
  small: -5,
  large: 2 ** 53 - 1,
  huge: 9_223_372_036_854_775_807n,
  ratio: NaN,
  at: 978_307_200_000,
  name: 'ü\u0000\n"',
  blob: new Uint8Array([0, 255, 7]),
  color: "green" as const,
  maybe: undefined,
  tags: ["a", ""],
  counts: new Map([["x", 1]]),
  pairs: new Map([[-1, "minus"]]),
  nested: { x: 0.1 },
  shape: { kind: "line" as const, length: 2 },
  rest: { any: [null, 1] },
};

test("with a type, every kind of value is read back as it was written", () => {
  const format = json(Everything);
  const text = format.createEncoder().encode(EXAMPLE);
  const { records, malformed } = decodeAll(format, bytesOf(text));
  assert.deepEqual(malformed, []);
  assert.deepEqual(records, [EXAMPLE]);
});

test("with a type, other fields are dropped and missing optional ones undefined", () => {
  const format = json(t.struct({ b: t.int32, a: t.optional(t.string) }));
  const { records } = decodeAll(format, bytesOf('{"x":1,"b":2}\n{"a":null,"b":3}\n'));
  assert.deepEqual(records, [
    { b: 2, a: undefined },
    { b: 3, a: undefined },
  ]);
  assert.deepEqual(Object.keys(records[0] as object), ["b", "a"]);
});

test("with a type, times are ISO 8601 or ms, and large integers may be text", () => {
  const format = json(t.struct({ at: t.timestamp, id: t.int64, big: t.bigint64 }));
  const lines = [
    '{"at":"2001-01-01","id":"42","big":"-7"}',
    '{"at":"2001-01-01T01:00:00+01:00","id":42,"big":-7}',
    '{"at":978307200000,"id":42,"big":-7}',
  ];
  const { records } = decodeAll(format, bytesOf(lines.join("\n")));
  const expected = { at: 978_307_200_000, id: 42, big: -7n };
  assert.deepEqual(records, [expected, expected, expected]);
});

test("a value that does not fit is malformed, with the field and the reason", () => {
  const Inner = t.struct({
    list: t.list(t.struct({ n: t.int32 })),
    m: t.optional(t.map(t.string, t.bool)),
  });
  const cases: [string, RegExp][] = [
    ['{"list":[{"n":1},{"n":1.5}]}', /^field list\[1\]\.n: expected an int32, found 1\.5$/],
    ['{"list":[{"n":2147483648}]}', /^field list\[0\]\.n: /],
    ['{"list":{}}', /^field list: expected a list, found \{\}$/],
    ["{}", /^field list: expected a list, found nothing$/],
    ["[]", /^expected an object with list, m, found \[\]$/],
    ["null", /^expected an object/],
    ['{"list":[],"m":{"k":0}}', /^field m\["k"\]: expected true or false, found 0$/],
  ];
  for (const [text, reason] of cases) {
    const { records, malformed } = decodeAll(json(Inner), bytesOf(text));
    assert.deepEqual(records, []);
    assert.match(malformed[0].reason, reason);
  }
});

test("fields named like properties of every object are read from the record only", () => {
  const format = json(t.struct({ toString: t.optional(t.string) }));
  const { records } = decodeAll(format, bytesOf('{}\n{"toString":"x"}'));
  assert.equal((records[0] as Record<string, unknown>)["toString"], undefined);
  assert.equal((records[1] as Record<string, unknown>)["toString"], "x");
});

test("without a type, what JSON cannot say is converted or refused, never dropped", () => {
  const { encode } = json().createEncoder();
  assert.equal(encode({ a: 1n, b: new Map([["k", 2n]]) }), '{"a":"1","b":{"k":"2"}}\n');
  assert.equal(encode({ a: new Map([[1, "x"]]) }), '{"a":[[1,"x"]]}\n');
  assert.equal(encode({ a: new Uint8Array([1, 2]) }), '{"a":"AQI="}\n');
  assert.equal(encode({ a: undefined, b: null }), '{"b":null}\n');
  for (const value of [NaN, Infinity, () => 1, Symbol("s"), new Set([1]), [undefined], undefined]) {
    assert.throws(() => encode(value === undefined ? value : { value }), {
      code: "RECORD_NOT_WRITABLE",
    });
  }
});
