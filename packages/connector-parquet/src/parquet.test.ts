import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";
import { t, type Type } from "oxbow";
import { nodeEnv, SourceHarness, sourceChecks } from "oxbow/testing";
import { parquet, type ParquetOptions } from "./index.ts";

/** Parquet's numbers of physical types, codecs and converted types. */
const PHYSICAL = { BOOLEAN: 0, INT32: 1, INT64: 2, DOUBLE: 5, BYTE_ARRAY: 6 } as const;
const CODECS = { none: 0, gzip: 2, zstd: 6 } as const;
const CONVERTED = {
  UTF8: 0,
  DATE: 6,
  TIMESTAMP_MILLIS: 9,
  TIMESTAMP_MICROS: 10,
  UINT_32: 13,
} as const;

interface TinyColumn {
  readonly name: string;
  readonly physical: keyof typeof PHYSICAL;
  readonly converted?: keyof typeof CONVERTED;
  readonly isRequired?: boolean;
  /** Undefined: no value. */
  readonly values: readonly (number | bigint | boolean | string | Uint8Array | undefined)[];
}

type Field = readonly [id: number, type: number, bytes: Buffer];

/** Thrift's compact protocol, as far as Parquet's footer and page headers need it. */
const thrift = {
  varint(value: number): Buffer {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    return Buffer.from([...bytes, rest]);
  },
  i32: (id: number, value: number): Field => [id, 5, thrift.varint(value * 2)],
  i64: (id: number, value: number): Field => [id, 6, thrift.varint(value * 2)],
  text: (id: number, value: string): Field => [id, 8, thrift.string(value)],
  struct: (id: number, fields: readonly Field[]): Field => [id, 12, thrift.body(fields)],
  list: (id: number, type: number, items: readonly Buffer[]): Field => [
    id,
    9,
    Buffer.concat([
      items.length < 15 ? Buffer.from([(items.length << 4) | type]) : Buffer.from([0xf0 | type]),
      items.length < 15 ? Buffer.alloc(0) : thrift.varint(items.length),
      ...items,
    ]),
  ],
  string: (value: string): Buffer =>
    Buffer.concat([thrift.varint(Buffer.byteLength(value)), Buffer.from(value)]),
  body(fields: readonly Field[]): Buffer {
    let last = 0;
    const parts = fields.flatMap(([id, type, bytes]) => {
      const head = Buffer.from([((id - last) << 4) | type]);
      last = id;
      return [head, bytes];
    });
    return Buffer.concat([...parts, Buffer.from([0])]);
  },
};

function plainValues(column: TinyColumn, values: TinyColumn["values"]): Buffer {
  const present = values.filter((value) => value !== undefined);
  if (column.physical === "BOOLEAN") {
    const bits = Buffer.alloc(Math.ceil(present.length / 8));
    for (const [index, value] of present.entries()) {
      if (value === true) bits[index >> 3] |= 1 << (index & 7);
    }
    return bits;
  }
  return Buffer.concat(
    present.map((value) => {
      if (column.physical === "BYTE_ARRAY") {
        const bytes = Buffer.from(value as string);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(bytes.length);
        return Buffer.concat([length, bytes]);
      }
      const bytes = Buffer.alloc(column.physical === "INT32" ? 4 : 8);
      if (column.physical === "INT32") bytes.writeInt32LE(Number(value) | 0);
      if (column.physical === "INT64") bytes.writeBigInt64LE(BigInt(value as bigint));
      if (column.physical === "DOUBLE") bytes.writeDoubleLE(value as number);
      return bytes;
    }),
  );
}

/** A Parquet file: one plain page per column and row group. */
function tinyParquet(
  columns: readonly TinyColumn[],
  groupRows: number,
  codec: keyof typeof CODECS = "none",
): Buffer {
  const parts: Buffer[] = [Buffer.from("PAR1")];
  let offset = 4;
  const rows = columns[0].values.length;
  const groups: Buffer[] = [];
  for (let first = 0; first < rows; first += groupRows) {
    const count = Math.min(groupRows, rows - first);
    const chunks = columns.map((column) => {
      const values = column.values.slice(first, first + count);
      const levels = Buffer.from(values.flatMap((value) => [2, value === undefined ? 0 : 1]));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(levels.length);
      const head = column.isRequired === true ? [] : [length, levels];
      const page = Buffer.concat([...head, plainValues(column, values)]);
      const packed =
        codec === "none" ? page : codec === "gzip" ? gzipSync(page) : zstdCompressSync(page);
      const header = thrift.body([
        thrift.i32(1, 0),
        thrift.i32(2, page.length),
        thrift.i32(3, packed.length),
        thrift.struct(
          5,
          [1, 2, 3, 4].map((id) => thrift.i32(id, [count, 0, 3, 3][id - 1])),
        ),
      ]);
      const start = offset;
      parts.push(header, packed);
      offset += header.length + packed.length;
      const meta: Field[] = [
        thrift.i32(1, PHYSICAL[column.physical]),
        thrift.list(2, 5, [thrift.varint(0)]),
        thrift.list(3, 8, [thrift.string(column.name)]),
        thrift.i32(4, CODECS[codec]),
        thrift.i64(5, count),
        thrift.i64(6, header.length + page.length),
        thrift.i64(7, offset - start),
        thrift.i64(9, start),
      ];
      return thrift.body([thrift.i64(2, start), thrift.struct(3, meta)]);
    });
    groups.push(thrift.body([thrift.list(1, 12, chunks), thrift.i64(2, 1), thrift.i64(3, count)]));
  }
  const schema = columns.map((column) =>
    thrift.body([
      thrift.i32(1, PHYSICAL[column.physical]),
      thrift.i32(3, column.isRequired === true ? 0 : 1),
      thrift.text(4, column.name),
      ...(column.converted === undefined ? [] : [thrift.i32(6, CONVERTED[column.converted])]),
    ]),
  );
  const root = thrift.body([thrift.text(4, "root"), thrift.i32(5, columns.length)]);
  const footer = thrift.body([
    thrift.i32(1, 1),
    thrift.list(2, 12, [root, ...schema]),
    thrift.i64(3, rows),
    thrift.list(4, 12, groups),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([...parts, footer, length, Buffer.from("PAR1")]);
}

const directory = await mkdtemp(path.join(tmpdir(), "oxbow-parquet-"));
after(() => rm(directory, { recursive: true }));
const env = nodeEnv({ verify: true });

async function put(name: string, bytes: Uint8Array): Promise<string> {
  const file = path.join(directory, name);
  await writeFile(file, bytes);
  return file;
}

async function readAll<T>(file: string, options: ParquetOptions<T> = {}): Promise<SourceHarness> {
  const source = parquet(file, options as ParquetOptions<T> & { readonly type: Type<T> });
  const harness = new SourceHarness({ env, source });
  await harness.run();
  await harness.close();
  return harness;
}

const ROWS = 6_000;
const numbers = Array.from({ length: ROWS }, (_, index) => index);
const many = tinyParquet(
  [
    { name: "id", physical: "INT64", values: numbers },
    {
      name: "name",
      physical: "BYTE_ARRAY",
      converted: "UTF8",
      values: numbers.map((id) => (id % 10 === 3 ? undefined : `n${id % 7}`)),
    },
  ],
  2_500,
  "zstd",
);
await put("many-1.parquet", many);
await put("many-2.parquet", many);
const expected = numbers.map((id) => ({ id, name: id % 10 === 3 ? undefined : `n${id % 7}` }));

const checks = sourceChecks({
  name: "parquet in six row groups",
  make: () => Promise.resolve({ env, source: parquet(path.join(directory, "many-*.parquet")) }),
  expected: [...expected, ...expected],
});
for (const check of checks) test(check.title, check.run);

const Kinds: readonly TinyColumn[] = [
  { name: "flag", physical: "BOOLEAN", values: [true, undefined, false] },
  { name: "int", physical: "INT32", values: [-5, undefined, 7], isRequired: false },
  {
    name: "unsigned",
    physical: "INT32",
    converted: "UINT_32",
    values: [4_294_967_295, 1, undefined],
  },
  { name: "long", physical: "INT64", values: [-(2n ** 53n) + 1n, undefined, 3n] },
  { name: "ratio", physical: "DOUBLE", values: [0.5, undefined, -0] },
  { name: "day", physical: "INT32", converted: "DATE", values: [1, undefined, -1] },
  {
    name: "at",
    physical: "INT64",
    converted: "TIMESTAMP_MILLIS",
    values: [1_500n, undefined, -1n],
  },
  {
    name: "micros",
    physical: "INT64",
    converted: "TIMESTAMP_MICROS",
    values: [1_999n, undefined, -1n],
  },
  { name: "text", physical: "BYTE_ARRAY", converted: "UTF8", values: ["ü", undefined, ""] },
  {
    name: "raw",
    physical: "BYTE_ARRAY",
    values: [new Uint8Array([255]), undefined, new Uint8Array()],
  },
];

test("every kind of column is read as documented, missing values are undefined", async () => {
  for (const codec of ["none", "gzip", "zstd"] as const) {
    const file = await put(`kinds-${codec}.parquet`, tinyParquet(Kinds, 2, codec));
    const { records, batches } = await readAll(file);
    assert.ok(batches.every((batch) => batch.isColumnar));
    const [first, second, third] = records.map((one) => one.record as Record<string, unknown>);
    assert.deepEqual(
      { ...first },
      {
        flag: true,
        int: -5,
        unsigned: 4_294_967_295,
        long: -9_007_199_254_740_991,
        ratio: 0.5,
        day: 86_400_000,
        at: 1_500,
        micros: 1,
        text: "ü",
        raw: new Uint8Array([255]),
      },
    );
    const missing = Object.keys(first).filter((name) => second?.[name] !== undefined);
    assert.deepEqual(missing, ["unsigned"]);
    assert.deepEqual(
      { ...third, raw: undefined },
      {
        flag: false,
        int: 7,
        unsigned: undefined,
        long: 3,
        ratio: -0,
        day: -86_400_000,
        at: -1,
        micros: -1,
        text: "",
        raw: undefined,
      },
    );
  }
});

test("an unsafe integer is refused with its place, or read as a declared bigint", async () => {
  const values = [1n, 2n ** 53n + 1n];
  const file = await put(
    "large.parquet",
    tinyParquet([{ name: "n", physical: "INT64", values }], 1),
  );
  await assert.rejects(readAll(file), (error: unknown) => {
    const { code, details, message } = error as { code: string; details: object; message: string };
    assert.equal(code, "RECORD_MALFORMED");
    assert.deepEqual(details, { file, row: 1, column: "n" });
    assert.match(message, /9007199254740993/);
    return true;
  });
  const { records } = await readAll(file, { type: t.struct({ n: t.bigint64 }) });
  assert.deepEqual(
    records.map((one) => (one.record as { n: bigint }).n),
    values,
  );
});

test("a type chooses and orders columns; what does not fit it is refused", async () => {
  const file = await put("typed.parquet", tinyParquet(Kinds, 3));
  const type = t.struct({
    text: t.optional(t.string),
    long: t.optional(t.float64),
    gone: t.optional(t.bool),
  });
  const { records } = await readAll(file, { type });
  assert.deepEqual(Object.keys(records[0].record as object), ["text", "long"]);
  const wrong: Type<unknown>[] = [
    t.struct({ missing: t.int32 }),
    t.struct({ text: t.optional(t.int32) }),
    t.struct({ ratio: t.optional(t.int64) }),
  ];
  for (const misfit of wrong) {
    await assert.rejects(readAll(file, { type: misfit }), { code: "CONNECTOR_INVALID" });
  }
  await assert.rejects(readAll(file, { type: t.struct({ int: t.int32 }) }), {
    code: "RECORD_MALFORMED",
  });
  await assert.rejects(readAll(file, { columns: ["nothing"] }), { code: "CONNECTOR_INVALID" });
});

test("a file that is no Parquet, cut off or damaged, fails with its name", async () => {
  const damaged = Buffer.from(many);
  damaged.fill(0x55, 40, 400);
  const wrong = [Buffer.from("no such thing at all"), many.subarray(0, -20), damaged];
  for (const [index, bytes] of wrong.entries()) {
    const file = await put(`wrong-${index}.parquet`, bytes);
    await assert.rejects(readAll(file), (error: unknown) => {
      assert.equal((error as { code: string }).code, "FILE_UNREADABLE");
      assert.ok((error as Error).message.includes(file));
      return true;
    });
  }
});

test("settings that cannot work are refused when the source is made", () => {
  assert.throws(() => parquet([]), { code: "CONNECTOR_INVALID" });
  assert.throws(() => parquet("x", { columns: [] }), { code: "CONNECTOR_INVALID" });
  assert.throws(() => parquet("x", { columns: ["a", "a"] }), { code: "CONNECTOR_INVALID" });
  assert.throws(() => parquet("x", { type: t.string as Type<never> }), {
    code: "CONNECTOR_INVALID",
  });
});

test("real flights: all rows are read, equal to those that hyparquet reads by row", async () => {
  const file = fileURLToPath(
    new URL("../../../node_modules/vega-datasets/data/flights-3m.parquet", import.meta.url),
  );
  let rows = 0;
  let delays = 0;
  const source = parquet(file, { columns: ["date", "delay", "distance", "origin", "destination"] });
  const harness = new SourceHarness({ env, source });
  await harness.run(() => harness.records.length >= 272_727);
  const { asyncBufferFromFile } = await import("hyparquet");
  const { COMPRESSORS } = await import("./async-file.ts");
  const buffer = await asyncBufferFromFile(file);
  const objects = await parquetReadObjects({
    file: buffer,
    rowStart: 0,
    rowEnd: 272_727,
    compressors: COMPRESSORS,
  });
  for (const [index, object] of objects.entries()) {
    const record = harness.records[index].record as Record<string, unknown>;
    assert.equal(record["date"], (object["date"] as Date).getTime());
    assert.equal(record["delay"], Number(object["delay"]));
    assert.equal(record["distance"], Number(object["distance"]));
    assert.equal(record["origin"], object["origin"]);
    assert.equal(record["destination"], object["destination"]);
  }
  await harness.close();
  const counting = new SourceHarness({ env, source: parquet(file, { columns: ["delay"] }) });
  await counting.run(() => {
    for (const batch of counting.batches.splice(0)) {
      const column = batch.column("delay");
      assert.ok(column?.kind === "float64");
      for (let row = 0; row < batch.count; row++) delays += column.values[row];
      rows += batch.count;
    }
    counting.records.length = 0;
    return false;
  });
  await counting.close();
  assert.equal(rows, 3_000_000);
  assert.equal(delays, 20_003_603);
});
