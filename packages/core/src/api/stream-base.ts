/**
 * StreamBase: what all stream handles share: the graph being built and the place in it where the
 * handle stands. Handles are immutable; every method adds to the graph and returns a new handle.
 */
import { oxbowError } from "../errors.ts";
import type { GraphBuilder, NodeDraft } from "../graph/graph-builder.ts";
import type { GraphEdge, PartitionerSpec } from "../graph/stream-graph.ts";
import { show } from "../types/codec.ts";
import { fieldType, missingField } from "../types/record-field.ts";
import type { Type } from "../types/type.ts";

/** Where a handle stands. */
export interface StreamPlace<T> {
  readonly builder: GraphBuilder;
  readonly node: number;
  /** Side-output tag; undefined for the main output. */
  readonly tag?: string | undefined;
  /** How the next operator gets the records; `auto` if not said. */
  readonly partitioner?: PartitionerSpec;
  /** Declared type of the records, as far as it is known. */
  readonly recordType: Type<T> | undefined;
  /** Further streams that flow into the next operator's same input (union). */
  readonly others?: readonly StreamPlace<T>[];
}

/** Options of operators without state. */
export interface OperatorOptions {
  /** Gives the operator an identity of its own instead of a path below its nearest upstream uid. */
  readonly uid?: string;
  /** Subtasks of this operator; undefined: the job's. */
  readonly parallelism?: number;
}

/**
 * Says of what type the records are that a function emits, where the compiler cannot see it and no
 * `t.…` type is declared: options for `process` and window functions.
 *
 * @example
 * const first = sideOutput<Click>("first");
 * clicks.keyBy("user").process("pages", {
 *   process(click, context) {
 *     context.emit(click.page);
 *     if (click.at === 0) context.output(first, click);
 *   },
 * }, emits<string>());
 */
export function emits<R>(): { readonly type?: Type<R> } {
  return {};
}

/** The edges by which an operator after `place` gets its records on `input`. */
export function edgesFrom<T>(
  place: StreamPlace<T>,
  input: number,
  partitioner?: PartitionerSpec,
): Omit<GraphEdge, "to">[] {
  return [place, ...(place.others ?? [])].map((from) => ({
    from: from.node,
    tag: from.tag,
    input,
    partitioner: partitioner ?? from.partitioner ?? { kind: "auto" },
  }));
}

/** A node with the usual values for what an operator does not have. */
export function draftNode(
  draft: Pick<NodeDraft, "uid" | "kind" | "inputs" | "body"> & Partial<NodeDraft>,
): NodeDraft {
  return {
    parallelism: undefined,
    states: [],
    key: undefined,
    needsTimestamps: false,
    detail: "",
    ...draft,
  };
}

/**
 * The declared type of a field by which something is done, if the records' type is known;
 * GRAPH_INVALID where they have no such field. `what` is for the message: `keyBy("origin")`.
 */
export function declaredField(
  place: StreamPlace<unknown>,
  field: string,
  what: string,
): Type<unknown> | undefined {
  const missing = missingField(place.recordType, field);
  if (missing === undefined) return fieldType(place.recordType, field);
  const { uid } = place.builder.node(place.node);
  return refuse(`${what} after "${uid}": ${missing}`, { uid, field });
}

/** Programs run without their types checked too: what is no object has none of the options. */
export function optionsOf<O extends object>(options: O): O {
  return typeof options === "object" ? options : ({} as O);
}

/** GRAPH_INVALID unless `fn` is a function; `what` is for the message: `map(…) after "orders"`. */
export function checkFunction(what: string, fn: unknown): void {
  if (typeof fn === "function") return;
  refuse(`${what} needs a function, but is given ${show(fn)}.`, { given: show(fn) });
}

/** `map(…) after "orders"`, for messages. */
export function callAfter(place: StreamPlace<unknown>, call: string): string {
  return `${call} after "${place.builder.node(place.node).uid}"`;
}

/** GRAPH_INVALID for what is no source or sink; programs run without their types checked too. */
export function checkConnector(kind: "source" | "sink", uid: string, given: unknown): void {
  const { connector } = (given ?? {}) as { readonly connector?: unknown };
  if (typeof connector === "string") return;
  const example = kind === "source" ? 'files("in/*.jsonl", json())' : 'fileSink("out", json())';
  const shownUid = typeof uid === "string" ? JSON.stringify(uid) : show(uid);
  refuse(
    `${kind}(${shownUid}, …) is given ${show(given)} instead of a ${kind}. ` +
      `Give one, such as ${kind}("my-${kind}", ${example}).`,
    { uid: String(uid) },
  );
}

/** Refuses a call with a message that names the operator. */
export function refuse(message: string, details: Readonly<Record<string, unknown>>): never {
  throw oxbowError("GRAPH_INVALID", message, details);
}
