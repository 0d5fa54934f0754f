/**
 * StreamGraph: the logical graph that a job's program builds, as frozen plain data plus factories.
 * One node per operator. The program must build the same graph wherever it runs (every worker
 * thread runs it); `graphHash` of `explain.ts` compares.
 *
 * Identity: every source, sink and operator with state has the uid that the user gave; any other
 * operator may have one, and otherwise gets a path below its nearest upstream uid
 * (`flights/map.0/filter.1`), which is stable as long as that part of the program is. Edges are
 * named `from uid[:tag] -> to uid[:input]`.
 */
import type { KeySpec } from "../columns/key-extractor.ts";
import type { Sink } from "../connectors/sink.ts";
import type { Source } from "../connectors/source.ts";
import type { Operator, OperatorContext } from "../operators/operator.ts";
import type { WatermarkStrategy } from "../time/watermark-strategy.ts";
import type { Type } from "../types/type.ts";
import type { WindowDescription } from "../window/window-description.ts";

/** What an operator does, for explain, metrics and messages. */
export type OperatorKind =
  | "source"
  | "watermarks"
  | "map"
  | "filter"
  | "flatMap"
  | "process"
  | "keyedProcess"
  | "reduce"
  | "aggregate"
  | "window"
  | "coProcess"
  | "keyedCoProcess"
  | "windowJoin"
  | "intervalJoin"
  | "broadcastProcess"
  | "keyedBroadcastProcess"
  | "lookup"
  | "deduplicate"
  | "topN"
  | "sink";

/** How records choose a channel. */
export type Partitioner =
  | { readonly kind: "forward" | "rebalance" | "rescale" | "broadcast" }
  | {
      readonly kind: "hash";
      readonly key: KeySpec;
      /** What the consumer reads of the records, the key included; undefined: it may be all. */
      readonly fields?: readonly string[];
    };

/**
 * What an edge is declared with. `auto` becomes forward or rebalance when the parallelisms are
 * known.
 */
export type PartitionerSpec = Partitioner | { readonly kind: "auto" };

/** What `explain` shows of a state and snapshots keep of it: plain data. */
export interface StoredState {
  /**
   * value, list, map, reducing, aggregating; aggregating-list, -set (of running aggregates);
   * windows, window, window-list, -set, -trigger; interval-list; operator-list, operator-union,
   * operator-broadcast.
   */
  readonly kind: string;
  /** Versioned schema description (`types/schema.ts`), plain JSON. Of maps with their keys. */
  readonly schema: unknown;
  /** Left out for 0. */
  readonly version?: number;
  /** Parts of accumulators: which aggregate they belong to (`avg`). */
  readonly aggregate?: string;
  /** Kind windows only: what panes and sessions mean. */
  readonly windows?: WindowDescription;
}

/** One declared state, for explain and for judging a restore before anything runs. */
export interface StateDescription extends StoredState {
  readonly name: string;
  /** What only the process knows that declares the state; neither shown nor stored. */
  readonly declared: DeclaredState;
}

/** See `StateDescription`. */
export interface DeclaredState {
  /** Type that `schema` describes; of maps without their keys. */
  readonly type: Type<unknown>;
  /** Maps only. */
  readonly keyType?: Type<unknown>;
  readonly aliases: readonly string[];
  readonly hasMigrate: boolean;
}

export interface GraphEdge {
  readonly from: number;
  /** Side-output tag; undefined for the main output. */
  readonly tag: string | undefined;
  readonly to: number;
  /** 0, or 1 for the second input of a two-input operator. */
  readonly input: number;
  readonly partitioner: PartitionerSpec;
}

export interface GraphNode {
  /** Position in `StreamGraph.nodes`; upstream nodes come first. */
  readonly index: number;
  readonly kind: OperatorKind;
  readonly uid: string;
  /** False for a path made by the graph. */
  readonly hasGivenUid: boolean;
  /** Undefined: the job's. */
  readonly parallelism: number | undefined;
  readonly inputs: readonly GraphEdge[];
  readonly states: readonly StateDescription[];
  /** How the node's input is keyed, for keyed operators. */
  readonly key: KeySpec | undefined;
  /** Whether its records must have event-time timestamps (event-time windows). */
  readonly needsTimestamps: boolean;
  /** What a keyed operator, window, … was built from, in words: `tumbling(1h)`. */
  readonly detail: string;
  readonly body: NodeBody;
}

/** What the runtime makes of a node. */
export type NodeBody =
  | {
      readonly kind: "source";
      readonly source: Source<unknown>;
      readonly watermarks: WatermarkStrategy | undefined;
    }
  | { readonly kind: "watermarks"; readonly watermarks: WatermarkStrategy }
  | { readonly kind: "operator"; readonly create: (context: OperatorContext) => Operator }
  | { readonly kind: "sink"; readonly sink: Sink<unknown> };

export interface StreamGraph {
  readonly jobName: string;
  readonly parallelism: number;
  /** Undefined: derived per operator from its parallelism, as Flink does. */
  readonly maxParallelism: number | undefined;
  /** Where it is derived: by uid, what snapshots have it as; the same within a vertex. */
  readonly adoptedMaxParallelisms: ReadonlyMap<string, number>;
  /** By uid, the uids under which snapshots may have the operator's state; own ones go first. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
  readonly nodes: readonly GraphNode[];
}

/** `from uid[:tag] -> to uid[:input]`: the identity of an edge. */
export function edgeName(graph: StreamGraph, edge: GraphEdge): string {
  const from = graph.nodes[edge.from].uid;
  const to = graph.nodes[edge.to].uid;
  const tag = edge.tag === undefined ? "" : `:${edge.tag}`;
  return `${from}${tag} -> ${to}${edge.input === 0 ? "" : `:${edge.input}`}`;
}
