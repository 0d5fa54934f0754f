/**
 * subtask-restores: which subtask starts from which part of a snapshot, at whatever parallelism.
 * Pure: it reads `_metadata` and the graph. That the snapshot fits the job was checked before
 * (`restore-plan.ts`). Semantics: `docs/semantics/savepoints.md`, "Changing the parallelism".
 *
 * I1. Every row of keyed state goes to the one subtask that owns its key group, every element of a
 *     split list to one subtask; nothing is lost, nothing is given twice.
 * I2. At the same parallelism every subtask gets what it had, and of a union list everything. Of a
 *     broadcast map, which all had alike, a subtask gets one copy: its own, or, where there are
 *     more subtasks than copies, those in turn.
 * I3. A subtask without keys keeps a watermark and an end of its own only in a job of the same
 *     tasks: else records come to it that would have come to others.
 */
import { assert } from "../assert.ts";
import type { JobGraph, Vertex } from "../graph/job-graph.ts";
import type { GraphNode } from "../graph/stream-graph.ts";
import type {
  CheckpointMetadata,
  OperatorSnapshot,
  OperatorSubtaskSnapshot,
} from "../snapshot/metadata.ts";
import type { OperatorStateSnapshot } from "../state/operator-state.ts";
import { schemasEqual } from "../types/schema.ts";
import type { SchemaDescription } from "../types/schema.ts";
import { keyGroupRange } from "../types/key.ts";
import type { KeyGroupRange } from "../types/key.ts";
import type { OperatorRestore, SubtaskRestore } from "./messages.ts";
import { matchOperators, matchStates } from "./operator-match.ts";
import type { OperatorMatch, StateMatch } from "./operator-match.ts";
import { PENDING_STATE } from "./sink-operator.ts";
import { elementsOf } from "./stored-operator.ts";

/** How a vertex is divided. */
type VertexSize = Pick<Vertex, "parallelism" | "maxParallelism">;

/** One entry per subtask of the job; without a snapshot all start empty. */
export function subtaskRestores(
  job: JobGraph,
  snapshot: CheckpointMetadata | undefined,
): SubtaskRestore[] {
  const matches = snapshot === undefined ? [] : matchOperators(job, snapshot);
  const isRewired = snapshot !== undefined && hasOtherTasks(job, snapshot, matches);
  return job.vertices.flatMap((vertex) => {
    const restores = matches.flatMap((match) =>
      match.vertex === vertex && match.stored !== undefined
        ? [{ uid: match.node.uid, parts: operatorRestores(match, match.stored, isRewired) }]
        : [],
    );
    return Array.from({ length: vertex.parallelism }, (_, subtask): SubtaskRestore => {
      const entries = restores.map(({ uid, parts }) => [uid, parts[subtask]] as const);
      return { vertex: vertex.index, subtask, operators: Object.fromEntries(entries) };
    });
  });
}

/** Encoded transactions that sinks of the job have pending in any of the checkpoints, by uid. */
export function retainedTransactions(
  job: JobGraph,
  checkpoints: readonly CheckpointMetadata[],
): Record<string, readonly Uint8Array[]> {
  const found: Record<string, readonly Uint8Array[]> = {};
  for (const { node, stored } of checkpoints.flatMap((each) => matchOperators(job, each))) {
    if (node.kind !== "sink" || stored === undefined) continue;
    found[node.uid] = [...(found[node.uid] ?? []), ...elementsOf(stored, PENDING_STATE)];
  }
  return found;
}

/**
 * Elements in order, to `width` takers one after the other: ⌊n / width⌋ for each, and one more for
 * the first n mod width.
 */
export function deal<T>(elements: readonly T[], width: number): T[][] {
  const least = Math.floor(elements.length / width);
  const longer = elements.length % width;
  let at = 0;
  return Array.from({ length: width }, (_, index) => {
    const end = at + least + (index < longer ? 1 : 0);
    const part = elements.slice(at, end);
    at = end;
    return part;
  });
}

/**
 * Whether records may reach other subtasks than those that had their predecessors: operators or
 * parallelisms are not all the same.
 */
function hasOtherTasks(
  job: JobGraph,
  { operators }: CheckpointMetadata,
  matches: readonly OperatorMatch[],
): boolean {
  const found = matches.filter(
    ({ stored, vertex }) => stored?.parallelism === vertex.parallelism,
  ).length;
  return found !== operators.length || found !== job.graph.nodes.length;
}

/**
 * What each subtask of an operator starts from. `isRewired`: records may come to it that would have
 * come to others, so without keys none of its subtasks is further in time, or nearer to its end,
 * than all are.
 */
export function operatorRestores(
  { node, vertex }: { readonly node: GraphNode; readonly vertex: VertexSize },
  stored: OperatorSnapshot,
  isRewired = false,
): OperatorRestore[] {
  const states = matchStates(node, stored);
  const leftBehind = states.flatMap(({ declared, storedName }) =>
    declared === undefined && storedName !== undefined ? [storedName] : [],
  );
  const isSame = stored.parallelism === vertex.parallelism;
  const hasSameGroups = stored.maxParallelism === vertex.maxParallelism;
  const isBase = isSame && hasSameGroups && stored.uid === node.uid && states.every(isUnchanged);
  const lists = listShares(stored, vertex.parallelism, leftBehind);
  const isKeyed = node.key !== undefined && hasSameGroups;
  return lists.map((share, subtask) => {
    const { parallelism, maxParallelism } = vertex;
    const part = isSame
      ? stored.subtasks[subtask]
      : mergedPart(
          stored,
          isKeyed ? keyGroupRange(subtask, parallelism, maxParallelism) : undefined,
        );
    const { watermark, hasEnded } = isRewired && !isKeyed ? mergedTime(stored.subtasks) : part;
    return { ...part, watermark, hasEnded, states: share, isBase, leftBehind };
  });
}

/** The old subtasks that a new one goes on from: those that meet `range`; without keys all. */
function mergedPart(
  stored: OperatorSnapshot,
  range: KeyGroupRange | undefined,
): OperatorSubtaskSnapshot {
  const { subtasks, parallelism, maxParallelism } = stored;
  const from = subtasks.filter(
    (_, index) =>
      range === undefined || meets(keyGroupRange(index, parallelism, maxParallelism), range),
  );
  assert(from.length > 0, "every key group had a subtask");
  const segments = subtasks
    .flatMap((subtask) => subtask.segments)
    .filter(({ keyGroupStart: start, keyGroupEnd: end }) => {
      assert(range !== undefined, "segments are of keyed operators with the same key groups");
      return meets({ start, end }, range);
    });
  return { segments, states: [], ...mergedTime(from) };
}

/** The lowest watermark, and whether all had ended. */
function mergedTime(
  from: readonly OperatorSubtaskSnapshot[],
): Pick<OperatorSubtaskSnapshot, "watermark" | "hasEnded"> {
  const watermarks = from.map(({ watermark }) => watermark);
  return {
    watermark: watermarks.reduce((least, watermark) =>
      least === undefined || watermark === undefined ? undefined : Math.min(least, watermark),
    ),
    hasEnded: from.every(({ hasEnded }) => hasEnded),
  };
}

function meets(a: KeyGroupRange, b: KeyGroupRange): boolean {
  return a.start < b.end && b.start < a.end;
}

/** Lists for each new subtask; those that are empty are left out. */
function listShares(
  stored: OperatorSnapshot,
  parallelism: number,
  leftBehind: readonly string[],
): OperatorStateSnapshot[][] {
  const shares: OperatorStateSnapshot[][] = Array.from({ length: parallelism }, () => []);
  const all = stored.subtasks.flatMap(({ states }) => states);
  const names = new Set(all.map(({ name }) => name).filter((name) => !leftBehind.includes(name)));
  for (const name of names) {
    const lists = all.filter((state) => state.name === name);
    for (const [subtask, elements] of elementShares(stored, lists, parallelism).entries()) {
      if (elements.length > 0) shares[subtask].push({ ...lists[0], elements });
    }
  }
  return shares;
}

/** Elements of one list for each new subtask. `lists`: of the old ones that have it, in order. */
function elementShares(
  stored: OperatorSnapshot,
  lists: readonly OperatorStateSnapshot[],
  parallelism: number,
): (readonly Uint8Array[])[] {
  const [{ name, mode }] = lists;
  if (mode === "broadcast") {
    return Array.from({ length: parallelism }, (_, at) => lists[at % lists.length].elements);
  }
  const elements = lists.flatMap((list) => list.elements);
  if (mode === "union") return Array.from({ length: parallelism }, () => elements);
  if (stored.parallelism !== parallelism) return deal(elements, parallelism);
  return stored.subtasks.map(
    ({ states }) => states.find((state) => state.name === name)?.elements ?? [],
  );
}

/** Whether segments of the state and those that the operator will write can lie side by side. */
function isUnchanged({ declared, storedName, stored }: StateMatch): boolean {
  if (stored === undefined) return true;
  return (
    declared?.name === storedName &&
    declared?.kind === stored.kind &&
    declared.version === stored.version &&
    schemasEqual(stored.schema as SchemaDescription, declared.schema as SchemaDescription)
  );
}
