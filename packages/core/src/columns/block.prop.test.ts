import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import fc from "fast-check";
import type { OxbowError } from "../errors.ts";
import { anyColumn } from "./arbitraries.fixture.ts";
import { FRAME_BLOCK, STORED_BLOCK } from "./block.ts";
import type { BlockColumn, BlockOptions, SlicesColumn } from "./block.ts";
import { blockSizeBytes, decodeBlock } from "./block-decoder.ts";
import { encodeBlock, encodeBlockToBytes } from "./block-encoder.ts";
import type { EncodableColumn } from "./block-encoder.ts";
import type { Column } from "./column.ts";
import { int32Column, IS_ABSENT, StringColumn, valueAt } from "./column.ts";
import { ByteWriter } from "../types/byte-writer.ts";

const ORIGIN = { file: "segment-1", offset: 4096, requireChecksum: false };
const STORED = { ...ORIGIN, requireChecksum: true };

const anyOptions: fc.Arbitrary<BlockOptions> = fc.record({
  narrow: fc.boolean(),
  checksum: fc.boolean(),
  compress: fc.boolean(),
});

const anyColumns: fc.Arbitrary<{ rowCount: number; columns: BlockColumn[] }> = fc
  .integer({ min: 0, max: 40 })
  .chain((rowCount) =>
    fc.record({
      rowCount: fc.constant(rowCount),
      columns: fc.array(
        fc.record({
          name: fc.string({ unit: "binary", maxLength: 8 }),
          role: fc.constantFrom("field" as const, "records" as const, "timestamps" as const),
          column: anyColumn(rowCount),
        }),
        { maxLength: 6 },
      ),
    }),
  );

function rowsOf(column: Column): unknown[] {
  return Array.from({ length: column.count }, (_, row) => [
    column.presence?.[row] ?? 0,
    valueAt(column, row),
  ]);
}

test("every set of columns comes back exactly, with every choice of options", () => {
  fc.assert(
    fc.property(anyColumns, anyOptions, fc.nat(7), (source, options, shift) => {
      const bytes = encodeBlockToBytes(source, options);
      assert.equal(blockSizeBytes(bytes, ORIGIN), bytes.length);
      const shifted = new Uint8Array(bytes.length + shift).subarray(shift);
      shifted.set(bytes);
      for (const from of [bytes, shifted, Buffer.from(shifted)]) {
        const block = decodeBlock(from, ORIGIN);
        assert.equal(block.rowCount, source.rowCount);
        assert.equal(block.columns.length, source.columns.length);
        block.columns.forEach(({ name, role, column }, index) => {
          const expected = source.columns[index];
          assert.equal(name, expected.name);
          assert.equal(role, expected.role);
          assert.equal(column.kind, expected.column.kind);
          assert.deepStrictEqual(rowsOf(column), rowsOf(expected.column));
        });
      }
    }),
    { numRuns: 1000 },
  );
});

test("a decoded block encodes to the same bytes", () => {
  fc.assert(
    fc.property(anyColumns, (source) => {
      const bytes = encodeBlockToBytes(source, STORED_BLOCK);
      const { rowCount, columns } = decodeBlock(bytes, STORED);
      assert.deepStrictEqual(encodeBlockToBytes({ rowCount, columns }, STORED_BLOCK), bytes);
    }),
  );
});

test("every truncated or changed byte of a stored block is BLOCK_CORRUPTED with its place", () => {
  const isCorrupted = (error: unknown): boolean => {
    const { code, details } = error as OxbowError;
    assert.equal(code, "BLOCK_CORRUPTED");
    assert.equal(details.file, "segment-1");
    assert.equal(details.offset, 4096);
    return true;
  };
  fc.assert(
    fc.property(
      anyColumns,
      fc.boolean(),
      fc.integer({ min: 1, max: 255 }),
      (source, compress, flip) => {
        const bytes = encodeBlockToBytes(source, { ...STORED_BLOCK, compress });
        for (let at = 0; at < bytes.length; at++) {
          const damaged = bytes.slice();
          damaged[at] ^= flip;
          assert.throws(() => decodeBlock(damaged, STORED), isCorrupted);
        }
        for (let size = 0; size < bytes.length; size += 1 + (size >> 5)) {
          assert.throws(() => decodeBlock(bytes.slice(0, size), STORED), isCorrupted);
        }
        assert.throws(() => decodeBlock(new Uint8Array([...bytes, 0]), STORED), isCorrupted);
      },
    ),
    { numRuns: 40 },
  );
});

test("a damaged block without checksum is decoded or BLOCK_CORRUPTED, never anything else", () => {
  fc.assert(
    fc.property(anyColumns, fc.nat(), fc.integer({ min: 1, max: 255 }), (source, seed, flip) => {
      const bytes = encodeBlockToBytes(source, FRAME_BLOCK);
      bytes[seed % bytes.length] ^= flip;
      try {
        decodeBlock(bytes, ORIGIN);
      } catch (error) {
        assert.equal((error as OxbowError).code, "BLOCK_CORRUPTED");
      }
    }),
    { numRuns: 1000 },
  );
});

test("storage refuses a block without checksum", () => {
  const bytes = encodeBlockToBytes({ rowCount: 0, columns: [] }, FRAME_BLOCK);
  assert.throws(() => decodeBlock(bytes, STORED), {
    code: "BLOCK_CORRUPTED",
    message: /no checksum/,
  });
});

test("slices anywhere in memory are packed in the order of the rows", () => {
  const column: SlicesColumn = {
    kind: "slices",
    count: 4,
    presence: Uint8Array.of(0, 0, IS_ABSENT, 0),
    bytes: Uint8Array.of(1, 2, 3, 4, 5),
    starts: Int32Array.of(3, 0, 0, 2),
    ends: Int32Array.of(5, 1, 5, 2),
  };
  const columns: EncodableColumn[] = [{ name: "v", role: "field", column }];
  const block = decodeBlock(encodeBlockToBytes({ rowCount: 4, columns }, STORED_BLOCK), STORED);
  assert.deepStrictEqual(
    [0, 1, 2, 3].map((row) => valueAt(block.columns[0].column, row)),
    [Uint8Array.of(4, 5), Uint8Array.of(1), undefined, new Uint8Array(0)],
  );
});

test("numbers in a narrow range take few bytes, and aligned numbers are not copied", () => {
  const rowCount = 4096;
  const values = Float64Array.from({ length: rowCount }, (_, row) => 1.7e12 + (row % 200));
  const columns: BlockColumn[] = [
    {
      name: "t",
      role: "field",
      column: { kind: "float64", count: rowCount, presence: undefined, values },
    },
  ];
  const narrow = encodeBlockToBytes({ rowCount, columns }, STORED_BLOCK);
  assert.ok(narrow.length < rowCount * 1.1);
  const raw = encodeBlockToBytes({ rowCount, columns }, FRAME_BLOCK);
  const [{ column }] = decodeBlock(raw, ORIGIN).columns;
  assert.ok(column.kind === "float64" && column.values.buffer === raw.buffer);
});

test("a compressed block is smaller and comes back", () => {
  const values = Array.from({ length: 5000 }, (_, row) => `the same words ${row % 9}`);
  const column = StringColumn.ofStrings(values, values.length);
  const source = {
    rowCount: values.length,
    columns: [{ name: "s", role: "field", column } as const],
  };
  const plain = encodeBlockToBytes(source, STORED_BLOCK);
  const compressed = encodeBlockToBytes(source, { ...STORED_BLOCK, compress: true });
  assert.ok(compressed.length * 10 < plain.length);
  const [back] = decodeBlock(compressed, STORED).columns;
  assert.ok(back.column.kind === "string");
  assert.deepEqual(back.column.values, values);
});

test("blocks can be written one after another, each at a multiple of 8", () => {
  const writer = new ByteWriter(16);
  const source = (id: number): { rowCount: number; columns: BlockColumn[] } => ({
    rowCount: 1,
    columns: [{ name: "id", role: "field", column: int32Column(Int32Array.of(id), 1) }],
  });
  const first = encodeBlock(writer, source(1), STORED_BLOCK);
  writer.uint8(9);
  const second = encodeBlock(writer, source(2), STORED_BLOCK);
  assert.equal(second % 8, 0);
  const size = blockSizeBytes(writer.bytes.subarray(first), STORED);
  const one = decodeBlock(writer.bytes.subarray(first, first + size), STORED);
  const two = decodeBlock(writer.bytes.subarray(second, writer.position), STORED);
  assert.equal(valueAt(one.columns[0].column, 0), 1);
  assert.equal(valueAt(two.columns[0].column, 0), 2);
});

test("the example of docs/formats/block.md is what is written", () => {
  const page = new URL("../../../../docs/formats/block.md", import.meta.url);
  const hex = /```hex\n([^`]*)```/.exec(readFileSync(page, "utf8"))?.[1] ?? "";
  const expected = Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
  const columns: BlockColumn[] = [
    { name: "id", role: "field", column: int32Column(Int32Array.of(7, 8, 9), 3) },
    {
      name: "city",
      role: "field",
      column: StringColumn.ofCodes(
        Int32Array.of(0, 0, 0),
        ["Bern"],
        3,
        Uint8Array.of(0, IS_ABSENT, 0),
      ),
    },
  ];
  const bytes = encodeBlockToBytes({ rowCount: 3, columns }, STORED_BLOCK);
  assert.equal(Buffer.from(bytes).toString("hex"), expected.toString("hex"));
});
