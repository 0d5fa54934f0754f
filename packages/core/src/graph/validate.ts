/**
 * Checks of a whole graph, before anything runs. Each error names the operator by uid and says what
 * to do.
 */
import { oxbowError } from "../errors.ts";
import { checkKeyType } from "../types/key.ts";
import { parallelismOf } from "./job-graph.ts";
import type { GraphNode, StreamGraph } from "./stream-graph.ts";

/** Parallelism never exceeds the largest number of key groups (Flink's 2^15). */
export const PARALLELISM_MAX = 32_768;

/** Throws GRAPH_INVALID for the first problem found. */
export function validateGraph(graph: StreamGraph): void {
  checkParallelism(graph);
  checkEnds(graph);
  checkAliases(graph);
  for (const node of graph.nodes) {
    checkForward(graph, node);
    checkEventTime(graph, node);
    if (node.key?.type !== undefined) checkKeyType(node.key.type, node.uid);
    if (node.body.kind === "source") node.body.source.validate?.();
    if (node.body.kind === "sink") node.body.sink.validate?.();
  }
}

function invalid(message: string, details: Readonly<Record<string, unknown>>): never {
  throw oxbowError("GRAPH_INVALID", message, details);
}

function checkParallelism(graph: StreamGraph): void {
  const limit = graph.maxParallelism ?? PARALLELISM_MAX;
  if (!Number.isInteger(limit) || limit < 1 || limit > PARALLELISM_MAX) {
    invalid(`The max parallelism ${limit} is not a whole number from 1 to ${PARALLELISM_MAX}.`, {
      limit,
    });
  }
  for (const node of graph.nodes) {
    const parallelism = parallelismOf(graph, node);
    if (Number.isInteger(parallelism) && parallelism >= 1 && parallelism <= limit) continue;
    invalid(
      `The parallelism ${parallelism} of "${node.uid}" is not a whole number ` +
        `from 1 to the max parallelism ${limit}.`,
      { uid: node.uid, parallelism, maxParallelism: limit },
    );
  }
}

function checkEnds(graph: StreamGraph): void {
  if (!graph.nodes.some((node) => node.body.kind === "source")) {
    invalid(`The job "${graph.jobName}" has no source. Begin with env.source(uid, …).`, {});
  }
  const used = new Set(graph.nodes.flatMap((node) => node.inputs.map((edge) => edge.from)));
  for (const node of graph.nodes) {
    if (node.kind === "sink" || used.has(node.index)) continue;
    invalid(
      `Nothing takes the records of "${node.uid}" (${node.kind}). ` +
        `End every stream in .sink(uid, …); discard() is a sink that throws records away.`,
      { uid: node.uid, kind: node.kind },
    );
  }
}

/** State must not be given to nobody, or to two operators. */
function checkAliases(graph: StreamGraph): void {
  const uids = new Set(graph.nodes.map((node) => node.uid));
  const owners = new Map<string, string>();
  for (const [uid, aliases] of graph.aliases) {
    if (!uids.has(uid)) {
      invalid(
        `env.aliases("${uid}", …): the job has no operator with the uid "${uid}". ` +
          `The new uid comes first, then the old ones.`,
        { uid, aliases },
      );
    }
    for (const alias of aliases) {
      if (uids.has(alias)) {
        invalid(
          `env.aliases("${uid}", "${alias}"): "${alias}" is the uid of an operator of the job, ` +
            `which has that state itself. An alias is a uid that no operator has any more.`,
          { uid, alias },
        );
      }
      const owner = owners.get(alias);
      if (owner !== undefined) {
        invalid(
          `The alias "${alias}" is given twice, to "${owner}" and to "${uid}". ` +
            `State goes to one operator: give the alias once.`,
          { alias, uids: [owner, uid] },
        );
      }
      owners.set(alias, uid);
    }
  }
}

function checkForward(graph: StreamGraph, node: GraphNode): void {
  for (const edge of node.inputs) {
    if (edge.partitioner.kind !== "forward") continue;
    const from = graph.nodes[edge.from];
    const [up, down] = [parallelismOf(graph, from), parallelismOf(graph, node)];
    if (up === down) continue;
    invalid(
      `forward() from "${from.uid}" (parallelism ${up}) to "${node.uid}" ` +
        `(parallelism ${down}) cannot be: both need ` +
        `the same parallelism. Use rebalance() or rescale().`,
      { from: from.uid, to: node.uid, parallelisms: [up, down] },
    );
  }
}

/** An event-time window below a source without timestamps would never fire. */
function checkEventTime(graph: StreamGraph, node: GraphNode): void {
  if (!node.needsTimestamps) return;
  const bare = findWithoutTimestamps(graph, node);
  if (bare === undefined) return;
  const otherwise = node.kind === "intervalJoin" ? "" : ", or use processing time";
  invalid(
    `"${node.uid}" (${node.detail || node.kind}) works in event time, but the records of the ` +
      `source "${bare.uid}" have no timestamps. Add .watermarks({ timestamp: … }) ` +
      `to the source${otherwise}.`,
    { uid: node.uid, source: bare.uid },
  );
}

/** A source above `node` from which records come without passing a watermark strategy. */
function findWithoutTimestamps(graph: StreamGraph, node: GraphNode): GraphNode | undefined {
  if (node.body.kind === "watermarks") return undefined;
  if (node.body.kind === "source") return node.body.watermarks === undefined ? node : undefined;
  for (const edge of node.inputs) {
    const found = findWithoutTimestamps(graph, graph.nodes[edge.from]);
    if (found !== undefined) return found;
  }
  return undefined;
}
