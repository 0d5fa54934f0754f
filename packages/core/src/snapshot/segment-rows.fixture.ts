// Rows as tests of segments see them: from and to columns, the one order, arbitrary rows.
import fc from "fast-check";
import type { ByteSlices, ChunkKind, RowColumns } from "../state/row-chunk.ts";
import { HASH_SEED_HIGH, HASH_SEED_LOW, murmur3 } from "./key-hash.ts";

/** A row as a test sees it. */
export interface Row {
  readonly kind: ChunkKind;
  readonly table: string;
  readonly keyGroup: number;
  readonly key: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly mapKey: Uint8Array;
  readonly int: number | undefined;
  readonly float: number;
  readonly flag: boolean;
  readonly big: bigint;
  readonly text: Uint8Array | undefined;
}

const NAMESPACED = new Set(["panes", "both"]);
const MAPPED = new Set(["maps", "both"]);

export function slicesOf(values: readonly (Uint8Array | undefined)[]): ByteSlices {
  const starts = new Int32Array(values.length);
  const ends = new Int32Array(values.length);
  const bytes: number[] = [9, 9, 9];
  values.forEach((value, i) => {
    starts[i] = bytes.length;
    bytes.push(...(value ?? []));
    ends[i] = bytes.length;
  });
  return { bytes: Uint8Array.from(bytes), starts, ends };
}

const presentOf = (values: readonly unknown[]): Uint8Array | undefined =>
  values.includes(undefined)
    ? Uint8Array.from(values, (value) => (value === undefined ? 0 : 1))
    : undefined;

/** Rows of one kind and table as columns. */
export function columnsOf(rows: readonly Row[]): RowColumns {
  const { kind, table } = rows[0];
  const isPut = kind === "puts";
  return {
    table,
    kind,
    count: rows.length,
    keyGroups: Uint16Array.from(rows, (row) => (kind === "dropped" ? 0 : row.keyGroup)),
    keys: slicesOf(kind === "dropped" ? [] : rows.map((row) => row.key)),
    namespaces: NAMESPACED.has(table)
      ? {
          starts: Float64Array.from(rows, (row) => row.start),
          ends: Float64Array.from(rows, (row) => row.end),
        }
      : undefined,
    mapKeys:
      MAPPED.has(table) && (isPut || kind === "tombstones")
        ? slicesOf(rows.map((row) => row.mapKey))
        : undefined,
    columns: !isPut
      ? []
      : [
          {
            name: "int",
            values: Int32Array.from(rows, (row) => row.int ?? 0),
            present: presentOf(rows.map((row) => row.int)),
          },
          {
            name: "float",
            values: Float64Array.from(rows, (row) => row.float),
            present: undefined,
          },
          {
            name: "flag",
            values: Uint8Array.from(rows, (row) => (row.flag ? 1 : 0)),
            present: undefined,
          },
          { name: "big", values: BigInt64Array.from(rows, (row) => row.big), present: undefined },
          {
            name: "text",
            values: slicesOf(rows.map((row) => row.text)),
            present: presentOf(rows.map((row) => row.text)),
          },
        ],
  };
}

const sliceAt = (slices: ByteSlices | undefined, row: number): Uint8Array =>
  slices === undefined ? NONE : slices.bytes.slice(slices.starts[row], slices.ends[row]);

export const NONE = new Uint8Array(0);

export function rowsOf(columns: RowColumns): Row[] {
  const at = <T>(name: string, row: number): T | undefined => {
    const column = columns.columns.find((other) => other.name === name);
    if (column === undefined || column.present?.[row] === 0) return undefined;
    const { values } = column;
    return ("starts" in values ? sliceAt(values, row) : values[row]) as T;
  };
  return Array.from({ length: columns.count }, (_, row): Row => {
    const isPut = columns.kind === "puts";
    return {
      kind: columns.kind,
      table: columns.table,
      keyGroup: columns.keyGroups[row],
      key: columns.kind === "dropped" ? NONE : sliceAt(columns.keys, row),
      start: columns.namespaces?.starts[row] ?? 0,
      end: columns.namespaces?.ends[row] ?? 0,
      mapKey: sliceAt(columns.mapKeys, row),
      int: isPut ? at<number>("int", row) : undefined,
      float: isPut ? at<number>("float", row)! : 0,
      flag: isPut ? at<number>("flag", row) === 1 : false,
      big: isPut ? at<bigint>("big", row)! : 0n,
      text: isPut ? at<Uint8Array>("text", row) : undefined,
    };
  });
}

/** What a segment can say of a row. */
function normal(row: Row): Row {
  const isPut = row.kind === "puts";
  const isRange = row.kind === "dropped";
  const hasMapKey = MAPPED.has(row.table) && (isPut || row.kind === "tombstones");
  const hasNamespace = NAMESPACED.has(row.table);
  return {
    kind: row.kind,
    table: row.table,
    keyGroup: isRange ? 0 : row.keyGroup,
    key: isRange ? NONE : row.key,
    start: hasNamespace ? row.start : 0,
    end: hasNamespace ? row.end : 0,
    mapKey: hasMapKey ? row.mapKey : NONE,
    int: isPut ? row.int : undefined,
    float: isPut ? row.float : 0,
    flag: isPut && row.flag,
    big: isPut ? row.big : 0n,
    text: isPut ? row.text : undefined,
  };
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const show = (row: Row): string =>
  JSON.stringify({
    ...row,
    key: hex(row.key),
    mapKey: hex(row.mapKey),
    big: String(row.big),
    float: Object.is(row.float, -0) ? "-0" : String(row.float),
    start: String(row.start),
    end: String(row.end),
    text: row.text === undefined ? "-" : hex(row.text),
  });
export const sorted = (rows: readonly Row[]): string[] => rows.map(normal).map(show).sort();

export const KIND_ORDER = ["dropped", "cleared", "tombstones", "puts"];

/**
 * The one order, as docs/formats/segment.md says it, without the table (sections have one each).
 */
export function compareRows(a: Row, b: Row): number {
  const compareBytes = (x: Uint8Array, y: Uint8Array): number => Buffer.compare(x, y);
  const hashOf = (key: Uint8Array): bigint =>
    (BigInt(murmur3(key, 0, key.length, HASH_SEED_HIGH)) << 32n) |
    BigInt(murmur3(key, 0, key.length, HASH_SEED_LOW));
  const hashOfA = hashOf(a.key);
  const hashOfB = hashOf(b.key);
  if (a.keyGroup !== b.keyGroup) return a.keyGroup - b.keyGroup;
  if (hashOfA !== hashOfB) return hashOfA < hashOfB ? -1 : 1;
  const byKey = compareBytes(a.key, b.key);
  if (byKey !== 0) return byKey;
  if (a.start !== b.start) return a.start < b.start ? -1 : 1;
  if (a.end !== b.end) return a.end < b.end ? -1 : 1;
  return compareBytes(a.mapKey, b.mapKey);
}

const keys = fc.oneof(
  fc.uint8Array({ minLength: 8, maxLength: 8 }),
  fc.uint8Array({ maxLength: 3 }),
  fc.constantFrom(new Uint8Array(0), new Uint8Array([1, 2, 3, 4])),
);
export const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  kind: fc.constantFrom<ChunkKind>("dropped", "cleared", "tombstones", "puts", "puts", "puts"),
  table: fc.constantFrom("main", "panes", "maps", "both"),
  keyGroup: fc.oneof(fc.integer({ min: 0, max: 127 }), fc.integer({ min: 0, max: 2 })),
  key: keys,
  start: fc.constantFrom(0, 10, -5, 1e12, -Infinity, Infinity),
  end: fc.constantFrom(10, 20, Infinity),
  mapKey: fc.uint8Array({ maxLength: 2 }),
  int: fc.option(fc.integer(), { nil: undefined }),
  float: fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.constant(-0)),
  flag: fc.boolean(),
  big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  text: fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }),
});
export const ROW: Row = {
  kind: "puts",
  table: "main",
  keyGroup: 3,
  key: Uint8Array.from([7, 0, 0, 0, 0, 0, 0, 0]),
  start: 0,
  end: 0,
  mapKey: NONE,
  int: undefined,
  float: 5,
  flag: true,
  big: -1n,
  text: new TextEncoder().encode("abc"),
};

/** Some rows of every kind and table. */
export const SOME_ROWS: readonly Row[] = KIND_ORDER.flatMap((kind) =>
  ["main", "panes", "maps", "both"].flatMap((table) =>
    [1, 2, 3].map((i): Row => ({
      ...ROW,
      kind: kind as ChunkKind,
      table,
      keyGroup: 40 * i,
      key: Uint8Array.from([i, 0, 0, 0, 1, 0, 0, 0]),
      mapKey: Uint8Array.from([i]),
      start: 10 * i,
      end: 10 * i + 10,
      int: i === 2 ? undefined : i,
      text: i === 3 ? undefined : new Uint8Array(i),
    })),
  ),
);
