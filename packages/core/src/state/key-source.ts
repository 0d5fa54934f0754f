/*
 * KeySource: how generated code handles a key of each kind: reads it from a `KeyColumn`, hashes it
 * (an index hash of our own: Java's, which places keys in key groups, is too weak for strings and
 * would leave bits unused within one subtask), compares it with a row's and writes it into a row.
 */
import type { KeyKind } from "./layout.ts";

/** Source snippets. In them: `table`, `row`, `page` (int32 view), and the parameters. */
export interface KeySource {
  /** Names that hold a key, as parameters. */
  readonly params: string;
  /** Module-level declarations. */
  readonly prelude: string;
  /** Statements that set the parameters from `keys` at an index. */
  readonly load: (index: string) => string;
  /** Statements that declare `hash`. */
  readonly hash: string;
  /** Expression: a row's key is this one. `word` is the expression of one of its words. */
  readonly equals: (word: (number: number) => string) => string;
  /** Statements that write the key; `at` in the page, `word` in the row. */
  readonly write: (at: string, word: number) => string;
  /** Different keys always have different hashes. */
  readonly isHashExact: boolean;
  /** The column may have codes into a dictionary; the single parameter is `text`. */
  readonly hasDictionary: boolean;
  /** Expression: the keys at 0 and at `index` are the same; may say no where they are. */
  readonly isLikeFirst?: (index: string) => string;
}

/** Finaliser of murmur3: a bijection of int32. */
const MIX = `
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  hash ^= hash >>> 16;`;

const WORDS_SCRATCH = `
const FLOATS = new Float64Array(3), BIGS = new BigInt64Array(FLOATS.buffer);
const WORDS = new Int32Array(FLOATS.buffer);`;

const WORDS_HASH = `
  let hash = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca77) ^ high;${MIX}`;

/** A NaN may have any payload after arithmetic; as a key it is one. */
const FLOAT_LOAD = (index: string): string => `
  const number = keys.numbers[${index}];
  FLOATS[0] = number;
  const low = number === number ? WORDS[0] : 0, high = number === number ? WORDS[1] : 0x7ff80000;`;

const ARENA_BYTES = `const slab = table.arena.slabs[ref >>> 14]; const at = (ref & 16383) << 4;`;

/** By key kind. */
export const KEY_FIELD_SOURCES: Readonly<Record<KeyKind, KeySource>> = {
  int32: {
    params: "key",
    prelude: "",
    load: (index) => `const key = keys.numbers[${index}] | 0;`,
    hash: `let hash = key;${MIX}`,
    equals: (word) => `${word(0)} === key`,
    write: (at) => `page[${at}] = key;`,
    isHashExact: true,
    hasDictionary: false,
    isLikeFirst: (index) => `keys.numbers[${index}] === keys.numbers[0]`,
  },
  f64: {
    params: "low, high",
    prelude: WORDS_SCRATCH,
    load: FLOAT_LOAD,
    hash: WORDS_HASH,
    equals: (word) => `${word(0)} === low && ${word(1)} === high`,
    write: (at) => `page[${at}] = low; page[${at} + 1] = high;`,
    isHashExact: false,
    hasDictionary: false,
    // 0 and −0 are different keys.
    isLikeFirst: (index) => `keys.numbers[${index}] === keys.numbers[0] && keys.numbers[0] !== 0`,
  },
  i64: {
    params: "low, high",
    prelude: WORDS_SCRATCH,
    load: (index) => `BIGS[0] = keys.bigints[${index}]; const low = WORDS[0], high = WORDS[1];`,
    hash: WORDS_HASH,
    equals: (word) => `${word(0)} === low && ${word(1)} === high`,
    write: (at) => `page[${at}] = low; page[${at} + 1] = high;`,
    isHashExact: false,
    hasDictionary: false,
  },
  f64x3: {
    params: "a, b, c, d, e, f",
    prelude: WORDS_SCRATCH,
    load: (index) => `
  FLOATS[0] = keys.numbers[${index} * 3];
  FLOATS[1] = keys.numbers[${index} * 3 + 1];
  FLOATS[2] = keys.numbers[${index} * 3 + 2];
  const a = WORDS[0], b = WORDS[1], c = WORDS[2], d = WORDS[3], e = WORDS[4], f = WORDS[5];`,
    hash: `let hash = a;
  hash = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) ^ b;
  hash = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) ^ c;
  hash = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) ^ d;
  hash = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) ^ e;
  hash = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) ^ f;${MIX}`,
    equals: (word) =>
      ["a", "b", "c", "d", "e", "f"].map((p, i) => `${word(i)} === ${p}`).join(" && "),
    write: (at) =>
      ["a", "b", "c", "d", "e", "f"].map((p, i) => `page[${at} + ${i}] = ${p};`).join(" "),
    isHashExact: false,
    hasDictionary: false,
  },
  string: {
    params: "text",
    prelude: `
function sameText(table, ref, sizeWord, text) {
  const length = text.length;
  ${ARENA_BYTES}
  if ((sizeWord & 1) === 0) {
    if (sizeWord >>> 1 !== length) return false;
    for (let i = 0; i < length; i++) if (slab[at + i] !== text.charCodeAt(i)) return false;
    return true;
  }
  if (sizeWord >>> 2 !== length) return false;
  for (let i = 0; i < length; i++) {
    if ((slab[at + 2 * i] | (slab[at + 2 * i + 1] << 8)) !== text.charCodeAt(i)) return false;
  }
  return true;
}`,
    load: (index) => `const text = keys.strings[${index}];`,
    hash: `let hash = text.length;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e3779b1);
    hash ^= hash >>> 15;
  }${MIX}`,
    equals: (word) => `sameText(table, ${word(0)}, ${word(1)}, text)`,
    write: (_at, word) => `table.writeText(row, ${word}, text);`,
    isHashExact: false,
    hasDictionary: true,
  },
  bytes: {
    params: "bytes, start, end",
    prelude: `
function sameBytes(table, ref, sizeWord, bytes, start, end) {
  const length = end - start;
  if (sizeWord >>> 1 !== length) return false;
  ${ARENA_BYTES}
  for (let i = 0; i < length; i++) if (slab[at + i] !== bytes[start + i]) return false;
  return true;
}`,
    load: (index) =>
      `const bytes = keys.bytes, start = keys.offsets[${index}], end = keys.offsets[${index} + 1];`,
    hash: `let hash = end - start;
  for (let i = start; i < end; i++) {
    hash = Math.imul(hash ^ bytes[i], 0x9e3779b1);
    hash ^= hash >>> 15;
  }${MIX}`,
    equals: (word) => `sameBytes(table, ${word(0)}, ${word(1)}, bytes, start, end)`,
    write: (_at, word) => `const ref = table.setVar(row, ${word}, (end - start) * 2);
  ${ARENA_BYTES}
  for (let i = start; i < end; i++) slab[at + i - start] = bytes[i];`,
    isHashExact: false,
    hasDictionary: false,
  },
};
