/*
 * Top-N and deduplication of simulated jobs, by the engine's public API, and what shows the order
 * of their results.
 */
import type { KeyedStream } from "../../packages/core/src/api/keyed-stream.ts";
import type { RankBy } from "../../packages/core/src/operators/top-n.ts";
import { valueState } from "../../packages/core/src/state/descriptors.ts";
import { t } from "../../packages/core/src/types/t.ts";
import type { Type } from "../../packages/core/src/types/type.ts";
import { WIDENED } from "./evolution.ts";
import * as functions from "./functions.ts";
import type { Records } from "./job-hooks.ts";
import { jobUid } from "./scenario.ts";
import type { NodeSpec, OperatorSpec, SimRecord } from "./scenario.ts";

type Of<K extends OperatorSpec["kind"]> = Extract<OperatorSpec, { readonly kind: K }>;
type Keyed = KeyedStream<SimRecord, SimRecord["key"]>;

/** A result of a key with its place among all of that key. */
export interface Numbered<T> {
  readonly key: SimRecord["key"];
  /** From 1. */
  readonly nth: number;
  readonly given: T;
}

/** The operator of a node on a keyed stream. */
export function buildTable(
  keyed: Keyed,
  node: NodeSpec,
  operator: Of<"topN" | "deduplicate" | "numbered">,
): Records {
  const { parallelism } = node;
  switch (operator.kind) {
    case "topN": {
      const { n, order } = operator;
      const options = { n, order, by: rankedBy(operator), parallelism };
      return keyed.topN(jobUid(node), options) as unknown as Records;
    }
    case "deduplicate": {
      const { keep, time } = operator;
      // In later generations it comes and goes; it is never over.
      const within = node.generation === 1 ? { within: 10_000_000_000 } : {};
      return keyed.deduplicate(jobUid(node), { keep, time, parallelism, ...within });
    }
    case "numbered":
      return buildNumbered(keyed, node);
  }
}

function rankedBy({ form }: Of<"topN">): RankBy<SimRecord> | RankBy<SimRecord>[] {
  switch (form) {
    case "field":
    case "typed":
      return "value";
    case "function":
      return (record) => functions.ranksOf(form, record)?.[0];
    case "several":
      return [(record) => functions.ranksOf(form, record)?.[0], "id"];
  }
}

function buildNumbered(keyed: Keyed, node: NodeSpec): Records {
  const state = { count: valueState(WIDENED[node.generation ?? 0], { default: 0 }) };
  const stream = keyed.process<Numbered<unknown>, typeof state>(
    jobUid(node),
    {
      state,
      process(given, context) {
        const { count } = context.state;
        const nth = count.get() + 1;
        count.set(nth);
        context.emit({ key: context.key, nth, given });
      },
    },
    { parallelism: node.parallelism },
  );
  return stream as unknown as Records;
}

/** The type that the records before an operator are declared to have, by generation; if any. */
export function declaredType({ operator, generation = 0 }: NodeSpec): {
  readonly type?: Type<SimRecord>;
} {
  if (operator.kind !== "topN" || operator.form !== "typed") return {};
  const key = operator.keyKind === "number" ? t.int32 : t.string;
  const types = [
    t.struct({ id: t.string, key, value: t.int64, n: t.int32, at: t.timestamp }),
    t.struct({
      value: t.int64,
      at: t.int64,
      mark: t.optional(t.string),
      n: t.int64,
      key,
      id: t.string,
    }),
    t.struct({ key, id: t.string, n: t.float64, at: t.float64, value: t.float64 }),
  ];
  return { type: types[generation] as Type<unknown> as Type<SimRecord> };
}
