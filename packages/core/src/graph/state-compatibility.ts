/**
 * state-compatibility: whether what a snapshot says of a state (`stateSchemas` in `_metadata`) can
 * go on as a state that the job declares. Pure, and before anything runs; what is found here is
 * what loading does (`state/load-plan.ts`). Rules: docs/semantics/savepoints.md.
 */
import { errorCode } from "../errors.ts";
import type { Incompatible } from "../types/evolution.ts";
import { changeOf, matchNames, type StoredKind } from "../state/state-evolution.ts";
import { renderSchema, typeOfSchema } from "../types/schema.ts";
import type { MapKey, MapType, Type } from "../types/type.ts";
import {
  type WindowDescription,
  windowsProblem,
  windowsText,
} from "../window/window-description.ts";
import type { StateDescription, StoredState } from "./stream-graph.ts";

/** What becomes of a state. */
export type StateJudgement =
  | { readonly kind: "as-is" }
  /** `how`: for people, a change each: `delay: added, default 0`. */
  | { readonly kind: "migrated"; readonly how: readonly string[] }
  | Incompatible;

/**
 * Stored name → declared state that goes on with it: by its own name, else by the first of its
 * aliases that the snapshot has. Stored names that are not in the answer are not declared any more.
 */
export function matchStates(
  stored: Iterable<string>,
  declared: readonly StateDescription[],
): ReadonlyMap<string, StateDescription> {
  const named = declared.map((state) => {
    const { aliases } = state.declared;
    return [state.name, { aliases, state }] as const;
  });
  const matched = [...matchNames(stored, named)];
  return new Map(matched.map(([name, [, { state }]]) => [name, state]));
}

/**
 * Whether a stored state that is not declared any more is left out without asking: a column, list
 * or set of an aggregate, or a state of a trigger, that its operator lost and that is still an
 * operator of the same kind.
 */
export function isLostFreely(
  stored: Pick<StoredState, "kind" | "aggregate">,
  declared: readonly Pick<StateDescription, "kind" | "aggregate">[],
): boolean {
  const family = familyOf(stored);
  return family !== undefined && declared.some((state) => familyOf(state) === family);
}

/** Accumulators and what lies beside them; undefined for states that users declare. */
function familyOf({
  kind,
  aggregate,
}: Pick<StoredState, "kind" | "aggregate">): "window" | "running" | undefined {
  if (kind === "window-trigger") return "window";
  if (aggregate === undefined) return undefined;
  return kind.startsWith("window") ? "window" : "running";
}

/** Judges one state; `declared` is what `matchStates` found for it. */
export function judgeState(stored: StoredState, declared: StateDescription): StateJudgement {
  const kinds = readKinds(stored, declared);
  if ("reason" in kinds) return kinds;
  if (stored.kind === declared.kind) {
    if (stored.aggregate !== declared.aggregate) return otherAggregate(stored, declared);
    const problem = judgeWindows(stored.windows, declared.windows);
    if (problem !== undefined) return problem;
  }
  const { type, keyType, hasMigrate } = declared.declared;
  const { kind, version = 0 } = declared;
  const change = changeOf(kinds, { kind, type, keyType, version, hasMigrate });
  switch (change.kind) {
    case "as-is":
    case "incompatible":
      return change;
    case "migrated":
      return { kind: "migrated", how: change.changes };
    case "by-function":
      return { kind: "migrated", how: [`version ${change.fromVersion} → ${version}, by migrate`] };
  }
}

/** The stored types, or why they cannot be read. */
function readKinds(stored: StoredState, declared: StateDescription): StoredKind | Incompatible {
  const { kind, schema, version = 0 } = stored;
  let type: Type<unknown>;
  try {
    type = typeOfSchema(schema);
  } catch (error) {
    if (errorCode(error) !== "SCHEMA_UNREADABLE") throw error;
    return {
      kind: "incompatible",
      path: "",
      stored: `${kind} with a schema that this version cannot read`,
      declared: `${declared.kind} ${renderSchema(declared.schema)}`,
      reason: (error as Error).message.replace(/\.$/, ""),
    };
  }
  const hasKeys = kind === "map" || kind === "operator-broadcast";
  if (!hasKeys || type.kind !== "map") return { kind, type, version };
  const map = type as MapType<MapKey, unknown>;
  return { kind, type: map.value, keyType: map.key, version };
}

function otherAggregate(stored: StoredState, declared: StateDescription): Incompatible {
  const [was, is] = [stored, declared].map((of) => of.aggregate ?? "no aggregate");
  return {
    kind: "incompatible",
    path: "",
    stored: was,
    declared: is,
    reason:
      `it is part of ${was} there and of ${is} now, and accumulators of different aggregates ` +
      "mean different things",
  };
}

function judgeWindows(
  stored: WindowDescription | undefined,
  declared: WindowDescription | undefined,
): Incompatible | undefined {
  if (declared === undefined && stored === undefined) return undefined;
  if (declared !== undefined && stored !== undefined) return windowsProblem(stored, declared);
  return {
    kind: "incompatible",
    path: "",
    stored: stored === undefined ? "not described" : windowsText(stored),
    declared: declared === undefined ? "not described" : windowsText(declared),
    reason: "one of them says nothing of its windows",
  };
}
