// Upgrades of keyed states: their names, kinds, types and versions.
import { emits } from "../../api/stream-base.ts";
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
} from "../../state/descriptors.ts";
import type { StateDescriptor, StateDescriptors } from "../../state/descriptors.ts";
import { t } from "../../types/t.ts";
import type { Type } from "../../types/type.ts";
import { continues, keyed, refused } from "./upgrade.fixture.ts";
import type { Program, Upgrade } from "./upgrade.fixture.ts";

/** Handles of states of any kind. */
interface Handles {
  readonly [name: string]: {
    get(): unknown;
    set(value: unknown): void;
    set(key: unknown, value: unknown): void;
    add(value: unknown): void;
    entries(): Iterable<unknown>;
  };
}

/** An operator with the given states, of which a function writes or tells. */
const keeping =
  (state: StateDescriptors, use: (handles: Handles, n: number) => unknown): Program =>
  (env, out) =>
    keyed(env)
      .process(
        "keep",
        {
          state,
          process(n, context) {
            const told = use(context.state as unknown as Handles, n);
            if (told !== undefined) context.emit(told);
          },
        },
        emits<unknown>(),
      )
      .sink("out", out);

/** Running sums of which the state has the given name. */
const summing = (name: string, state: StateDescriptor): Program =>
  keeping({ [name]: state }, (handles, n) => {
    const sum = ((handles[name].get() as number | undefined) ?? 0) + n;
    handles[name].set(sum);
    return { sum };
  });

const Sum = valueState(t.int64);

const two = keeping({ sum: Sum, last: valueState(t.int32) }, ({ sum, last }, n) => {
  sum.set(((sum.get() as number | undefined) ?? 0) + n);
  last.set(n);
  return { sum: sum.get() };
});

const NAMES: readonly Upgrade[] = [
  {
    change: "a state is added",
    before: summing("sum", Sum),
    after: keeping(
      { sum: Sum, flag: valueState(t.string, { default: "new" }) },
      ({ sum, flag }, n) => {
        sum.set(((sum.get() as number | undefined) ?? 0) + n);
        return flag.get() === "new" ? { sum: sum.get() } : undefined;
      },
    ),
    result: continues("It starts empty, or with its default."),
  },
  {
    change: "a state is removed",
    before: two,
    after: summing("sum", Sum),
    result: refused(
      "Its values would be lost. Leave them behind with `allowNonRestoredState`.",
      /operator "keep" has the state "last" \(value int32\) in savepoint \d+/,
      /allowNonRestoredState: \["keep\/last"\]/,
    ),
  },
  {
    change: "a state is removed, with `allowNonRestoredState: [uid/state]`",
    before: two,
    after: summing("sum", Sum),
    allowNonRestoredState: ["keep/last"],
    result: continues("Its values stay in the snapshot."),
  },
  {
    change: "a state has another name",
    before: summing("total", Sum),
    after: summing("sum", Sum),
    result: refused(
      "It is a removed and an added one. Say `aliases: [old]`.",
      /operator "keep" has the state "total" \(value int64\)/,
      /aliases: \["total"\]/,
    ),
  },
  {
    change: "a state has another name, with `aliases: [old]`",
    before: summing("total", Sum),
    after: summing("sum", valueState(t.int64, { aliases: ["older", "total"] })),
    result: continues("It goes on with the values under the first of the old names that is there."),
  },
  {
    change: "the values of a state mean something else, with `version` and `migrate`",
    before: keeping({ v: valueState(t.int64) }, ({ v }) => v.set(7)),
    after: keeping(
      {
        v: valueState(t.string, {
          version: 2,
          migrate: (old, from) => `${from}: ${String(old)} euros`,
        }),
      },
      ({ v }) => v.get(),
    ),
    result: continues("Each value goes through `migrate`.", { gives: ["0: 7 euros"] }),
  },
  {
    change: "the declared version is lower than the stored one, without `migrate`",
    before: keeping({ v: valueState(t.int64, { version: 2 }) }, ({ v }) => v.set(7)),
    after: keeping({ v: valueState(t.int64) }, ({ v }) => v.get()),
    result: refused(
      "An older program would misread the values. Give it a `migrate`.",
      /operator "keep" has the state "v"/,
      /version/,
    ),
  },
];

const KINDS: readonly [text: string, state: StateDescriptor, write: (state: never) => void][] = [
  ["value", valueState(t.int64), (state: { set(value: number): void }) => state.set(1)],
  ["list", listState(t.int64), (state: { add(value: number): void }) => state.add(1)],
  [
    "map",
    mapState(t.string, t.int64),
    (state: { set(key: string, value: number): void }) => state.set("k", 1),
  ],
  [
    "aggregating",
    aggregatingState(t.int64, {
      create: () => 0,
      add: (sum: number, n: number) => sum + n,
      result: (sum) => sum,
    }),
    (state: { add(value: number): void }) => state.add(1),
  ],
];

const kindChanges = KINDS.flatMap(([from, stored, write]) =>
  KINDS.filter(([to]) => to !== from).map(([to, declared]): Upgrade => ({
    change: `a state of the kind ${from} becomes one of the kind ${to}`,
    before: keeping({ s: stored }, ({ s }) => write(s as never)),
    after: keeping({ s: declared }, () => undefined),
    result: refused(
      "They are kept otherwise. Give the new one a name of its own.",
      new RegExp(`operator "keep" has the state "s" \\(${from} .* is ${to} .* now`),
      /Declare it as it was; .* another name beside the old one/,
    ),
  })),
);

const REDUCING = reducingState(t.int64, (left, right) => left + right);

const reducing: readonly Upgrade[] = [
  {
    change: "a value state becomes a reducing state of the same type",
    before: keeping({ s: valueState(t.int64) }, ({ s }) => s.set(5)),
    after: keeping({ s: REDUCING }, ({ s }) => s.get()),
    result: continues("Values go on.", { gives: [5] }),
  },
  {
    change: "a reducing state becomes a value state of the same type",
    before: keeping({ s: REDUCING }, ({ s }, n) => (n < 3 ? s.add(5) : undefined)),
    after: keeping({ s: valueState(t.int64) }, ({ s }) => s.get()),
    result: continues("Values go on.", { gives: [5] }),
  },
  {
    change: "the keys of a map state are of another type",
    before: keeping({ m: mapState(t.int32, t.string) }, ({ m }) => m.set(1, "one")),
    after: keeping({ m: mapState(t.string, t.string) }, () => undefined),
    result: refused(
      "An entry would not be found. Give the new one a name of its own.",
      /operator "keep" has the state "m" \(map map<int32, string>\)/,
      /map map<string, string> now/,
    ),
  },
];

export const STATES: readonly Upgrade[] = [...NAMES, ...kindChanges, ...reducing];

/** A change of type: the old type and a value, the new type and what becomes of the value. */
type TypeChange = readonly [
  change: string,
  stored: Type<unknown>,
  value: unknown,
  declared: Type<unknown>,
  becomes: { readonly value: unknown } | { readonly refused: RegExp },
];

const to = (value: unknown) => ({ value });
const no = (reason: RegExp) => ({ refused: reason });
const A = t.struct({ a: t.int32 });
const AB = t.struct({ a: t.int32, b: t.string });
const Big = t.bigint64;
const TYPES: readonly TypeChange[] = [
  ["a field is added to a struct", A, { a: 1 }, AB, to({ a: 1, b: "" })],
  [
    "a field with a default is added",
    A,
    { a: 1 },
    t.struct({ a: t.int32, b: t.withDefault(t.string, "none") }),
    to({ a: 1, b: "none" }),
  ],
  [
    "an optional field is added",
    A,
    { a: 1 },
    t.struct({ a: t.int32, b: t.optional(t.string) }),
    to({ a: 1 }),
  ],
  ["a field is removed from a struct", AB, { a: 1, b: "x" }, A, to({ a: 1 })],
  [
    "the fields of a struct are in another order",
    AB,
    { a: 1, b: "x" },
    t.struct({ b: t.string, a: t.int32 }),
    to({ b: "x", a: 1 }),
  ],
  [
    "a field has another name, with `t.renamed(old, type)`",
    AB,
    { a: 1, b: "x" },
    t.struct({ a: t.int32, c: t.renamed("b", t.string) }),
    to({ a: 1, c: "x" }),
  ],
  [
    "a field is of another type",
    AB,
    { a: 1, b: "x" },
    t.struct({ a: t.int32, b: t.int32 }),
    no(/b/),
  ],
  ["a type becomes optional", t.int32, 1, t.optional(t.int32), to(1)],
  ["an optional type is not optional any more", t.optional(t.int32), 1, t.int32, no(/default/)],
  [
    "an optional type is not optional any more, but has a default",
    t.optional(t.int32),
    1,
    t.withDefault(t.int32, 9),
    to(1),
  ],
  ["int32 becomes int64", t.int32, 7, t.int64, to(7)],
  ["int32 becomes float64", t.int32, 7, t.float64, to(7)],
  ["int32 becomes timestamp", t.int32, 7, t.timestamp, to(7)],
  ["int32 becomes bigint64", t.int32, 7, Big, to(7n)],
  ["int64 becomes float64", t.int64, 7, t.float64, to(7)],
  ["int64 becomes bigint64", t.int64, 7, Big, to(7n)],
  ["int64 becomes timestamp", t.int64, 7, t.timestamp, to(7)],
  ["timestamp becomes int64", t.timestamp, 7, t.int64, to(7)],
  ["int64 becomes int32", t.int64, 7, t.int32, no(/int64.*int32/)],
  ["float64 becomes int64", t.float64, 7, t.int64, no(/float64.*int64/)],
  ["bigint64 becomes int64", Big, 7n, t.int64, no(/bigint64.*int64/)],
  ["a number becomes a string", t.int32, 7, t.string, no(/int32.*string/)],
  ["a string becomes a number", t.string, "7", t.int32, no(/string.*int32/)],
  ["an enum has another value", t.enum("a", "b"), "b", t.enum("c", "b", "a"), to("b")],
  ["an enum lacks a value", t.enum("a", "b"), "a", t.enum("a"), no(/"b"|b/)],
  [
    "a union has another variant",
    t.union("k", { one: { a: t.int32 } }),
    { k: "one", a: 1 },
    t.union("k", { two: { b: t.int32 }, one: { a: t.int64 } }),
    to({ k: "one", a: 1 }),
  ],
  [
    "a union lacks a variant",
    t.union("k", { one: { a: t.int32 }, two: { b: t.int32 } }),
    { k: "one", a: 1 },
    t.union("k", { one: { a: t.int32 } }),
    no(/two/),
  ],
  ["t.any becomes a type", t.any, 7, t.int32, no(/any.*int32/)],
  ["a type becomes t.any", t.int32, 7, t.any, no(/int32.*any/)],
  ["the elements of a list change", t.list(t.int32), [1, 2], t.list(t.int64), to([1, 2])],
  [
    "the elements of a list change as they cannot",
    t.list(t.int32),
    [1],
    t.list(t.string),
    no(/int32.*string/),
  ],
  [
    "the values of a map change",
    t.map(t.string, A),
    new Map([["k", { a: 1 }]]),
    t.map(t.string, AB),
    to(new Map([["k", { a: 1, b: "" }]])),
  ],
  [
    "the keys of a map in a value change",
    t.map(t.int32, A),
    new Map([[1, { a: 1 }]]),
    t.map(t.int64, A),
    no(/int32.*int64/),
  ],
  [
    "a struct in a struct changes",
    t.struct({ in: A }),
    { in: { a: 1 } },
    t.struct({ in: AB }),
    to({ in: { a: 1, b: "" } }),
  ],
];

export const TYPE_CHANGES: readonly Upgrade[] = TYPES.map(
  ([change, stored, value, declared, becomes]): Upgrade => ({
    change,
    before: keeping({ v: valueState(stored) }, ({ v }) => v.set(value)),
    after: keeping({ v: valueState(declared) }, ({ v }) => ({ v: v.get() })),
    result:
      "value" in becomes
        ? continues("Values go on.", { gives: [{ v: becomes.value }] })
        : refused(
            "It needs `migrate`, or a name of its own.",
            /operator "keep" has the state "v" \(value .*\) in savepoint \d+, which is value /,
            becomes.refused,
            /Declare it as it was|migrate/,
          ),
  }),
);
