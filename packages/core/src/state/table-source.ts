/*
 * Source text of a table's hot functions: finding and inserting by key, single and by batch. One
 * text per layout with the operator's uid in it, since V8 shares code and type feedback between
 * identical texts. Strides, masks and key comparison are constants in the text.
 *
 * A candidate is found by its 32-bit hash in the index alone; only then its row's key is compared.
 * For int32 keys without parent the hash is a bijection of the key, so rows are not read at all.
 */
import type { KeyColumn } from "../columns/key-column.ts";
import { KEY_FIELD_SOURCES, type KeySource } from "./key-source.ts";
import { isPlain, KEY_BYTES, type RowLayout } from "./layout.ts";
import { copySource, type CopyRows } from "./row-copy-source.ts";
import { sourceTag } from "./row-source.ts";
import type { Table } from "./table.ts";

/** What is generated per layout. */
export interface TableCode {
  /** Row of the key at `index`, with the list's or map's token for child tables, else 0. */
  find(table: Table, keys: KeyColumn, index: number, token: number): number;
  /** The same; makes the row if there is none. The parent's row matters for child tables only. */
  upsert(table: Table, keys: KeyColumn, index: number, token: number, parentRow: number): number;
  /** Whether a row of a table without parent has the key at `index`. */
  matches(table: Table, row: number, keys: KeyColumn, index: number): boolean;
  /** Rows of the first `count` keys into `rows`; 0 for none. Tables without parent only. */
  findAll(table: Table, keys: KeyColumn, count: number, rows: Int32Array): void;
  /** The same; makes missing rows. */
  upsertAll(table: Table, keys: KeyColumn, count: number, rows: Int32Array): void;
  /** Copies rows to `at` and behind it; undefined where a record is more than the row. */
  readonly copyRows: CopyRows | undefined;
}

/** Compiles the functions of a layout. */
export function compileTable(layout: RowLayout, uid: string): TableCode {
  const source = tableSource(layout, uid);
  return (new Function(source) as () => TableCode)();
}

function tableSource(layout: RowLayout, uid: string): string {
  const key = KEY_FIELD_SOURCES[layout.keyKind];
  const isChild = layout.parent !== undefined;
  const rowMask = (1 << layout.pageShift) - 1;
  const words = layout.strideBytes / 4;
  const keyWord = layout.keyOffset / 4;
  const params = key.params;
  const locate =
    `const page = table.pages[row >>> ${layout.pageShift}].i32;` +
    ` const base = (row & ${rowMask}) * ${words};`;
  const isExact = key.isHashExact && !isChild;
  const isSame = key.equals((number) => `page[base + ${keyWord + number}]`);
  const tokenTest = isChild ? "page[base + 2] === token && " : "";
  const batches = isChild
    ? "const findAll = undefined, upsertAll = undefined;"
    : batchSource({ key, isExact, locate, keyWord, wordsCount: KEY_BYTES[layout.keyKind] / 4 });
  return `${sourceTag(`${uid}/${layout.table}`)}
${key.prelude}
function isKey(table, row, token, ${params}) {
  ${isExact ? "return true;" : `${locate} return ${tokenTest}${isSame};`}
}
function hashKey(token, ${params}) {
  ${key.hash}
  ${isChild ? CHILD_HASH : ""}
  return hash;
}
function findHashed(table, hash, token, ${params}) {
  const index = table.index;
  const segment = index.directory[hash >>> index.shift];
  const mask = segment.length - 4;
  let slot = (hash << 1) & mask;
  for (;;) {
    const row = segment[slot + 1];
    if (row === 0) return 0;
    if (segment[slot] === hash && isKey(table, row, token, ${params})) return row;
    slot = (slot + 2) & mask;
  }
}
function upsertHashed(table, hash, token, parentRow, ${params}) {
  const found = findHashed(table, hash, token, ${params});
  if (found !== 0) return found;
  const row = table.newRow(hash);
  ${locate}
  ${isChild ? "page[base + 2] = token; page[base + 3] = parentRow;" : ""}
  ${key.write(`base + ${keyWord}`, keyWord)}
  table.index.insert(hash, row);
  ${isChild ? "table.link(row, parentRow);" : ""}
  return row;
}
function find(table, keys, index, token) {
  ${key.load("index")}
  return findHashed(table, hashKey(token, ${params}), token, ${params});
}
function matches(table, row, keys, index) {
  ${locate}
  ${key.load("index")}
  return ${isSame};
}
function upsert(table, keys, index, token, parentRow) {
  ${key.load("index")}
  return upsertHashed(table, hashKey(token, ${params}), token, parentRow, ${params});
}
${batches}
${isPlain(layout) ? copySource(layout) : "const copyRows = undefined;"}
return { find, upsert, matches, findAll, upsertAll, copyRows };
`;
}

/** Tokens are small numbers; the multiplication spreads them over all bits. */
const CHILD_HASH = `
  hash ^= Math.imul(token, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash ^= hash >>> 13;`;

/** What the functions for batches are made from. */
interface BatchParts {
  readonly key: KeySource;
  readonly isExact: boolean;
  /** Declares `page` and `base` of `row`. */
  readonly locate: string;
  readonly keyWord: number;
  /** Of a key, from `keyWord` on. */
  readonly wordsCount: number;
}

/**
 * Batches: first candidates of all keys, then the words of the candidates' keys, so that the misses
 * of the index and then those of the rows overlap; only then are keys compared.
 */
function batchSource(parts: BatchParts): string {
  const { key, isExact, wordsCount } = parts;
  const { params } = key;
  const isFound = isExact
    ? "row !== 0"
    : `row !== 0 && ${key.equals((number) => `words[${1 + number} * count + index]`)}`;
  const loop = (onMiss: string): string => `
  const words = table.scratchWords(count * ${1 + wordsCount});
  hashAll(keys, count, words);
  candidates(table, count, rows, words);
  ${isExact ? "" : "keyWords(table, count, rows, words);"}
  let missing = 0;
  for (let index = 0; index < count; index++) {
    const row = rows[index];
    ${isExact ? "" : key.load("index")}
    if (${isFound}) continue;
    words[count + missing] = index;
    missing += 1;
  }
  for (let at = 0; at < missing; at++) {
    const index = words[count + at];
    ${key.load("index")}
    rows[index] = ${onMiss}, ${params});
  }`;
  const coded = (isUpsert: boolean): string =>
    key.hasDictionary
      ? `if (keys.codes !== undefined && keys.dictionary.length <= count) {
    byDictionary(table, keys, count, rows, ${isUpsert});
    return;
  }`
      : "";
  const one = (row: string): string =>
    key.isLikeFirst === undefined
      ? ""
      : `if (count > 1 && isOneKey(keys, count)) {
    rows.fill(${row}, 0, count);
    return;
  }`;
  return `
function hashAll(keys, count, words) {
  for (let index = 0; index < count; index++) {
    ${key.load("index")}
    words[index] = hashKey(0, ${params});
  }
}
${candidatesSource()}
${isExact ? "" : keyWordsSource(parts)}
${key.hasDictionary ? dictionarySource(params) : ""}
${key.isLikeFirst === undefined ? "" : oneKeySource(key.isLikeFirst)}
function findAll(table, keys, count, rows) {
  ${one("find(table, keys, 0, 0)")}
  ${coded(false)}
  ${loop("findHashed(table, words[index], 0")}
}
function upsertAll(table, keys, count, rows) {
  ${one("upsert(table, keys, 0, 0, 0)")}
  ${coded(true)}
  ${loop("upsertHashed(table, words[index], 0, 0")}
}`;
}

/**
 * Rows whose hashes are those in `words`, 0 for none. Most are in their home slots. These are
 * looked into first, without a branch on what is there: the processor would often guess it wrong,
 * and a wrong guess where a miss decides keeps later misses waiting. The others come afterwards;
 * their indexes lie behind the hashes.
 */
function candidatesSource(): string {
  const segmentOf = `const segment = directory[hash >>> shift], mask = segment.length - 4;`;
  const homes = (segment: string): string => `
  for (let index = 0; index < count; index++) {
    const hash = words[index];
    ${segment}
    const slot = (hash << 1) & mask;
    const difference = segment[slot] ^ hash;
    const row = segment[slot + 1] & ~((difference | (0 - difference)) >> 31);
    rows[index] = row;
    words[count + others] = index;
    others += (row - 1) >>> 31;
  }`;
  return `
function candidates(table, count, rows, words) {
  const { directory, shift } = table.index;
  let others = 0;
  if (directory[0] === directory[directory.length - 1]) {
    const segment = directory[0], mask = segment.length - 4;
    ${homes("")}
  } else {
    ${homes(segmentOf)}
  }
  for (let at = 0; at < others; at++) {
    const index = words[count + at];
    const hash = words[index];
    ${segmentOf}
    let slot = (hash << 1) & mask;
    let row = segment[slot + 1];
    while (row !== 0 && segment[slot] !== hash) {
      slot = (slot + 2) & mask;
      row = segment[slot + 1];
    }
    rows[index] = row;
  }
}`;
}

/** A stream that is not split by key at all has one key, and a window's results one window. */
function oneKeySource(isLikeFirst: (index: string) => string): string {
  return `
function isOneKey(keys, count) {
  let index = 1;
  while (index < count && ${isLikeFirst("index")}) index += 1;
  return index === count;
}`;
}

/** The words of the candidates' keys, behind the hashes. Row 0 may be looked at. */
function keyWordsSource({ locate, keyWord, wordsCount }: BatchParts): string {
  const copies = Array.from(
    { length: wordsCount },
    (_, word) => `words[${1 + word} * count + index] = page[base + ${keyWord + word}];`,
  );
  return `
function keyWords(table, count, rows, words) {
  if (table.pages.length === 0) return;
  for (let index = 0; index < count; index++) {
    const row = rows[index];
    ${locate}
    ${copies.join(" ")}
  }
}`;
}

/** A batch whose keys are codes looks up each text once. */
function dictionarySource(params: string): string {
  return `
function byDictionary(table, keys, count, rows, isUpsert) {
  const { codes, dictionary } = keys;
  const known = new Int32Array(dictionary.length).fill(-1);
  for (let index = 0; index < count; index++) {
    const code = codes[index];
    let row = known[code];
    if (row === -1) {
      const text = dictionary[code];
      const hash = hashKey(0, ${params});
      row = isUpsert
        ? upsertHashed(table, hash, 0, 0, ${params})
        : findHashed(table, hash, 0, ${params});
      known[code] = row;
    }
    rows[index] = row;
  }
}`;
}
