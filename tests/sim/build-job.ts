/*
 * build-job: a scenario's graph as a job of the engine, by its public API.
 */
import type { StreamEnvironment } from "../../packages/core/src/api/environment.ts";
import { job } from "../../packages/core/src/api/job.ts";
import type { Job } from "../../packages/core/src/api/job.ts";
import type { KeyedStream } from "../../packages/core/src/api/keyed-stream.ts";
import { collection } from "../../packages/core/src/connectors/collection.ts";
import { fileSink } from "../../packages/core/src/connectors/file-sink/file-sink.ts";
import { files } from "../../packages/core/src/connectors/files/files.ts";
import { json } from "../../packages/core/src/connectors/formats/json.ts";
import type { Source } from "../../packages/core/src/connectors/source.ts";
import { sideOutput } from "../../packages/core/src/operators/process-function.ts";
import { t } from "../../packages/core/src/types/t.ts";
import * as functions from "./functions.ts";
import { sumOf } from "./job-aggregates.ts";
import type { JobHooks, Records } from "./job-hooks.ts";
import { buildBroadcastJoin, buildKeyedBroadcastJoin } from "./job-broadcast.ts";
import { buildIntervalJoin, buildWindowJoin } from "./job-joins.ts";
import { buildProcess } from "./job-processes.ts";
import { buildTable, declaredType } from "./job-tables.ts";
import { buildWindow } from "./job-windows.ts";
import { jobUid } from "./scenario.ts";
import { pacedSource } from "./sim-source.ts";
import type { InputRef, NodeSpec, Scenario, SimRecord, SourceSpec } from "./scenario.ts";

export const JOB_NAME = "simulated";

/** Directory of a sink's files. `target`: several runs may write into the same. */
export function sinkDirectory(target: number, uid: string): string {
  return `/out/${target}/${uid}`;
}

/** File of a `files` source. */
export function sourceFile(uid: string): string {
  return `/in/${uid}.jsonl`;
}

/** The job; building it twice gives the same graph. */
export function scenarioJob(scenario: Scenario, hooks: JobHooks, target: number): Job {
  return job(JOB_NAME, (env) => {
    env.maxParallelism(scenario.maxParallelism);
    const streams = new Map<string, Records>();
    for (const node of scenario.nodes) {
      const { renamed } = node;
      const [first, ...others] = renamed?.oldUids ?? [];
      if (renamed !== undefined && first !== undefined) env.aliases(renamed.uid, first, ...others);
      new NodeBuilder(env, { node, hooks, target, streams }).build();
    }
  });
}

interface NodeParts {
  readonly node: NodeSpec;
  readonly hooks: JobHooks;
  /** Of sinks. */
  readonly target: number;
  /** By uid and tag. */
  readonly streams: Map<string, Records>;
}

class NodeBuilder {
  readonly #env: StreamEnvironment;
  readonly #parts: NodeParts;

  constructor(env: StreamEnvironment, parts: NodeParts) {
    this.#env = env;
    this.#parts = parts;
  }

  build(): void {
    const { node, streams } = this.#parts;
    const { operator, uid } = node;
    if (operator.kind === "sink") {
      this.#buildSink(operator.rollBytes, operator.isPartitioned);
      return;
    }
    const stream = operator.kind === "source" ? this.#buildSource(operator) : this.#buildOperator();
    streams.set(`${uid}:main`, stream);
    if (operator.kind === "split" || operator.kind === "totals") {
      streams.set(`${uid}:side`, stream.sideOutput(sideOutput<SimRecord>("side")));
    }
    if (operator.kind === "intervalJoin" && operator.hasLateOutputs) {
      for (const tag of ["late", "late-right"]) {
        streams.set(`${uid}:${tag}`, stream.sideOutput(sideOutput<SimRecord>(tag)));
      }
    }
    if (operator.kind === "window" && operator.hasLateOutput) {
      streams.set(`${uid}:late`, stream.sideOutput(sideOutput<SimRecord>("late")));
    }
  }

  #buildSource(spec: SourceSpec): Records {
    const { uid, parallelism } = this.#parts.node;
    const name = jobUid(this.#parts.node);
    const stream = this.#env.source(name, sourceOf(uid, spec)).parallelism(parallelism);
    if (spec.outOfOrdernessMs === undefined) return stream;
    return stream.watermarks({
      timestamp: "at",
      outOfOrderness: spec.outOfOrdernessMs,
      interval: 5,
      ...(spec.idleAfterMs === undefined ? {} : { idleAfter: spec.idleAfterMs }),
      ...(spec.alignment === undefined
        ? {}
        : { alignment: { group: spec.alignment, maxDrift: 1_000, updateInterval: 5 } }),
    });
  }

  #buildOperator(): Records {
    const { node, hooks } = this.#parts;
    const { operator, uid, parallelism } = node;
    const options = { uid: jobUid(node), parallelism };
    switch (operator.kind) {
      case "map":
        return this.#input(0).map((record) => {
          hooks.seen(uid);
          return functions.mapRecord(operator, record);
        }, options);
      case "filter":
        return this.#input(0).filter((record) => functions.isKept(operator, record), options);
      case "flatMap":
        return this.#input(0).flatMap((record) => functions.copiesOf(operator, record), options);
      case "retime": {
        const { outOfOrdernessMs } = operator;
        const settings = {
          timestamp: "at",
          outOfOrderness: outOfOrdernessMs,
          interval: 5,
        } as const;
        return this.#input(0).watermarks(settings, options);
      }
      case "running":
        return this.#buildRunning(operator.form);
      case "window":
      case "countWindow":
        return buildWindow(this.#keyed(0), { node, operator });
      case "join":
        return this.#buildJoin(operator.form);
      case "windowJoin": {
        if (operator.form === "coGroup") {
          return buildWindowJoin(this.#keyed(0), this.#keyed(1), { node, operator });
        }
        const [left, right] = this.#joinKeyed();
        return buildWindowJoin(left, right, { node, operator });
      }
      case "intervalJoin": {
        const [left, right] = this.#joinKeyed();
        return buildIntervalJoin(left, right, { node, operator });
      }
      case "merge":
        return buildProcess(
          { kind: "merge", left: this.#input(0), right: this.#input(1) },
          { node, hooks },
        );
      case "split":
      case "tally":
      case "census":
        return buildProcess({ kind: "plain", stream: this.#input(0) }, { node, hooks });
      case "totals":
      case "buckets":
      case "pairs":
      case "pulse":
        return buildProcess({ kind: "keyed", stream: this.#keyed(0) }, { node, hooks });
      case "topN":
      case "deduplicate":
      case "numbered":
        return buildTable(this.#keyed(0), node, operator);
      case "source":
      case "sink":
        throw new Error("sources and sinks are built elsewhere");
    }
  }

  #buildJoin(form: "connect" | "keyed-broadcast" | "broadcast"): Records {
    const { node, hooks } = this.#parts;
    switch (form) {
      case "connect": {
        const [left, right] = this.#joinKeyed();
        return buildProcess({ kind: "join", left, right }, { node, hooks });
      }
      case "keyed-broadcast": {
        const left = this.#input(0).keyBy(functions.joinKey, t.string);
        return buildKeyedBroadcastJoin(left, this.#input(1), node);
      }
      case "broadcast":
        return buildBroadcastJoin(this.#input(0), this.#input(1), node);
    }
  }

  #buildRunning(form: "aggregate" | "reduce"): Records {
    const { node } = this.#parts;
    const { parallelism, byName, generation } = node;
    const uid = jobUid(node);
    const keyed = this.#keyed(0);
    if (form === "reduce")
      return keyed.reduce(uid, functions.combined, { type: t.any as never, parallelism });
    return keyed.aggregate(uid, sumOf(byName, generation), { parallelism }) as unknown as Records;
  }

  #buildSink(rollBytes: number | undefined, isPartitioned: boolean): void {
    const { node, target } = this.#parts;
    const { uid, parallelism } = node;
    const sink = fileSink<unknown>(sinkDirectory(target, uid), json(), {
      ...(rollBytes === undefined ? {} : { rollBytes }),
      ...(isPartitioned
        ? { partitionBy: (record) => `p=${functions.digest([(record as SimRecord).key]) % 3}` }
        : {}),
    });
    this.#input(0).sink(jobUid(node), sink, { parallelism });
  }

  /** The streams of an input put together, with its partitioner. */
  #input(index: number): Records {
    const { node, streams } = this.#parts;
    const ref: InputRef = node.inputs[index];
    const [first, ...others] = ref.streams.map(({ uid, tag }) => streams.get(`${uid}:${tag}`)!);
    const united = others.length === 0 ? first : first.union(...others);
    const stream =
      ref.detour === undefined
        ? united
        : united.map((record) => record, {
            uid: `${node.uid}-detour-${index}`,
            parallelism: ref.detour,
            ...declaredType(node),
          });
    switch (ref.partitioner) {
      case "auto":
        return stream;
      case "rebalance":
        return stream.rebalance();
      case "rescale":
        return stream.rescale();
      case "broadcast":
        return stream.broadcast();
    }
  }

  #joinKeyed(): readonly [KeyedStream<SimRecord, string>, KeyedStream<SimRecord, string>] {
    const keyed = (index: number): KeyedStream<SimRecord, string> =>
      this.#input(index).keyBy(functions.joinKey, t.string);
    return [keyed(0), keyed(1)];
  }

  #keyed(index: number): KeyedStream<SimRecord, SimRecord["key"]> {
    const stream = this.#input(index);
    return this.#parts.node.byName ? stream.keyBy("key") : stream.keyBy((record) => record.key);
  }
}

function sourceOf(uid: string, spec: SourceSpec): Source<SimRecord> {
  switch (spec.form) {
    case "paced":
    case "spread":
      return pacedSource(spec, spec.form === "spread");
    case "collection":
      return collection(spec.records, { splits: spec.splitsCount });
    case "files":
      return files(sourceFile(uid), json(), { splitBytes: 1_000 }) as unknown as Source<SimRecord>;
  }
}
