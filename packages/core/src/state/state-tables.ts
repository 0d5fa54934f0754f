/*
 * Which tables and columns the declared states of an operator become: values as columns of the main
 * table, lists and maps as child tables. Also the schemas that snapshots carry.
 */
import { oxbowError } from "../errors.ts";
import { schemaOf } from "../types/schema.ts";
import { VALUE_COLUMN } from "./child-source.ts";
import type { StateDescriptor, StateDescriptors } from "./descriptors.ts";
import { type ColumnSpec, keyKindOf, type RowLayout, rowLayout } from "./layout.ts";
import { valueColumns } from "./value-source.ts";

/** Names of the tables that every backend has. User's names cannot begin with `$`. */
export const MAIN_TABLE = "$main";
export const TIMER_KEYS_TABLE = "$timers";
export const EVENT_TIMERS_TABLE = "$timers.event";
export const PROCESSING_TIMERS_TABLE = "$timers.processing";
/** Longest name of a state. */
export const STATE_NAME_MAX = 200;

/** Refuses names that would collide with our own. */
export function checkStateName(uid: string, name: string): void {
  if (name.length > 0 && name.length <= STATE_NAME_MAX && !/[$#/]/.test(name)) return;
  throw oxbowError(
    "INVALID_ARGUMENT",
    `Operator "${uid}": a state cannot be named "${name}". ` +
      `Names have 1 to ${STATE_NAME_MAX} characters, none of them "$", "#" or "/".`,
    { uid, state: name },
  );
}

/** Whether the state is a child table. */
export function isChildState(descriptor: StateDescriptor): boolean {
  return descriptor.kind === "list" || descriptor.kind === "map";
}

/** Columns of the main table for all states that are not child tables. */
export function mainColumns(uid: string, states: StateDescriptors): ColumnSpec[] {
  const columns: ColumnSpec[] = [];
  for (const [name, descriptor] of Object.entries(states)) {
    checkStateName(uid, name);
    if (isChildState(descriptor)) continue;
    const hasTtl = descriptor.ttl !== undefined;
    const { type } = descriptor;
    columns.push(...valueColumns(name, type, { marked: true, hasTtl }));
  }
  const names = new Set<string>();
  for (const { name } of columns) {
    if (names.has(name)) {
      throw oxbowError(
        "INVALID_ARGUMENT",
        `Operator "${uid}": state "${name}" has the name of another state's field. Rename it.`,
        { uid, state: name },
      );
    }
    names.add(name);
  }
  return columns;
}

/** Layout of a list's or map's table. */
export function childLayout(
  name: string,
  descriptor: StateDescriptor,
  parent: RowLayout,
): RowLayout {
  const isMap = descriptor.kind === "map";
  const keyType = isMap ? descriptor.keyType : undefined;
  return rowLayout({
    name,
    keyType,
    keyKind: keyType === undefined ? "int32" : keyKindOf(keyType),
    hasNamespace: false,
    parent,
    isIndexed: isMap,
    columns: valueColumns(VALUE_COLUMN, descriptor.type, {
      marked: false,
      hasTtl: descriptor.ttl !== undefined,
    }),
  });
}

/** Schema of a declared state, as plain JSON. */
export function stateSchema(descriptor: StateDescriptor): unknown {
  const { kind, type, version } = descriptor;
  return {
    kind,
    type: schemaOf(type),
    ...(kind === "map" ? { keyType: schemaOf(descriptor.keyType) } : {}),
    hasTtl: descriptor.ttl !== undefined,
    ...(version === 0 ? {} : { version }),
  };
}
