/*
 * Plans on plain objects: an accumulator is `{ f0, f1, …, c0, … }`. Where accumulators live shortly
 * outside of state (partial aggregation before an exchange), and the yardstick in tests.
 */
import { sourceTag } from "../state/row-source.ts";
import type { AccumulatorRef } from "./aggregate.ts";
import type { AggregatePlan } from "./aggregate-plan.ts";
import { mergeSource, planBindings, resultSource, updateSource } from "./aggregate-source.ts";

/** An accumulator as an object; opaque. */
export type ObjectAccumulator = Record<string, unknown>;

/** A plan's functions over object accumulators. */
export interface ObjectAggregates {
  create(): ObjectAccumulator;
  add(accumulator: ObjectAccumulator, record: unknown): void;
  /** Adds `other` to `accumulator`; only if the plan can merge. */
  merge(accumulator: ObjectAccumulator, other: ObjectAccumulator): void;
  result(accumulator: ObjectAccumulator): unknown;
}

/** Compiles a plan for object accumulators. */
export function objectAggregates(plan: AggregatePlan): ObjectAggregates {
  const own = refs(plan, "a");
  const merge = plan.canMerge
    ? mergeSource(plan, own, refs(plan, "o"))
    : 'throw new Error("the plan cannot merge")';
  const initial = plan.columns.map((_, n) => `f${n}: initial[${n}]`);
  const children = plan.children.map((child, n) => `c${n}: new ${CHILD_CLASS[child.kind]}()`);
  const source = `${sourceTag(plan.uid)}
    return {
      create: () => ({ ${[...initial, ...children].join(", ")} }),
      add: (a, record) => { ${updateSource(plan, own)} },
      merge: (a, o) => { ${merge} },
      result: (a) => (${resultSource(plan, own)}),
    };`;
  const { b, fn } = planBindings(plan);
  const make = new Function("b", "fn", "initial", "addAll", source) as (
    ...bound: readonly unknown[]
  ) => ObjectAggregates;
  const initials = plan.columns.map((column) => column.initial);
  return make(b, fn, initials, addAll);
}

const CHILD_CLASS = { list: "Array", set: "Set" } as const;

function refs(plan: AggregatePlan, name: string): AccumulatorRef {
  return {
    fields: plan.columns.map((_, n) => ({
      read: `${name}.f${n}`,
      write: (expression) => `${name}.f${n} = ${expression};`,
    })),
    children: plan.children.map((child, n) => ({
      add: (value) =>
        child.kind === "list"
          ? `${name}.c${n}.push(${value})`
          : `addAll(${name}.c${n}, [${value}]) === 1`,
      addAll: (other) => `addAll(${name}.c${n}, ${other.values})`,
      values: `[...${name}.c${n}]`,
    })),
  };
}

function addAll(to: Set<unknown> | unknown[], values: readonly unknown[]): number {
  if (Array.isArray(to)) {
    for (const value of values) to.push(value);
    return values.length;
  }
  const before = to.size;
  for (const value of values) to.add(value);
  return to.size - before;
}
