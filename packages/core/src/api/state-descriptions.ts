/**
 * Declared states as the graph describes them: names, kinds, schemas, and what it takes to judge
 * whether those of a snapshot go on as them.
 */
import type { StateDescription } from "../graph/stream-graph.ts";
import type { StateDescriptor, StateDescriptors } from "../state/descriptors.ts";
import type { BroadcastStateDescriptors } from "../state/broadcast-state.ts";
import { operatorStateKind, operatorStateType } from "../state/operator-state.ts";
import type { AnyOperatorStates, OperatorStateDescriptors } from "../state/operator-state.ts";
import { checkAliases, type StateEvolution } from "../state/state-evolution.ts";
import { t } from "../types/t.ts";
import { schemaOf } from "../types/schema.ts";
import type { Type } from "../types/type.ts";
import { refuse } from "./stream-base.ts";
import type { AggregatePlan, PlannedOutput } from "../window/aggregate-plan.ts";
import { describeWindows } from "../window/window-description.ts";
import type { WindowPlan } from "../window/window-plan.ts";

/** Name under which a window operator describes its windows; no user's state is called so. */
const WINDOWS = "$windows";

/** Keyed states in the order of declaration. INVALID_ARGUMENT for aliases that clash. */
export function describeKeyedStates(uid: string, states: StateDescriptors): StateDescription[] {
  checkDeclared(uid, states, "valueState(…), listState(…), mapState(…) or the like");
  checkAliases(uid, states);
  return Object.entries(states).map(([name, descriptor]) => ({
    name,
    kind: descriptor.kind,
    schema: schemaOf(typeOf(descriptor)),
    ...evolutionOf(descriptor),
  }));
}

/** Operator states in the order of declaration. INVALID_ARGUMENT for aliases that clash. */
export function describeOperatorStates(
  uid: string,
  states: OperatorStateDescriptors,
): StateDescription[] {
  checkDeclared(uid, states, "operatorListState(…) or unionListState(…)");
  checkAliases(uid, states);
  return describeBySubtask(states);
}

/**
 * Broadcast states in the order of declaration. `others`: states of other kinds that the operator
 * has beside them. GRAPH_INVALID for a name that is used twice, INVALID_ARGUMENT for aliases that
 * clash.
 */
export function describeBroadcastStates(
  uid: string,
  states: BroadcastStateDescriptors,
  others: StateDescriptors | OperatorStateDescriptors,
): StateDescription[] {
  checkDeclared(uid, states, "broadcastState(keyType, valueType)");
  for (const [name, descriptor] of Object.entries(states)) {
    const kind: string = descriptor.kind;
    if (kind !== "broadcast") {
      refuse(
        `Operator "${uid}": broadcast(…) is given the state "${name}", a ${kind} state. A stream ` +
          "is broadcast with states of its own kind: broadcastState(keyType, valueType).",
        { uid, state: name, kind },
      );
    }
    if (Object.hasOwn(others, name)) {
      refuse(
        `Operator "${uid}" has two states with the name "${name}", one of them broadcast. ` +
          "Snapshots find state by name, so give each a name of its own.",
        { uid, state: name },
      );
    }
  }
  checkAliases(uid, { ...others, ...states });
  return describeBySubtask(states);
}

function describeBySubtask(states: AnyOperatorStates): StateDescription[] {
  return Object.entries(states).map(([name, descriptor]) => ({
    name,
    kind: operatorStateKind(descriptor),
    schema: schemaOf(operatorStateType(descriptor)),
    ...evolutionOf(descriptor),
  }));
}

/** GRAPH_INVALID for what is no declaration of a state, such as a bare type. */
function checkDeclared(uid: string, states: object, instead: string): void {
  for (const [name, given] of Object.entries(states)) {
    const { aliases } = (given ?? {}) as { readonly aliases?: unknown };
    if (Array.isArray(aliases)) continue;
    refuse(`Operator "${uid}": its state "${name}" is no declared state; use ${instead}.`, {
      uid,
      state: name,
    });
  }
}

/** With the type of the keys, where a state has keys of its own. */
function typeOf(descriptor: StateDescriptor): Type<unknown> {
  return descriptor.kind === "map" ? t.map(descriptor.keyType, descriptor.type) : descriptor.type;
}

function evolutionOf(
  descriptor: StateEvolution<unknown> & {
    readonly type: Type<unknown>;
    readonly keyType?: Type<unknown>;
  },
): Pick<StateDescription, "version" | "declared"> {
  const { version, migrate, aliases, type, keyType } = descriptor;
  const keys = keyType === undefined ? {} : { keyType };
  return {
    ...(version === 0 ? {} : { version }),
    declared: { type, ...keys, aliases, hasMigrate: migrate !== undefined },
  };
}

/** The accumulators of running aggregates, part by part. */
export function describePlan(plan: AggregatePlan): StateDescription[] {
  return plan.outputs.flatMap((output) => describeOutput(plan, output, "aggregating"));
}

/** The windows of an operator, its accumulators, and the states of its trigger. */
export function describeWindowPlan(plan: WindowPlan): StateDescription[] {
  const { aggregates, trigger } = plan;
  const triggers = Object.entries(trigger.state).map(([name, { type }]) =>
    describePart(`$trigger.${name}`, "window-trigger", type),
  );
  return [
    { ...describePart(WINDOWS, "windows", t.struct({})), windows: describeWindows(plan) },
    ...aggregates.outputs.flatMap((output) => describeOutput(aggregates, output, "window")),
    ...triggers,
  ];
}

/** The records that one side of an interval join keeps. */
export function describeRecords(name: string, type: Type<unknown> | undefined): StateDescription {
  return describePart(name, "interval-list", type ?? t.any);
}

function describeOutput(
  plan: AggregatePlan,
  { aggregate, part, columnStart, childStart }: PlannedOutput,
  kind: "aggregating" | "window",
): StateDescription[] {
  const columns = plan.columns
    .slice(columnStart, columnStart + part.columns.length)
    .map(({ name, type }) => describePart(name, kind, type));
  const children = plan.children
    .slice(childStart, childStart + part.children.length)
    .map((child) =>
      describePart(
        child.name,
        `${kind}-${child.kind}`,
        child.kind === "set" ? t.string : child.type,
      ),
    );
  return [...columns, ...children].map((state) => ({ ...state, aggregate }));
}

function describePart(name: string, kind: string, type: Type<unknown>): StateDescription {
  const declared = { type, aliases: [], hasMigrate: false };
  return { name, kind, schema: schemaOf(type), declared };
}
