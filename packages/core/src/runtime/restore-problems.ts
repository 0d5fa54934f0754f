/**
 * restore-problems: what speaks against a restore, in words: what is wrong, with its figures, and
 * what to do about it.
 */
import { errorCode } from "../errors.ts";
import { renderState } from "../graph/explain.ts";
import type { StateJudgement } from "../graph/state-compatibility.ts";
import type { GraphNode, StoredState } from "../graph/stream-graph.ts";
import type { OperatorSnapshot } from "../snapshot/metadata.ts";
import { renderSchema, renderType } from "../types/schema.ts";
import type { StateMatch } from "./operator-match.ts";
import { elementsCountOf, figuresOf } from "./stored-operator.ts";

/** One reason why a restore is refused. */
export interface RestoreProblem {
  readonly uid: string;
  /** Undefined: the problem is the operator's. */
  readonly state: string | undefined;
  readonly message: string;
  readonly remedy: string;
}

/** Only the snapshot has the operator. `place`: the snapshot in words, `checkpoint 7`. */
export function removedOperator(stored: OperatorSnapshot, place: string): RestoreProblem {
  const { uid } = stored;
  const states = Object.keys(stored.stateSchemas).map((name) => `"${name}"`);
  const names = states.length === 0 ? "" : ` (${states.join(", ")})`;
  return {
    uid,
    state: undefined,
    message:
      `The operator "${uid}" has state in ${place}, but the job has no operator with this uid: ` +
      `${figuresText(stored)} would be lost${names}.`,
    remedy:
      `Give the operator its old uid; or, if it has another now, say ` +
      `env.aliases("<its uid>", "${uid}"); or leave its state behind with ` +
      `allowNonRestoredState: ["${uid}"]; or begin a new run.`,
  };
}

/** Only the snapshot has the state. */
export function removedState(node: GraphNode, match: StateMatch, place: string): RestoreProblem {
  const name = match.storedName ?? "";
  return {
    uid: node.uid,
    state: name,
    message:
      `The operator "${node.uid}" has the state "${name}" (${stateText(match.stored)}) in ` +
      `${place}, which is not declared now.`,
    remedy:
      `Declare it as it was; or, if it has another name now, with the option ` +
      `aliases: ["${name}"]; or leave it behind with ` +
      `allowNonRestoredState: ["${node.uid}/${name}"].`,
  };
}

/** Undefined where the snapshot's state can be read as the declared one. */
export function changedState(of: {
  readonly node: GraphNode;
  readonly match: StateMatch;
  readonly outcome: StateJudgement;
  readonly place: string;
}): RestoreProblem | undefined {
  const { node, match, outcome, place } = of;
  if (outcome.kind !== "incompatible") return undefined;
  const name = match.storedName ?? "";
  return {
    uid: node.uid,
    state: match.declared?.name,
    message:
      `The operator "${node.uid}" has the state "${name}" (${stateText(match.stored)}) in ` +
      `${place}, which is ${stateText(match.declared)} now: ${reasonOf(outcome)}.`,
    remedy: isOfAggregate(match)
      ? "Give the output another name, so that it begins anew; or compute it as it was; or begin " +
        "a new run."
      : "Declare it as it was; or give the changed one a version and a migrate function; or give " +
        "it another name beside the old one; or begin a new run.",
  };
}

/** Accumulators have no `migrate`. */
function isOfAggregate({ stored, declared }: StateMatch): boolean {
  return stored?.aggregate !== undefined || declared?.aggregate !== undefined;
}

function reasonOf(outcome: Extract<StateJudgement, { kind: "incompatible" }>): string {
  const { path, stored, declared, reason } = outcome;
  return path === "" ? reason : `at "${path}", ${stored} is ${declared} now: ${reason}`;
}

/** Undefined where the keys are of the declared type, or one of the two is not known. */
export function changedKeys(
  node: GraphNode,
  stored: OperatorSnapshot,
  place: string,
): RestoreProblem | undefined {
  const schema = stored.subtasks.find(({ keySchema }) => keySchema !== undefined)?.keySchema;
  const declared = node.key?.type;
  if (schema === undefined || declared === undefined || figuresOf(stored).rowsCount === 0) {
    return undefined;
  }
  const [was, is] = [renderSchema(schema), renderType(declared)];
  if (was === is) return undefined;
  return {
    uid: node.uid,
    state: undefined,
    message: `The keys of the operator "${node.uid}" are ${was} in ${place}, and are ${is} now.`,
    remedy:
      "Keys do not change type: key by a value of the old type, or give the operator a new uid " +
      "and begin with empty state.",
  };
}

/** An operator that keeps its state in another way. */
export function otherKind(
  node: GraphNode,
  stored: OperatorSnapshot,
  place: string,
): RestoreProblem {
  return {
    uid: node.uid,
    state: undefined,
    message:
      `The operator "${node.uid}" was of the kind ${stored.kind} in ${place} and is of the kind ` +
      `${node.kind} now, which cannot read its state (${figuresText(stored)}).`,
    remedy: "Give the new one a uid of its own, or begin a new run.",
  };
}

/** A source or sink of another connector in the place of one. */
export function otherConnector(of: {
  readonly node: GraphNode;
  readonly stored: OperatorSnapshot;
  readonly now: string;
  readonly place: string;
}): RestoreProblem {
  const { node, stored, now, place } = of;
  return {
    uid: node.uid,
    state: undefined,
    message:
      `The ${node.kind} "${node.uid}" was of the connector ${stored.connector} in ${place} and ` +
      `is of ${now} now, which can make nothing of what it has (${figuresText(stored)}).`,
    remedy:
      `Give the new one a uid of its own, and leave behind what the old one had with ` +
      `allowNonRestoredState: ["${stored.uid}"]; or begin a new run.`,
  };
}

/** More subtasks than key groups. */
export function tooParallel(
  uid: string,
  figures: { readonly parallelism: number; readonly maxParallelism: number },
): RestoreProblem {
  const { parallelism, maxParallelism } = figures;
  return {
    uid,
    state: undefined,
    message:
      `The operator "${uid}" has a parallelism of ${parallelism}, but its state lies in ` +
      `${maxParallelism} key groups (its max parallelism), of which each subtask needs one.`,
    remedy: `Start it with a parallelism of at most ${maxParallelism}.`,
  };
}

/** Keys would belong to other key groups. `declared`: what the job has. */
export function otherMaxParallelism(
  uid: string,
  figures: { readonly stored: number; readonly declared: number; readonly place: string },
): RestoreProblem {
  const { stored, declared, place } = figures;
  return {
    uid,
    state: undefined,
    message:
      `The operator "${uid}" has max parallelism ${stored} in ${place}, but the job has ` +
      `${declared}. It decides which key lies where, and cannot change while state is kept.`,
    remedy: `Declare env.maxParallelism(${stored}), or begin a new run.`,
  };
}

/** Operators of one chain that would each need another max parallelism. */
export function conflictingMaxParallelisms(
  found: readonly { readonly uid: string; readonly maxParallelism: number }[],
): RestoreProblem {
  const [{ uid }, ...others] = found;
  const texts = found.map((each) => `"${each.uid}" ${each.maxParallelism}`);
  return {
    uid,
    state: undefined,
    message:
      `Operators that the job runs in one task have different max parallelisms in the snapshot: ` +
      `${texts.join(", ")}.`,
    remedy:
      `Give ${others.map((each) => `"${each.uid}"`).join(", ")} a parallelism of its own (the ` +
      `option parallelism), so that they run in different tasks.`,
  };
}

function stateText(state: StoredState | undefined): string {
  if (state === undefined) return "not declared";
  try {
    return renderState(state);
  } catch (error) {
    if (errorCode(error) !== "SCHEMA_UNREADABLE") throw error;
    return `${state.kind} of a type that cannot be read`;
  }
}

/** What there is of an operator: `3 rows, 2 list elements, 512 bytes`. */
function figuresText(stored: OperatorSnapshot): string {
  const { rowsCount, sizeBytes, pendingTransactionsCount, splitsCount } = figuresOf(stored);
  const listsCount = Object.keys(stored.stateSchemas).reduce(
    (sum, name) => sum + (elementsCountOf(stored, name) ?? 0),
    0,
  );
  const parts = [
    [rowsCount, "rows"],
    [listsCount, "elements of lists"],
    [splitsCount, "splits"],
    [pendingTransactionsCount, "transactions that are not committed"],
    [sizeBytes, "bytes"],
  ] as const;
  const texts = parts.flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  return texts.length === 0 ? "positions of its splits" : texts.join(", ");
}
