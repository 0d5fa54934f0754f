/*
 * Handles of reducing and aggregating states: a value state, folded.
 */
import type {
  AggregatingState,
  AnyAggregatingStateDescriptor,
  AnyReducingStateDescriptor,
  ReducingState,
  ValueState,
} from "./descriptors.ts";

/** A reducing or aggregating state over the value state that holds its value or accumulator. */
export function foldHandle(
  descriptor: AnyReducingStateDescriptor | AnyAggregatingStateDescriptor,
  value: ValueState<unknown, unknown>,
): ReducingState<unknown> | AggregatingState<unknown, unknown> {
  if (descriptor.kind === "reducing") {
    const reduce = descriptor.reduce as unknown as (left: unknown, right: unknown) => unknown;
    return {
      add(added) {
        const before = value.get();
        value.set(before === undefined ? added : reduce(before, added));
      },
      get: () => value.get(),
      clear: () => value.clear(),
    };
  }
  const { create, add, result } = descriptor.aggregate as unknown as {
    readonly create: () => unknown;
    readonly add: (accumulator: unknown, value: unknown) => unknown;
    readonly result: (accumulator: unknown) => unknown;
  };
  return {
    add(added) {
      const before = value.get();
      value.set(add(before === undefined ? create() : before, added));
    },
    get() {
      const accumulator = value.get();
      return accumulator === undefined ? undefined : result(accumulator);
    },
    clear: () => value.clear(),
  };
}
