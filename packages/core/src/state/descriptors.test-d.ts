/*
 * Type tests: compiled, never run. A wrong inference is a compile error here.
 */
import { t } from "../types/t.ts";
import {
  aggregatingState,
  type HandlesOf,
  listState,
  mapState,
  reducingState,
  type StateDescriptors,
  type ValueState,
  valueState,
} from "./descriptors.ts";
import { operatorListState, unionListState } from "./operator-state.ts";

type Equal<A, B> =
  (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
function expect<_T extends true>(): void {}

const stats = t.struct({ n: t.renamed("count", t.int32), label: t.optional(t.string) });
const states = {
  plain: valueState(t.int32, { version: 1, aliases: ["old"], migrate: (old) => Number(old) }),
  filled: valueState(t.int32, { default: 0, migrate: (old: unknown) => Number(old) }),
  stats: valueState(stats, { version: 2, migrate: (_old, fromVersion) => ({ n: fromVersion }) }),
  list: listState(t.string, { migrate: String }),
  map: mapState(t.string, t.int64, { migrate: () => 1 }),
  most: reducingState(t.int32, Math.max, { migrate: () => 1 }),
} satisfies StateDescriptors;
type Handles = HandlesOf<typeof states>;

expect<Equal<Handles["plain"], ValueState<number, number | undefined>>>();
expect<Equal<Handles["filled"], ValueState<number, number>>>();
expect<
  Equal<ReturnType<Handles["stats"]["get"]>, { n: number; label?: string | undefined } | undefined>
>();

// @ts-expect-error: `migrate` returns a value of the state's type.
valueState(t.int32, { migrate: () => "1" });
// @ts-expect-error: per element, not the whole list.
listState(t.int32, { migrate: () => [1] });
// @ts-expect-error: per value, not the whole map.
mapState(t.string, t.int32, { migrate: () => new Map<string, number>() });
valueState(t.int32, {
  migrate(old, fromVersion) {
    expect<Equal<typeof old, unknown>>();
    return fromVersion;
  },
});
const sum = { create: () => 0, add: (a: number, b: number) => a + b, result: String };
// @ts-expect-error: the accumulator, not the result.
aggregatingState(t.int32, sum, { migrate: () => "1" });
// @ts-expect-error: an element.
operatorListState(t.int32, { migrate: () => [1] });
// @ts-expect-error: a version is a number.
unionListState(t.int32, { version: "1" });
