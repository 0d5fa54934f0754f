/**
 * explain: the graph as plain data and as text, and its hash. The data holds all that two threads
 * must agree on and all that a snapshot records of the graph; nothing in it is a function.
 */
import { operatorId } from "../types/operator-id.ts";
import { renderSchema } from "../types/schema.ts";
import { windowsText } from "../window/window-description.ts";
import type { JobGraph, Vertex } from "./job-graph.ts";
import type { GraphNode, PartitionerSpec, StateDescription, StoredState } from "./stream-graph.ts";

export interface ExplainedOperator {
  readonly uid: string;
  readonly operatorId: string;
  readonly kind: string;
  readonly detail: string;
  readonly vertex: number;
  readonly parallelism: number;
  readonly maxParallelism: number;
  /** How its input is keyed, in words; undefined for operators without keys. */
  readonly key: string | undefined;
  readonly states: readonly ExplainedState[];
}

/** A state as a snapshot keeps it, with its name. */
export interface ExplainedState extends StoredState {
  readonly name: string;
}

export interface ExplainedEdge {
  readonly name: string;
  readonly from: string;
  readonly tag: string | undefined;
  readonly to: string;
  readonly input: number;
  readonly partitioner: string;
  readonly isChained: boolean;
}

/** The graph as data. */
export interface Explained {
  readonly jobName: string;
  readonly operators: readonly ExplainedOperator[];
  readonly edges: readonly ExplainedEdge[];
}

/** The graph as plain data. */
export function explain(job: JobGraph): Explained {
  const operators = job.vertices.flatMap((vertex) =>
    vertex.nodes.map((node) => explainNode(vertex, node)),
  );
  const uids = job.graph.nodes.map((node) => node.uid);
  const edges = job.edges.map((edge) => ({
    name: edge.name,
    from: uids[edge.edge.from],
    tag: edge.edge.tag,
    to: uids[edge.edge.to],
    input: edge.edge.input,
    partitioner: partitionerText(edge.partitioner),
    isChained: edge.isChained,
  }));
  return { jobName: job.graph.jobName, operators, edges };
}

function explainNode(vertex: Vertex, node: GraphNode): ExplainedOperator {
  return {
    uid: node.uid,
    operatorId: operatorId(node.uid),
    kind: node.kind,
    detail: node.detail,
    vertex: vertex.index,
    parallelism: vertex.parallelism,
    maxParallelism: vertex.maxParallelism,
    key: node.key === undefined ? undefined : keyText(node.key.by),
    states: node.states.map(explainState),
  };
}

function explainState({ declared: _, ...state }: StateDescription): ExplainedState {
  return state;
}

/** 32 hex digits over everything in `explain`: equal graphs, equal hashes, on every thread. */
export function graphHash(job: JobGraph): string {
  return operatorId(JSON.stringify(explain(job)));
}

/** The graph as text, one vertex a paragraph, for people. */
export function explainText(job: JobGraph): string {
  const lines = [`job "${job.graph.jobName}"`];
  for (const vertex of job.vertices) {
    lines.push(
      "",
      `vertex ${vertex.index}, parallelism ${vertex.parallelism} ` +
        `of at most ${vertex.maxParallelism}`,
    );
    for (const edge of vertex.inputs) {
      lines.push(
        `  <- ${job.graph.nodes[edge.edge.from].uid} [${partitionerText(edge.partitioner)}]`,
      );
    }
    for (const node of vertex.nodes) {
      lines.push(
        `  ${node.uid} (${node.detail === "" ? node.kind : `${node.kind} ${node.detail}`})`,
      );
      for (const state of node.states) {
        lines.push(`    state ${state.name}: ${renderState(state)}`);
      }
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A state in words: `value int32, version 2`. SCHEMA_UNREADABLE where it is not. */
export function renderState({ kind, schema, version, windows }: StoredState): string {
  if (windows !== undefined) return windowsText(windows);
  const ofVersion = version === undefined ? "" : `, version ${version}`;
  return `${kind} ${renderSchema(schema)}${ofVersion}`;
}

/** A partitioner in words: `hash(origin)`. */
export function partitionerText(partitioner: PartitionerSpec): string {
  return partitioner.kind === "hash" ? `hash(${keyText(partitioner.key.by)})` : partitioner.kind;
}

function keyText(by: string | ((record: never) => unknown)): string {
  return typeof by === "string" ? by : "function";
}
