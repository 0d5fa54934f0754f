/**
 * JobGraph: what is executed. Operators that can run in one task without an exchange between them
 * are chained into a vertex; a vertex has a parallelism, and its subtasks are what workers run.
 *
 * An edge is chained if it is the only input of its consumer, both sides have the same parallelism,
 * and its partitioner keeps a record in the same subtask: forward; or, at parallelism 1, any but a
 * second input. Watermark generators start a chain of their own. Chaining never matters to state:
 * that hangs on uids.
 */
import { assert } from "../assert.ts";
import { defaultMaxParallelism } from "../types/key.ts";
import { edgeName } from "./stream-graph.ts";
import type { GraphEdge, GraphNode, Partitioner, StreamGraph } from "./stream-graph.ts";

/** An edge between two vertices, or inside one (chained). */
export interface JobEdge {
  /** Position in `JobGraph.edges`. */
  readonly index: number;
  readonly name: string;
  readonly edge: GraphEdge;
  readonly partitioner: Partitioner;
  readonly isChained: boolean;
  readonly fromVertex: number;
  readonly toVertex: number;
}

export interface Vertex {
  /** Position in `JobGraph.vertices`; upstream vertices come first. */
  readonly index: number;
  /** Names of the chain, joined as Flink shows them: `a -> b`. */
  readonly name: string;
  readonly parallelism: number;
  readonly maxParallelism: number;
  /** The chain: head first, every operator after the one that feeds it. */
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly JobEdge[];
  readonly outputs: readonly JobEdge[];
  readonly chained: readonly JobEdge[];
}

export interface JobGraph {
  readonly graph: StreamGraph;
  readonly vertices: readonly Vertex[];
  readonly edges: readonly JobEdge[];
}

/** Chains and resolves partitioners. The graph has been validated. */
export function buildJobGraph(graph: StreamGraph): JobGraph {
  const vertexOf: number[] = [];
  const chains: GraphNode[][] = [];
  const chainedEdges = new Set<GraphEdge>();
  for (const node of graph.nodes) {
    const only = node.inputs.length === 1 ? node.inputs[0] : undefined;
    if (only !== undefined && isChainable(graph, only)) {
      chainedEdges.add(only);
      vertexOf[node.index] = vertexOf[only.from];
      chains[vertexOf[node.index]].push(node);
    } else {
      vertexOf[node.index] = chains.length;
      chains.push([node]);
    }
  }
  const edges = graph.nodes
    .flatMap((node) => node.inputs)
    .map((edge, index): JobEdge =>
      Object.freeze({
        index,
        name: edgeName(graph, edge),
        edge,
        partitioner: resolvePartitioner(graph, edge),
        isChained: chainedEdges.has(edge),
        fromVertex: vertexOf[edge.from],
        toVertex: vertexOf[edge.to],
      }),
    );
  const vertices = chains.map((nodes, index) => buildVertex({ graph, nodes, index, edges }));
  return Object.freeze({ graph, vertices: Object.freeze(vertices), edges: Object.freeze(edges) });
}

function buildVertex(from: {
  graph: StreamGraph;
  nodes: readonly GraphNode[];
  index: number;
  edges: readonly JobEdge[];
}): Vertex {
  const { graph, nodes, index, edges } = from;
  const parallelism = parallelismOf(graph, nodes[0]);
  return Object.freeze({
    index,
    name: nodes.map((node) => node.uid).join(" -> "),
    parallelism,
    maxParallelism: maxParallelismOf(graph, nodes, parallelism),
    nodes: Object.freeze([...nodes]),
    inputs: edges.filter((edge) => edge.toVertex === index && !edge.isChained),
    outputs: edges.filter((edge) => edge.fromVertex === index && !edge.isChained),
    chained: edges.filter((edge) => edge.fromVertex === index && edge.isChained),
  });
}

/** Declared, or what the state of one of the operators has in snapshots, or derived. */
function maxParallelismOf(
  graph: StreamGraph,
  nodes: readonly GraphNode[],
  parallelism: number,
): number {
  if (graph.maxParallelism !== undefined) return graph.maxParallelism;
  const adopted = new Set(nodes.flatMap(({ uid }) => graph.adoptedMaxParallelisms.get(uid) ?? []));
  assert(adopted.size <= 1, () => `the operators of ${nodes[0].uid} adopt one max parallelism`);
  return [...adopted][0] ?? defaultMaxParallelism(parallelism);
}

/** Parallelism of a node: its own, or the job's. */
export function parallelismOf(graph: StreamGraph, node: GraphNode): number {
  return node.parallelism ?? graph.parallelism;
}

function resolvePartitioner(graph: StreamGraph, edge: GraphEdge): Partitioner {
  if (edge.partitioner.kind !== "auto") return edge.partitioner;
  const from = parallelismOf(graph, graph.nodes[edge.from]);
  const to = parallelismOf(graph, graph.nodes[edge.to]);
  return { kind: from === to ? "forward" : "rebalance" };
}

function isChainable(graph: StreamGraph, edge: GraphEdge): boolean {
  const to = graph.nodes[edge.to];
  const parallelism = parallelismOf(graph, graph.nodes[edge.from]);
  assert(parallelism >= 1, "parallelism is at least 1");
  if (to.body.kind === "watermarks" || edge.input !== 0) return false;
  if (parallelism !== parallelismOf(graph, to)) return false;
  return resolvePartitioner(graph, edge).kind === "forward" || parallelism === 1;
}
