/*
 * Upgrades: the same job as a later program: operators renamed, built in another order, with
 * others in between, and with states of a later generation. What it gives out stays the same.
 */
import type { Random } from "../../packages/core/src/env/env.ts";
import { oneIn } from "./draws.ts";
import type { Generation } from "./evolution.ts";
import type { InputRef, NodeSpec } from "./scenario.ts";

/** A run's program among those of a story. */
export interface Upgrade {
  readonly generation: Generation;
  /** Whether operators are renamed, moved, and put in between. */
  readonly isReshaped: boolean;
}

/** The nodes of run `index` of a story. */
export function upgraded(
  nodes: readonly NodeSpec[],
  { generation, isReshaped }: Upgrade,
  run: { readonly index: number; readonly random: Random },
): NodeSpec[] {
  const { index, random } = run;
  const later = nodes.map((node): NodeSpec => ({ ...node, generation }));
  if (index === 0) return later;
  const names = later.map((node): NodeSpec => {
    // Right behind a source it is no operator of its own.
    if (node.operator.kind === "retime") return node;
    const isRenamed = isReshaped && oneIn(random, 3);
    return { ...node, renamed: renamingOf(node.uid, index, isRenamed) };
  });
  if (!isReshaped) return names;
  return shuffled(
    names.map((node) => {
      // Records of a key would overtake each other on the way round.
      if (node.operator.kind === "numbered") return node;
      return { ...node, inputs: node.inputs.map((ref) => detoured(ref, random)) };
    }),
    random,
  );
}

/** Snapshots may be of any earlier run, in which the operator was called after that run. */
function renamingOf(
  uid: string,
  index: number,
  isRenamed: boolean,
): NonNullable<NodeSpec["renamed"]> {
  const runs = Array.from({ length: index }, (_, earlier) => earlier).slice(1);
  const others = runs.map((earlier) => nameIn(uid, earlier));
  return isRenamed
    ? { uid: nameIn(uid, index), oldUids: [uid, ...others] }
    : { uid, oldUids: others };
}

function nameIn(uid: string, index: number): string {
  return `${uid}~${index}`;
}

function detoured(ref: InputRef, random: Random): InputRef {
  return oneIn(random, 4) ? { ...ref, detour: 1 + random.int(3) } : ref;
}

/** Another order in which upstream nodes still come first. */
function shuffled(nodes: readonly NodeSpec[], random: Random): NodeSpec[] {
  const left = [...nodes];
  const placed = new Set<string>();
  const order: NodeSpec[] = [];
  while (left.length > 0) {
    const ready = left.filter(({ inputs }) =>
      inputs.every(({ streams }) => streams.every(({ uid }) => placed.has(uid))),
    );
    const next = ready[random.int(ready.length)];
    left.splice(left.indexOf(next), 1);
    placed.add(next.uid);
    order.push(next);
  }
  return order;
}
