/**
 * StreamEnvironment: what a job's program gets: sources, settings of the job, and what it was
 * started with.
 */
import type { CheckpointOptions } from "../graph/checkpoint-options.ts";
import type { Source, Split } from "../connectors/source.ts";
import { explain, explainText } from "../graph/explain.ts";
import type { Explained } from "../graph/explain.ts";
import type { GraphBuilder } from "../graph/graph-builder.ts";
import { buildJobGraph } from "../graph/job-graph.ts";
import type { StreamGraph } from "../graph/stream-graph.ts";
import type { RestartOptions } from "../graph/restart-options.ts";
import { SourceStream } from "./data-stream.ts";
import { checkConnector } from "./stream-base.ts";

/** What a job was started with; plain data, the same on every thread. */
export interface JobParameters {
  readonly args: readonly string[];
  /** Configuration by key (`-D key=value`); the keys of `properties` are `group.key`. */
  readonly configuration: Readonly<Record<string, string>>;
  /** Undefined: what the program declares, or 1. */
  readonly parallelism: number | undefined;
  /** By uid, the max parallelism that the snapshot restored from has; a declared one goes first. */
  readonly maxParallelisms?: Readonly<Record<string, number>>;
}

/** Settings that a program may give itself; what it was started with goes first. */
export interface DeclaredSettings {
  checkpoint: CheckpointOptions | undefined;
  restart: RestartOptions | undefined;
  parallelism: number | undefined;
  maxParallelism: number | undefined;
  /** Old uids by new uid. */
  readonly aliases: Map<string, readonly string[]>;
}

/** See the file header. */
export class StreamEnvironment {
  /** Arguments of the command line after the job's file. */
  readonly args: readonly string[];
  readonly #builder: GraphBuilder;
  readonly #parameters: JobParameters;
  readonly #settings: DeclaredSettings;
  readonly #propertyGroups: Set<string>;
  readonly #finish: () => StreamGraph;

  constructor(inside: {
    readonly builder: GraphBuilder;
    readonly parameters: JobParameters;
    readonly settings: DeclaredSettings;
    /** Gets the groups that the program asks for. */
    readonly propertyGroups: Set<string>;
    readonly finish: () => StreamGraph;
  }) {
    this.#builder = inside.builder;
    this.#parameters = inside.parameters;
    this.#settings = inside.settings;
    this.#propertyGroups = inside.propertyGroups;
    this.#finish = inside.finish;
    this.args = inside.parameters.args;
  }

  /**
   * Begins a stream at a source. `uid` names its state (splits and positions) in snapshots;
   * GRAPH_INVALID if it is used twice.
   *
   * @example
   * env.source("orders", files("orders/*.jsonl", json(Order)));
   */
  source<T, S extends Split>(uid: string, source: Source<T, S>): SourceStream<T> {
    checkConnector("source", uid, source);
    const node = this.#builder.add({
      uid,
      kind: "source",
      parallelism: undefined,
      inputs: [],
      states: [],
      key: undefined,
      needsTimestamps: false,
      detail: source.connector,
      body: { kind: "source", source: source as unknown as Source<unknown>, watermarks: undefined },
    });
    return new SourceStream<T>({ builder: this.#builder, node, recordType: source.recordType });
  }

  /**
   * Settings of checkpoints; keys given at the start of the job go first. Later calls replace
   * earlier ones.
   *
   * @example
   * env.checkpoint({ interval: "10s", minPause: "1s", tolerableFailures: 3 });
   */
  checkpoint(options: CheckpointOptions): this {
    this.#settings.checkpoint = options;
    return this;
  }

  /**
   * What happens when an attempt fails; see `docs/semantics/failures.md`.
   *
   * @example
   * env.restart({ kind: "fixed-delay", attempts: 3, delay: "5s" });
   */
  restart(options: RestartOptions): this {
    this.#settings.restart = options;
    return this;
  }

  /** Parallelism of operators that have none of their own, unless the job is started with one. */
  parallelism(parallelism: number): this {
    this.#settings.parallelism = parallelism;
    return this;
  }

  /**
   * Number of key groups, 1 to 32 768; it stays for the life of the state. Default: Flink's
   * formula.
   */
  maxParallelism(maxParallelism: number): this {
    this.#settings.maxParallelism = maxParallelism;
    return this;
  }

  /**
   * Gives an operator the state that it had under other uids: after a change of its uid to `uid`,
   * it goes on from the state of the first of `oldUids` that the snapshot has. State under `uid`
   * itself goes first, so the call may stay for good. Semantics: `docs/semantics/savepoints.md`,
   * "Matching".
   *
   * Errors: GRAPH_INVALID when the job is started, if no operator has the uid, or an old uid is
   * that of an operator of the job, or is given twice.
   *
   * @example
   * env.aliases("totals-by-customer", "totals");
   * orders.keyBy("customer").aggregate("totals-by-customer", { amount: sum("amount") });
   */
  aliases(uid: string, ...oldUids: [string, ...string[]]): this {
    const { aliases } = this.#settings;
    aliases.set(uid, Object.freeze([...(aliases.get(uid) ?? []), ...oldUids]));
    return this;
  }

  /** Properties of a group: the configuration keys `group.…`, without the prefix. */
  properties(group: string): Readonly<Record<string, string>> {
    this.#propertyGroups.add(group);
    const prefix = `${group}.`;
    const entries = Object.entries(this.#parameters.configuration)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]): [string, string] => [key.slice(prefix.length), value]);
    return Object.freeze(Object.fromEntries(entries));
  }

  /**
   * The graph so far, as data and (`text`) for people.
   *
   * @example
   * env.source("numbers", collection([1, 2])).map((n) => n * 2).sink("out", discard());
   * console.assert(env.explain().text.includes("numbers"));
   */
  explain(): Explained & { readonly text: string } {
    const jobGraph = buildJobGraph(this.#finish());
    return { ...explain(jobGraph), text: explainText(jobGraph) };
  }
}
