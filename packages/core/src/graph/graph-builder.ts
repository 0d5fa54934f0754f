/**
 * GraphBuilder: collects nodes while a job's program runs and checks what can be checked at once
 * (uids). What needs the whole graph is in `validate.ts`.
 */
import { assert } from "../assert.ts";
import { oxbowError } from "../errors.ts";
import type { GraphEdge, GraphNode, StreamGraph } from "./stream-graph.ts";

const UID_LENGTH_MAX = 256;
const NODES_COUNT_MAX = 10_000;

/** A node as the API describes it; the builder adds index and identity. */
export interface NodeDraft extends Omit<GraphNode, "index" | "uid" | "hasGivenUid" | "inputs"> {
  readonly uid: string | undefined;
  readonly inputs: readonly Omit<GraphEdge, "to">[];
}

/** See the file header. */
export class GraphBuilder {
  readonly #nodes: GraphNode[] = [];
  readonly #uids = new Map<string, GraphNode>();
  /** Children per `node index:tag`, so that paths number siblings. */
  readonly #childrenCounts = new Map<string, number>();

  /** Adds a node and returns its index. GRAPH_INVALID on a duplicate, empty or overlong uid. */
  add(draft: NodeDraft): number {
    const index = this.#nodes.length;
    assert(index < NODES_COUNT_MAX, `a graph has at most ${NODES_COUNT_MAX} operators`);
    const uid = draft.uid === undefined ? this.#path(draft) : checkUid(draft.uid, draft.kind);
    const inputs = draft.inputs.map((edge) => Object.freeze({ ...edge, to: index }));
    const node: GraphNode = Object.freeze({
      ...draft,
      index,
      uid,
      hasGivenUid: draft.uid !== undefined,
      inputs: Object.freeze(inputs),
    });
    const other = this.#uids.get(uid);
    if (other !== undefined) {
      throw oxbowError(
        "GRAPH_INVALID",
        `The uid "${uid}" is used twice (${other.kind}, ${node.kind}). ` +
          `Snapshots find state by uid, so give each operator a uid of its own.`,
        { uid, kinds: [other.kind, node.kind] },
      );
    }
    this.#uids.set(uid, node);
    this.#nodes.push(node);
    return index;
  }

  /** Changes one node that nothing depends on yet (watermarks on a source, parallelism). */
  replace(index: number, change: Partial<Pick<GraphNode, "body" | "parallelism">>): void {
    const node = this.#nodes[index];
    assert(node !== undefined, "the node exists");
    const replaced = Object.freeze({ ...node, ...change });
    this.#nodes[index] = replaced;
    this.#uids.set(node.uid, replaced);
  }

  node(index: number): GraphNode {
    const node = this.#nodes[index];
    assert(node !== undefined, "the node exists");
    return node;
  }

  /** The finished graph; the builder can go on afterwards. */
  build(job: Omit<StreamGraph, "nodes">): StreamGraph {
    return Object.freeze({ ...job, nodes: Object.freeze([...this.#nodes]) });
  }

  #path(draft: NodeDraft): string {
    const first = draft.inputs[0];
    assert(first !== undefined, `a ${draft.kind} without inputs has a uid`);
    const place = `${first.from}:${first.tag ?? ""}`;
    const ordinal = this.#childrenCounts.get(place) ?? 0;
    this.#childrenCounts.set(place, ordinal + 1);
    const tag = first.tag === undefined ? "" : `:${first.tag}`;
    return `${this.#nodes[first.from].uid}${tag}/${draft.kind}.${ordinal}`;
  }
}

function checkUid(uid: string, kind: string): string {
  if (
    typeof uid === "string" &&
    uid.length > 0 &&
    uid.length <= UID_LENGTH_MAX &&
    !uid.includes("/")
  ) {
    return uid;
  }
  throw oxbowError(
    "GRAPH_INVALID",
    `The uid ${JSON.stringify(uid)} of a ${kind} cannot be used. ` +
      `A uid is a text of 1 to ${UID_LENGTH_MAX} characters without "/".`,
    { uid, kind },
  );
}
