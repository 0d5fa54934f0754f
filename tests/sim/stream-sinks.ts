/* Sinks that show what flows in a stream of a generated job. */
import type { NodeSpec, StreamRef } from "./scenario.ts";

/** Name of the sink that shows a stream. */
export function sinkOf({ uid, tag }: StreamRef): string {
  return `sink-${uid}-${tag}`;
}

/** The nodes, with a sink for each of the streams. */
export function withSinks(nodes: readonly NodeSpec[], refs: readonly StreamRef[]): NodeSpec[] {
  const all = [...nodes];
  for (const ref of refs) {
    const from = nodes.find(({ uid }) => uid === ref.uid);
    if (from === undefined || all.some(({ uid }) => uid === sinkOf(ref))) continue;
    all.push({
      uid: sinkOf(ref),
      parallelism: from.parallelism,
      inputs: [{ streams: [ref], partitioner: "auto" }],
      byName: from.byName,
      regime: from.regime,
      operator: { kind: "sink", rollBytes: undefined, isPartitioned: false },
    });
  }
  return all;
}
