/*
 * RowLayout: where the fields of a table's rows lie. Plain data that survives structured clone, so
 * that the writing thread reads raw rows (`chunk-reader.ts`) exactly as the task wrote them.
 *
 * A row is `strideBytes` long, a multiple of 8, and every field lies at its natural alignment:
 *
 *   0  hash       int32   index hash of the key (children: of token and sub key); next free row
 *   4  stamp      int32   2 × epoch of the last touch, + 1 if born in it (`changes.ts`)
 *   8  token      int32   children only: the list or map that the row belongs to
 *  12  parentRow  int32   children only
 *  16  next, prev int32   children only: links of one parent's rows, oldest first, 0 = none
 *      key                4 to 24 bytes, see `KeyKind`
 *      presence   int32   one bit per nullable column, 32 columns a word
 *      relations  5 × int32 per child table, see RELATION_*
 *      columns            u8, i32, f64, i64, or arena reference and length
 *
 * Row 0 of a table is never used; 0 means "no row".
 * Semantics: docs/semantics/state.md.
 */
import { assert } from "../assert.ts";
import type { OptionalType, Type } from "../types/type.ts";

/**
 * How a key lies in a row. `int32`: int32 and list positions; `f64`: the 64 bits of an int64,
 * float64, timestamp or bool (compared by bits: NaN = NaN, −0 ≠ 0); `i64`: bigint64; `f64x3`:
 * timers (timestamp, namespace start, end); `string`: strings and enums, arena reference, and size
 * in bytes × 2 + 1 where they are UTF-16, else Latin-1; `bytes`: bytes, structs, lists, in the
 * encoding of `types/key.ts`, arena reference and size × 2.
 */
export type KeyKind = "int32" | "f64" | "i64" | "f64x3" | "string" | "bytes";

/** How a column lies in a row. `var`: reference and length of encoded bytes in the arena. */
export type ColumnKind = "u8" | "i32" | "f64" | "i64" | "var";

/** What a column is declared as. */
export interface ColumnSpec {
  /** Unique in the table; fields of a struct state are `state.field`. */
  readonly name: string;
  /** An optional type makes the column nullable. */
  readonly type: Type<unknown>;
  /** Presence bit although the type is not optional (a state that may be cleared). */
  readonly nullable?: boolean;
  /** Value in a new row; undefined: zero bits, and absent if nullable. */
  readonly default?: unknown;
}

/** What a table is declared as. Plain data. */
export interface TableSpec {
  /** Unique in the operator; states, families and timers have one each. */
  readonly name: string;
  /**
   * Logical type of the key, or of the sub key of a child table; undefined for positions and
   * timers.
   */
  readonly keyType: Type<unknown> | undefined;
  readonly keyKind: KeyKind;
  /** Whether each row belongs to a namespace (window pane). */
  readonly hasNamespace: boolean;
  /** Child tables: rows belong to a row of this table. */
  readonly parent?: RowLayout;
  /** False: rows are reached only through their parent's links (lists, sessions). Default true. */
  readonly isIndexed?: boolean;
  readonly columns: readonly ColumnSpec[];
  /** Names of the child tables whose rows hang at rows of this one. */
  readonly relations?: readonly string[];
  /**
   * Rows follow from those of child tables and are not part of snapshots (keys that have timers).
   */
  readonly isDerived?: boolean;
}

export interface ColumnLayout {
  readonly name: string;
  readonly type: Type<unknown>;
  readonly kind: ColumnKind;
  /** Byte offset in the row. */
  readonly offset: number;
  /** Bit number in the presence words; −1: always present. */
  readonly presenceBit: number;
  readonly default: unknown;
}

/** See the file header. Frozen. */
export interface RowLayout {
  readonly table: string;
  readonly keyType: Type<unknown> | undefined;
  readonly keyKind: KeyKind;
  readonly hasNamespace: boolean;
  readonly isIndexed: boolean;
  /** Not part of snapshots. */
  readonly isDerived: boolean;
  /** Layout of the parent; undefined for a table that stands by itself. One level deep. */
  readonly parent: RowLayout | undefined;
  readonly strideBytes: number;
  /** Rows of a full page are 1 << pageShift. */
  readonly pageShift: number;
  readonly keyOffset: number;
  /** End of header and key, a multiple of 8: what a tombstone keeps. */
  readonly keyEnd: number;
  readonly presenceOffset: number;
  readonly presenceWordsCount: number;
  readonly columns: readonly ColumnLayout[];
  readonly relations: readonly { readonly name: string; readonly offset: number }[];
  /** Byte offsets of all arena references, that of a bytes key included. */
  readonly varOffsets: readonly number[];
}

/** Header fields, as indexes of int32 from the row's start. */
export const HASH_INDEX = 0;
export const STAMP_INDEX = 1;
export const TOKEN_INDEX = 2;
export const PARENT_INDEX = 3;
export const NEXT_INDEX = 4;
export const PREV_INDEX = 5;

/** Fields of a relation, as indexes of int32 from its offset. */
export const RELATION_TOKEN = 0;
export const RELATION_FIRST = 1;
export const RELATION_LAST = 2;
export const RELATION_COUNT = 3;
/** Interval in which a clear of the key's list or map was last recorded. */
export const RELATION_CLEARED = 4;

const HEADER_BYTES = 8;
const CHILD_HEADER_BYTES = 24;
const RELATION_BYTES = 20;
/**
 * Full pages are at most this long. Larger ones mean fewer view objects to load per random access.
 */
export const PAGE_BYTES_MAX = 256 * 1024;
/** Bound of a row's length; beyond it values belong into one struct or list. */
export const STRIDE_BYTES_MAX = 16 * 1024;

/** Computes the layout: wide fields first, so that no space is lost to alignment. */
export function rowLayout(spec: TableSpec): RowLayout {
  const keyOffset = spec.parent === undefined ? HEADER_BYTES : CHILD_HEADER_BYTES;
  const keyBytes = KEY_BYTES[spec.keyKind];
  const nullables = spec.columns.filter(isNullable);
  const presenceWordsCount = Math.ceil(nullables.length / 32);
  const presenceOffset = keyOffset + keyBytes;
  let offset = presenceOffset + presenceWordsCount * 4;
  const take = (bytes: number): number => {
    const alignment = Math.min(bytes, 8);
    const at = bytes === VAR_BYTES_MARK ? align(offset, 4) : align(offset, alignment);
    offset = at + (bytes === VAR_BYTES_MARK ? 8 : bytes);
    return at;
  };
  const relations = (spec.relations ?? []).map((name) => {
    const at = align(offset, 4);
    offset = at + RELATION_BYTES;
    return { name, offset: at };
  });
  const offsets = new Map<string, number>();
  for (const column of fieldOrder(spec.columns, offset)) {
    offsets.set(column.name, take(COLUMN_BYTES[columnKind(column.type)]));
  }
  const columns = spec.columns.map((column): ColumnLayout => {
    const at = offsets.get(column.name);
    assert(at !== undefined, () => `table ${spec.name}: column ${column.name} declared twice`);
    return {
      name: column.name,
      type: column.type,
      kind: columnKind(column.type),
      offset: at,
      presenceBit: nullables.indexOf(column),
      default: column.default,
    };
  });
  const strideBytes = align(offset, 8);
  assert(strideBytes <= STRIDE_BYTES_MAX, () => `table ${spec.name}: row of ${strideBytes} bytes`);
  assert(offsets.size === spec.columns.length, () => `table ${spec.name}: column name used twice`);
  const varOffsets = columns.filter((c) => c.kind === "var").map((c) => c.offset);
  return Object.freeze({
    table: spec.name,
    keyType: spec.keyType,
    keyKind: spec.keyKind,
    hasNamespace: spec.hasNamespace,
    isIndexed: spec.isIndexed ?? true,
    isDerived: spec.isDerived ?? false,
    parent: spec.parent,
    strideBytes,
    pageShift: 31 - Math.clz32(PAGE_BYTES_MAX / strideBytes),
    keyOffset,
    keyEnd: align(presenceOffset, 8),
    presenceOffset,
    presenceWordsCount,
    columns,
    relations,
    varOffsets: isVarKey(spec.keyKind) ? [keyOffset, ...varOffsets] : varOffsets,
  });
}

/** What of a key lies in its row; of those in the arena, where and how long they are. */
export const KEY_BYTES: Readonly<Record<KeyKind, number>> = {
  int32: 4,
  f64: 8,
  i64: 8,
  f64x3: 24,
  string: 8,
  bytes: 8,
};
/** Two int32: aligned to 4 although 8 long. */
const VAR_BYTES_MARK = -8;
const COLUMN_BYTES: Record<ColumnKind, number> = {
  u8: 1,
  i32: 4,
  f64: 8,
  i64: 8,
  var: VAR_BYTES_MARK,
};

/** How values of a type lie in a column. */
export function columnKind(type: Type<unknown>): ColumnKind {
  const kind = innerType(type).kind;
  switch (kind) {
    case "bool":
      return "u8";
    case "int32":
    case "enum":
      return "i32";
    case "int64":
    case "float64":
    case "timestamp":
      return "f64";
    case "bigint64":
      return "i64";
    case "string":
    case "bytes":
    case "any":
    case "optional":
    case "list":
    case "map":
    case "struct":
    case "union":
      return "var";
  }
}

/** How keys of a type lie in a row. */
export function keyKindOf(type: Type<unknown>): KeyKind {
  switch (type.kind) {
    case "int32":
      return "int32";
    case "bool":
    case "int64":
    case "float64":
    case "timestamp":
      return "f64";
    case "bigint64":
      return "i64";
    case "string":
    case "enum":
      return "string";
    case "bytes":
    case "any":
    case "optional":
    case "list":
    case "map":
    case "struct":
    case "union":
      return "bytes";
  }
}

/** Bytes that a record of a parent's key takes, see `row-chunk.ts`. */
export function parentBytes(layout: RowLayout): number {
  return layout.parent === undefined ? 0 : layout.parent.keyEnd;
}

/** Whether a record of a row, see `row-chunk.ts`, is the row as it lies and nothing else. */
export function isPlain(layout: RowLayout): boolean {
  const { varOffsets, parent, hasNamespace } = layout;
  return varOffsets.length === 0 && parent === undefined && !hasNamespace;
}

/** Whether keys of the kind lie in the arena. */
export function isVarKey(kind: KeyKind): boolean {
  return kind === "string" || kind === "bytes";
}

/** The type without its outer optional. */
export function innerType(type: Type<unknown>): Type<unknown> {
  return type.kind === "optional" ? (type as OptionalType<unknown>).inner : type;
}

function isNullable(column: ColumnSpec): boolean {
  return column.nullable === true || column.type.kind === "optional";
}

function align(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

/** Columns in the order in which they are laid out; an int32 fills the gap before 8-byte fields. */
function fieldOrder(columns: readonly ColumnSpec[], offset: number): ColumnSpec[] {
  const of = (...kinds: ColumnKind[]) => columns.filter((c) => kinds.includes(columnKind(c.type)));
  const words = of("i32", "var");
  const fours = words.filter((c) => columnKind(c.type) === "i32");
  const gap = offset % 8 === 0 ? undefined : fours[0];
  const rest = words.filter((c) => c !== gap);
  return [...(gap === undefined ? [] : [gap]), ...of("f64", "i64"), ...rest, ...of("u8")];
}
