/**
 * restore-plan: what a restore would do with each operator and state of a job and a snapshot, and
 * what speaks against it. Pure: it reads `_metadata` and the graph, before anything runs. Which
 * subtask starts from what is in `subtask-restores.ts`.
 *
 * Semantics: `docs/semantics/savepoints.md`, "Matching".
 */
import { oxbowError } from "../errors.ts";
import { isLostFreely, judgeState } from "../graph/state-compatibility.ts";
import type { StateJudgement } from "../graph/state-compatibility.ts";
import type { JobGraph } from "../graph/job-graph.ts";
import type { GraphNode } from "../graph/stream-graph.ts";
import type { CheckpointMetadata, OperatorSnapshot } from "../snapshot/metadata.ts";
import {
  adoptedMaxParallelisms,
  parallelismProblems,
  unadoptedProblems,
} from "./max-parallelism.ts";
import { matchOperators, matchStates } from "./operator-match.ts";
import type { OperatorMatch, StateMatch } from "./operator-match.ts";
import {
  changedKeys,
  changedState,
  otherConnector,
  otherKind,
  removedOperator,
  removedState,
} from "./restore-problems.ts";
import type { RestoreProblem } from "./restore-problems.ts";
import {
  connectorOfNode,
  elementsCountOf,
  figuresOf,
  hasState,
  hasOthersState,
  holdsState,
  stateHolder,
} from "./stored-operator.ts";
import type { StoredFigures } from "./stored-operator.ts";

/** What may be left behind: all (true), nothing, or operators (`uid`) and states (`uid/state`). */
export type AllowNonRestoredState = boolean | readonly string[];

/** A figure as the snapshot has it (`from`) and as it is now (`to`). */
export interface Change<T> {
  readonly from: T | undefined;
  readonly to: T | undefined;
}

/** What becomes of one state. */
export interface StatePlan {
  /** As declared; as stored where it is not declared any more. */
  readonly name: string;
  readonly renamedFrom: string | undefined;
  readonly outcome: StateJudgement | { readonly kind: "added" } | { readonly kind: "removed" };
  /** Elements of an operator's list; undefined for keyed state, whose rows its operator counts. */
  readonly elementsCount: number | undefined;
}

/** What becomes of one operator. */
export interface OperatorPlan extends StoredFigures {
  /** As in the job; as in the snapshot where the job does not have it. */
  readonly uid: string;
  /**
   * `matched`: both have it; `added`: only the job; `removed`: only the snapshot, with state;
   * `stateless`: there is nothing to restore, nor anything that starts empty.
   */
  readonly outcome: "matched" | "added" | "removed" | "stateless";
  readonly renamedFrom: string | undefined;
  readonly kind: Change<string>;
  readonly parallelism: Change<number>;
  readonly maxParallelism: Change<number>;
  readonly states: readonly StatePlan[];
}

/** Plain data; see the file header. */
export interface RestorePlan {
  readonly jobName: string;
  readonly snapshot: Pick<
    CheckpointMetadata,
    "checkpointId" | "kind" | "jobId" | "jobName" | "epoch" | "completedAt"
  >;
  /** Those of the job in the order of the graph, then those that only the snapshot has. */
  readonly operators: readonly OperatorPlan[];
  readonly problems: readonly RestoreProblem[];
  readonly isPossible: boolean;
}

/** What a restore of the snapshot into the job would do. */
export function planRestore(
  job: JobGraph,
  snapshot: CheckpointMetadata,
  options: { readonly allowNonRestoredState: AllowNonRestoredState },
): RestorePlan {
  const { checkpointId, kind, jobId, jobName, epoch, completedAt } = snapshot;
  const { allowNonRestoredState } = options;
  const planner = new Planner(`${kind} ${checkpointId}`, allowNonRestoredState);
  const matches = matchOperators(job, snapshot);
  const adopted = new Map(Object.entries(adoptedMaxParallelisms(job, snapshot)));
  const own = matches.map((match) =>
    planner.operator(match, adopted.get(match.node.uid) ?? match.vertex.maxParallelism),
  );
  const taken = new Set(matches.map(({ stored }) => stored));
  const rest = snapshot.operators.filter((operator) => !taken.has(operator));
  const left = rest.map((operator) => planner.onlyStored(operator));
  const problems = [...planner.problems, ...parallelismProblems(job, snapshot)];
  return Object.freeze({
    jobName: job.graph.jobName,
    snapshot: { checkpointId, kind, jobId, jobName, epoch, completedAt },
    operators: [...own, ...left],
    problems,
    isPossible: problems.length === 0,
  });
}

/** Plans operator by operator, and gathers the problems. */
class Planner {
  readonly problems: RestoreProblem[] = [];
  /** The snapshot in words. */
  readonly #place: string;
  readonly #allowed: AllowNonRestoredState;

  constructor(place: string, allowed: AllowNonRestoredState) {
    this.#place = place;
    this.#allowed = allowed;
  }

  operator({ node, vertex, stored }: OperatorMatch, maxParallelism: number): OperatorPlan {
    const states = stored === undefined ? addedStates(node) : this.#states(node, stored);
    const isStateful = canHaveState(node) || (stored !== undefined && hasState(stored));
    const outcome = stored === undefined ? "added" : "matched";
    return {
      uid: node.uid,
      outcome: isStateful ? outcome : "stateless",
      renamedFrom: stored === undefined || stored.uid === node.uid ? undefined : stored.uid,
      kind: { from: stored?.kind, to: node.kind },
      parallelism: { from: stored?.parallelism, to: vertex.parallelism },
      maxParallelism: { from: stored?.maxParallelism, to: maxParallelism },
      states,
      ...figuresOf(stored),
    };
  }

  onlyStored(stored: OperatorSnapshot): OperatorPlan {
    const isRemoved = hasState(stored);
    if (isRemoved && !this.#isAllowed(stored.uid)) {
      this.problems.push(removedOperator(stored, this.#place));
    }
    const names = isRemoved ? Object.keys(stored.stateSchemas) : [];
    return {
      uid: stored.uid,
      outcome: isRemoved ? "removed" : "stateless",
      renamedFrom: undefined,
      kind: { from: stored.kind, to: undefined },
      parallelism: { from: stored.parallelism, to: undefined },
      maxParallelism: { from: stored.maxParallelism, to: undefined },
      states: names.map((name) => removedPlan(stored, name)),
      ...figuresOf(stored),
    };
  }

  #states(node: GraphNode, stored: OperatorSnapshot): StatePlan[] {
    if (hasState(stored) && stateHolder(stored.kind) !== stateHolder(node.kind)) {
      this.problems.push(otherKind(node, stored, this.#place));
      return addedStates(node);
    }
    const problem = changedKeys(node, stored, this.#place);
    if (problem !== undefined) this.problems.push(problem);
    if (hasOthersState(node, stored)) {
      const now = connectorOfNode(node) ?? node.kind;
      this.problems.push(otherConnector({ node, stored, now, place: this.#place }));
    }
    return matchStates(node, stored).flatMap((match) => this.#state(node, stored, match));
  }

  #state(node: GraphNode, stored: OperatorSnapshot, match: StateMatch): StatePlan[] {
    const { declared, storedName } = match;
    const holdsData = storedName !== undefined && holdsState(stored, storedName);
    if (declared === undefined) {
      if (!holdsData) return [];
      const names = [node.uid, stored.uid].flatMap((uid) => [uid, `${uid}/${storedName}`]);
      const isFree = match.stored !== undefined && isLostFreely(match.stored, node.states);
      if (!isFree && !this.#isAllowed(...names)) {
        this.problems.push(removedState(node, match, this.#place));
      }
      return [removedPlan(stored, storedName)];
    }
    if (match.stored === undefined || !holdsData) return [addedPlan(declared.name)];
    const outcome = judgeState(match.stored, declared);
    const problem = changedState({ node, match, outcome, place: this.#place });
    if (problem !== undefined) this.problems.push(problem);
    return [
      {
        name: declared.name,
        renamedFrom: storedName === declared.name ? undefined : storedName,
        outcome,
        elementsCount: elementsCountOf(stored, storedName),
      },
    ];
  }

  /** Whether what goes by one of these names may be left behind. */
  #isAllowed(...names: readonly string[]): boolean {
    if (typeof this.#allowed === "boolean") return this.#allowed;
    return this.#allowed.some((name) => names.includes(name));
  }
}

function addedStates(node: GraphNode): StatePlan[] {
  return node.states.map(({ name }) => addedPlan(name));
}

function addedPlan(name: string): StatePlan {
  return { name, renamedFrom: undefined, outcome: { kind: "added" }, elementsCount: undefined };
}

function removedPlan(stored: OperatorSnapshot, name: string): StatePlan {
  const elementsCount = elementsCountOf(stored, name);
  return { name, renamedFrom: undefined, outcome: { kind: "removed" }, elementsCount };
}

/** Whether an operator of the job would have state, by what it declares. */
function canHaveState({ kind, states }: GraphNode): boolean {
  return states.length > 0 || kind === "source" || kind === "sink";
}

/**
 * Throws RESTORE_MISMATCH with all problems of a plan, and the plan in its details; nothing if the
 * restore is possible.
 */
export function checkPlan(plan: RestorePlan): void {
  if (plan.isPossible) return;
  const texts = plan.problems.map(({ message, remedy }) => `${message} ${remedy}`);
  const { kind, checkpointId } = plan.snapshot;
  const text =
    texts.length === 1
      ? texts[0]
      : `The job "${plan.jobName}" cannot go on from ${kind} ${checkpointId} for ` +
        `${texts.length} reasons:\n${texts.map((each, at) => `${at + 1}. ${each}`).join("\n")}`;
  throw oxbowError("RESTORE_MISMATCH", text, { plan });
}

/**
 * Throws RESTORE_MISMATCH unless the snapshot can be restored into the job as it is built, with the
 * max parallelisms that it adopts.
 */
export function checkRestore(
  job: JobGraph,
  snapshot: CheckpointMetadata,
  options: { readonly allowNonRestoredState: AllowNonRestoredState },
): void {
  const plan = planRestore(job, snapshot, options);
  const problems = plan.isPossible ? unadoptedProblems(job, snapshot) : plan.problems;
  checkPlan({ ...plan, problems, isPossible: problems.length === 0 });
}
