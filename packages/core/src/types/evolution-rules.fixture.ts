/*
 * The rules of docs/semantics/savepoints.md, "Changing types", one by one: the tests of types and
 * those of every kind of state go through them.
 */
import { t } from "./t.ts";
import type { Type } from "./type.ts";

/** What goes on, what is told of it, and a value before and after. */
export const CHANGES: readonly [
  what: string,
  Type<unknown>,
  Type<unknown>,
  string[],
  unknown,
  unknown,
][] = [
  [
    "a field is added with its default",
    t.struct({ a: t.int32 }),
    t.struct({ a: t.int32, delay: t.withDefault(t.int32, 5), note: t.optional(t.string) }),
    ["delay: added, default 5", "note: added, absent"],
    { a: 1 },
    { a: 1, delay: 5, note: undefined },
  ],
  [
    "a field without a default begins at zero",
    t.struct({}),
    t.struct({ s: t.string, in: t.struct({ b: t.bool, c: t.enum("x", "y") }) }),
    ['s: added, default ""', 'in: added, default {"b":false,"c":"x"}'],
    {},
    { s: "", in: { b: false, c: "x" } },
  ],
  [
    "a field is removed",
    t.struct({ a: t.int32, b: t.int32 }),
    t.struct({ b: t.int32 }),
    ["a: removed"],
    { a: 1, b: 2 },
    { b: 2 },
  ],
  [
    "fields change places",
    t.struct({ a: t.int32, b: t.string }),
    t.struct({ b: t.string, a: t.int32 }),
    ["fields in another order"],
    { a: 1, b: "x" },
    { b: "x", a: 1 },
  ],
  [
    "a field is renamed, twice",
    t.struct({ first: t.int32 }),
    t.struct({ third: t.renamed(["second", "first"], t.int64) }),
    ['third: was "first"', "third: int32 → int64"],
    { first: 1 },
    { third: 1 },
  ],
  [
    "fields with columns of their own change in each way that values must be looked at",
    t.struct({
      color: t.enum("red", "green"),
      n: t.int32,
      late: t.optional(t.int32),
      note: t.optional(t.string),
    }),
    t.struct({
      color: t.enum("green", "blue", "red"),
      n: t.bigint64,
      late: t.withDefault(t.int32, 3),
      note: t.withDefault(t.string, "-"),
    }),
    [
      'color: value "blue" added',
      "color: values in another order",
      "n: int32 → bigint64",
      "late: int32? → int32, where absent 3",
      'note: string? → string, where absent "-"',
    ],
    { color: "green", n: 1, late: undefined, note: undefined },
    { color: "green", n: 1n, late: 3, note: "-" },
  ],
  ["a value becomes optional", t.int32, t.optional(t.int64), ["int32 → int64?"], 1, 1],
  [
    "an absent value gets the default",
    t.list(t.optional(t.int32)),
    t.list(t.withDefault(t.bigint64, 9n)),
    ["[]: int32? → bigint64, where absent 9n"],
    [1, undefined],
    [1n, 9n],
  ],
  [
    "an enum gains a value and another order",
    t.map(t.string, t.enum("a", "b")),
    t.map(t.string, t.enum("b", "c", "a")),
    ['<>: value "c" added', "<>: values in another order"],
    new Map([["k", "b"]]),
    new Map([["k", "b"]]),
  ],
  [
    "a union gains a variant, and one of its variants a field",
    t.union("kind", { click: { x: t.int32 } }),
    t.union("kind", { key: { code: t.string }, click: { x: t.float64, y: t.int32 } }),
    ["(click).x: int32 → float64", "(click).y: added, default 0", "(key): variant added"],
    { kind: "click", x: 1 },
    { kind: "click", x: 1, y: 0 },
  ],
];

/** What is refused, where and why. */
export const REFUSED: readonly [what: string, Type<unknown>, Type<unknown>, string, RegExp][] = [
  ["an optional value without a default", t.optional(t.int32), t.int32, "", /t\.withDefault/],
  [
    "a narrower number",
    t.struct({ n: t.int64 }),
    t.struct({ n: t.int32 }),
    "n",
    /none of the other/,
  ],
  ["a float as an integer", t.float64, t.int64, "", /none/],
  ["a value that an enum lost", t.enum("a", "b"), t.enum("a"), "", /may have "b"/],
  [
    "a variant that a union lost",
    t.struct({ u: t.union("k", { a: {}, b: {} }) }),
    t.struct({ u: t.union("k", { a: {} }) }),
    "u(b)",
    /may be of it/,
  ],
  ["another tag", t.union("k", { a: {} }), t.union("kind", { a: {} }), "", /another field/],
  ["any as something", t.any, t.string, "", /none/],
  ["something as any", t.list(t.string), t.list(t.any), "[]", /none/],
  ["keys of a nested map", t.map(t.int32, t.bool), t.map(t.int64, t.bool), "<key>", /never change/],
  [
    "a union that a struct gained",
    t.struct({}),
    t.struct({ u: t.union("k", { a: {} }) }),
    "u",
    /has no zero/,
  ],
];
