/** Declared states as the graph shows them: names, kinds, schemas. */
import type { StateDescription } from "../graph/stream-graph.ts";
import type { StateDescriptor, StateDescriptors } from "../state/descriptors.ts";
import type { OperatorStateDescriptors } from "../state/operator-state.ts";
import { t } from "../types/t.ts";
import { schemaOf } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
import type { AggregatePlan } from "../window/aggregate-plan.ts";

/** Keyed states in the order of declaration. */
export function describeKeyedStates(states: StateDescriptors): StateDescription[] {
  return Object.entries(states).map(([name, descriptor]) => ({
    name,
    kind: descriptor.kind,
    schema: schemaOf(typeOf(descriptor)),
  }));
}

/** Operator states in the order of declaration. */
export function describeOperatorStates(states: OperatorStateDescriptors): StateDescription[] {
  return Object.entries(states).map(([name, { mode, type }]) => ({
    name,
    kind: `operator-${mode === "split" ? "list" : "union"}`,
    schema: schemaOf(type),
  }));
}

/** With the type of the keys, where a state has keys of its own. */
function typeOf(descriptor: StateDescriptor): Type<unknown> {
  return descriptor.kind === "map" ? t.map(descriptor.keyType, descriptor.type) : descriptor.type;
}

/** The accumulators of aggregates, column by column. */
export function describePlan(plan: AggregatePlan): StateDescription[] {
  const columns = plan.columns.map(({ name, type }) => ({
    name,
    kind: "aggregating",
    schema: schemaOf(type),
  }));
  const children = plan.children.map((child) => ({
    name: child.name,
    kind: `aggregating-${child.kind}`,
    schema: schemaOf(child.kind === "set" ? t.string : child.type),
  }));
  return [...columns, ...children];
}
