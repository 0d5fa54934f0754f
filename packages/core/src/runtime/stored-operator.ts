/**
 * stored-operator: what a snapshot has of an operator: rows, lists, transactions, splits, and their
 * sizes.
 */
import type { GraphNode } from "../graph/stream-graph.ts";
import type { OperatorSnapshot } from "../snapshot/metadata.ts";
import { PENDING_STATE } from "./sink-operator.ts";
import { SPLITS_STATE } from "./source-head.ts";

/** Sizes of what a snapshot has of an operator. */
export interface StoredFigures {
  /** Rows in the segments; a row that changed since the base counts once more for each delta. */
  readonly rowsCount: number;
  /** Of segments, and of the elements of operator state. */
  readonly sizeBytes: number;
  /** Transactions of a sink that were prepared and wait to be committed. */
  readonly pendingTransactionsCount: number;
  /** Splits that the readers of a source had. */
  readonly splitsCount: number;
}

/** Zeros for an operator that the snapshot does not have. */
export function figuresOf(operator: OperatorSnapshot | undefined): StoredFigures {
  if (operator === undefined) {
    return { rowsCount: 0, sizeBytes: 0, pendingTransactionsCount: 0, splitsCount: 0 };
  }
  const segments = operator.subtasks.flatMap((subtask) => subtask.segments);
  const elements = elementsOf(operator);
  return {
    rowsCount: segments.reduce((sum, { rowsCount }) => sum + rowsCount, 0),
    sizeBytes:
      segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) +
      elements.reduce((sum, { length }) => sum + length, 0),
    pendingTransactionsCount:
      operator.kind === "sink" ? elementsOf(operator, PENDING_STATE).length : 0,
    splitsCount: operator.kind === "source" ? elementsOf(operator, SPLITS_STATE).length : 0,
  };
}

/** Whether anything would be lost without it. */
export function hasState(operator: OperatorSnapshot): boolean {
  if (operator.enumerator !== undefined && operator.enumerator !== null) return true;
  return hasKeyedState(operator) || elementsOf(operator).length > 0;
}

/** Of a source or sink, the name of its connector. */
export function connectorOfNode({ body }: GraphNode): string | undefined {
  switch (body.kind) {
    case "source":
      return body.source.connector;
    case "sink":
      return body.sink.connector;
    case "operator":
    case "watermarks":
      return undefined;
  }
}

/**
 * Whether only another connector could make something of what a source or sink had: of splits and
 * positions, or of transactions.
 */
export function hasOthersState(node: GraphNode, stored: OperatorSnapshot): boolean {
  const { connector } = stored;
  if (connector === undefined || connector === connectorOfNode(node)) return false;
  return node.kind === "sink" ? figuresOf(stored).pendingTransactionsCount > 0 : hasState(stored);
}

/** Whether there are rows by key. */
export function hasKeyedState(operator: OperatorSnapshot): boolean {
  return operator.subtasks.some(({ segments }) => segments.length > 0);
}

/** Encoded elements of one list, or of all, of all subtasks in order. */
export function elementsOf(operator: OperatorSnapshot, name?: string): Uint8Array[] {
  return operator.subtasks
    .flatMap(({ states }) => states)
    .filter((state) => name === undefined || state.name === name)
    .flatMap(({ elements }) => elements);
}

/**
 * Elements of a list of the operator, or entries of a broadcast map, whose copies count once;
 * undefined where the name is that of keyed state.
 */
export function elementsCountOf(operator: OperatorSnapshot, name: string): number | undefined {
  const parts = operator.subtasks.flatMap(({ states }) =>
    states.filter((each) => each.name === name),
  );
  const [first] = parts;
  if (first === undefined) return undefined;
  if (first.mode === "broadcast") return first.elements.length;
  return parts.reduce((sum, { elements }) => sum + elements.length, 0);
}

/** Whether anything may be in a state. Keyed states of an operator share its rows. */
export function holdsState(operator: OperatorSnapshot, name: string): boolean {
  const count = elementsCountOf(operator, name);
  return count === undefined ? hasKeyedState(operator) : count > 0;
}

/**
 * Where operators of a kind keep their state: what one of these has written another would read as
 * something else, even under the same name and type.
 */
export function stateHolder(kind: string): string {
  switch (kind) {
    case "source":
    case "sink":
    case "window":
    case "windowJoin":
    case "intervalJoin":
      return kind;
    case "aggregate":
    case "reduce":
      return "aggregate";
    case "keyedProcess":
    case "keyedCoProcess":
    case "keyedBroadcastProcess":
    case "deduplicate":
    case "topN":
      return "keyedProcess";
    default:
      return "process";
  }
}
