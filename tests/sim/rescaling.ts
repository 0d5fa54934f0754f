/* Jobs at other parallelisms. */
import type { Random } from "../../packages/core/src/env/env.ts";
import type { NodeSpec } from "./scenario.ts";

const PARALLELISM_MAX = 5;

/** The same operators, each at a parallelism of its own. */
export function rescaled(
  nodes: readonly NodeSpec[],
  maxParallelism: number,
  random: Random,
): NodeSpec[] {
  const limit = Math.min(PARALLELISM_MAX, maxParallelism);
  return nodes.map((node) => {
    const parallelism = 1 + random.int(limit);
    // How many copies there are of a record would hang on when it came.
    const isFixed = node.inputs.some(({ partitioner }) => partitioner === "broadcast");
    return isFixed ? node : { ...node, parallelism };
  });
}
