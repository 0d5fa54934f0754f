// A task by itself: input channels that a test fills (or a source), a chain of given operators, one
// output channel that a test reads, snapshots into simulated files.
import { Batch } from "../columns/batch.ts";
import type { Source } from "../connectors/source.ts";
import { barrierElement, dataElement } from "../exchange/element.ts";
import type { Element } from "../exchange/element.ts";
import { LocalChannel } from "../exchange/local-channel.ts";
import { RecordWriter } from "../exchange/record-writer.ts";
import { StatelessOperator } from "../operators/operator.ts";
import type { Operator, OperatorContext } from "../operators/operator.ts";
import type { Output } from "../operators/output.ts";
import { inlineSegmentWriter } from "../snapshot/segment-writer-client.ts";
import type { Barrier } from "../state/barrier.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { operatorId } from "../types/operator-id.ts";
import { Chain, ChainOutput } from "./chain.ts";
import { DEBLOAT_TARGET_MS } from "./debloater.ts";
import { InputGate } from "./input-gate.ts";
import { SourceHead } from "./source-head.ts";
import { Task } from "./task.ts";
import type { TaskHead } from "./task.ts";
import type { StepResult } from "./subtask-metrics.ts";
import { TaskSnapshots } from "./task-snapshots.ts";
import type { SnapshotResult } from "./task-snapshots.ts";
import type { WatermarksOperator } from "./watermarks-operator.ts";

const SILENT = { ring: () => undefined };
const NO_COUNTS = { countRecordsOut: () => undefined, countRecordsSent: () => undefined };

export function barrier(id: number, base?: number): Barrier {
  return { id, kind: "checkpoint", timestamp: 0, base };
}

/** Operator contexts that lead to `output`, on the simulated machine. */
export function contextFor(env: OperatorContext["env"], uid: string, output: Output) {
  return {
    env,
    uid,
    subtaskIndex: 0,
    parallelism: 1,
    maxParallelism: 16,
    keyGroupStart: 0,
    keyGroupEnd: 16,
    output,
    sideOutput: () => output,
    metrics: {
      countRecordsIn: () => undefined,
      countRecordsOut: () => undefined,
      countLateRecordsDropped: () => undefined,
      countMalformedRecords: () => undefined,
    },
    wake: () => undefined,
    fail: (error: unknown) => {
      throw error;
    },
  };
}

/** Passes records on, notes every call, and fires as many times as it is told to. */
export class ProbeOperator extends StatelessOperator {
  readonly calls: string[];
  /** Firings to come, and what each emits. */
  due: unknown[] = [];
  readonly #output: Output;
  readonly #name: string;

  constructor(output: Output, calls: string[], name = "probe") {
    super();
    this.#output = output;
    this.calls = calls;
    this.#name = name;
  }

  #note(text: string): void {
    this.calls.push(`${this.#name} ${text}`);
  }

  override open(watermark: number): void {
    this.#note(`open ${watermark}`);
  }
  processBatch(batch: Batch, input: number): void {
    this.#note(`batch ${batch.records().join()} on ${input}`);
    this.#output.emit(batch);
  }
  override advanceWatermark(timestamp: number): void {
    this.#note(`watermark ${timestamp}`);
  }
  override fire(budget: number): boolean {
    const fired = this.due.splice(0, budget);
    for (const record of fired) this.#output.emit(Batch.ofRecords([record]));
    return this.due.length === 0;
  }
  override endInput(input: number): void {
    this.#note(`end ${input}`);
  }
  override prepareBarrier(checkpointId: number, isEnd: boolean): void {
    this.#note(`barrier ${checkpointId}${isEnd ? " at the end" : ""}`);
  }
  override completed(checkpointId: number): undefined {
    this.#note(`completed ${checkpointId}`);
  }
  override aborted(checkpointId: number): void {
    this.#note(`aborted ${checkpointId}`);
  }
}

export interface TaskBenchOptions {
  readonly inputs?: number;
  /** Instead of input channels. */
  readonly source?: Source<unknown>;
  readonly isExactlyOnce?: boolean;
  readonly fireBudget?: number;
  /** Records in the output channel at which it has no room. */
  readonly capacityCount?: number;
  readonly restoredWatermark?: number;
  readonly hadEnded?: boolean;
  /** The chain's operators, each emitting into the one behind it. */
  readonly operators?: readonly ((context: Omit<OperatorContext, "chunkPool">) => Operator)[];
}

/** See the head of this file. */
export class TaskBench {
  readonly world = new SimWorld({ seed: "task" });
  readonly env = this.world.startProcess().env;
  readonly calls: string[] = [];
  readonly inputs: readonly LocalChannel[];
  readonly operators: readonly Operator[];
  readonly task: Task;
  readonly acknowledged: SnapshotResult[] = [];
  readonly declined: number[] = [];
  readonly events: string[] = [];
  readonly #output: LocalChannel;

  constructor(options: TaskBenchOptions = {}) {
    const { inputs = 1, isExactlyOnce = true } = options;
    this.inputs = Array.from({ length: inputs }, (_, index) => channel(`in ${index}`));
    this.#output = channel("out", options.capacityCount);
    const writer = new RecordWriter({
      channels: [this.#output],
      partitioning: { kind: "forward" },
      subtaskIndex: 0,
      parallelism: 1,
      targetParallelism: 1,
      maxParallelism: 16,
      consumer: "next",
    });
    const makers = options.operators ?? [
      (context) => new ProbeOperator(context.output, this.calls),
    ];
    const outputs = makers.map(() => new ChainOutput(NO_COUNTS, true));
    const segments = inlineSegmentWriter({ env: this.env, directory: "/run" });
    this.operators = makers.map((make, index) => {
      const context = contextFor(this.env, `op-${index}`, outputs[index]);
      return make({ ...context, chunkPool: segments.pool } as OperatorContext);
    });
    outputs.forEach((output, index) => {
      if (index + 1 < outputs.length) output.connect(this.operators[index + 1], 0);
      else output.connectWriter(writer);
    });
    const members = this.operators.map((operator, index) => {
      return { uid: `op-${index}`, operator, output: outputs[index] };
    });
    const chain = new Chain(members, [writer], options.fireBudget);
    chain.open(options.restoredWatermark ?? -Infinity);
    const { source } = options;
    this.task = new Task({
      env: this.env,
      name: "task",
      head: source === undefined ? this.#gate(isExactlyOnce) : this.#sourceHead(source),
      chain,
      snapshots: this.#snapshots(segments),
      metrics: {
        setInputWatermark: () => undefined,
        setOutputWatermark: () => undefined,
      } as unknown as ConstructorParameters<typeof Task>[0]["metrics"],
      events: {
        ended: () => this.events.push("ended"),
        finished: () => this.events.push("finished"),
        superseded: (id) => this.events.push(`superseded ${id}`),
        failed: (error) => this.events.push(`failed ${String(error)}`),
      },
      restoredWatermark: options.restoredWatermark,
      hadEnded: options.hadEnded ?? false,
    });
  }

  #gate(isExactlyOnce: boolean): TaskHead {
    const [first] = this.operators;
    return {
      kind: "gate",
      gate: new InputGate({
        channels: this.inputs.map((each) => ({ channel: each, input: 0 })),
        isExactlyOnce,
        clock: this.env.clock,
        debloatTargetMs: DEBLOAT_TARGET_MS,
      }),
      watermarks: "takeWatermark" in first ? (first as WatermarksOperator) : undefined,
    };
  }

  #sourceHead(source: Source<unknown>): TaskHead {
    const output = new ChainOutput(NO_COUNTS, true);
    output.connect(this.operators[0], 0);
    const head = new SourceHead({
      context: contextFor(this.env, "source", output) as unknown as OperatorContext,
      source,
      strategy: undefined,
      output,
      malformedOutput: undefined,
      requests: { requestSplit: () => undefined, reportWatermark: () => undefined },
      debloatTargetMs: DEBLOAT_TARGET_MS,
    });
    return { kind: "source", source: head };
  }

  push(...elements: Element[]): void {
    for (const element of elements) this.inputs[0].push(element);
  }

  /** Steps until nothing more happens; the last result. */
  run(stepsMax = 1000): StepResult {
    let result: StepResult = "progressed";
    for (let steps = 0; steps < stepsMax && result === "progressed"; steps++) {
      result = this.task.step();
    }
    return result;
  }

  /** Nobody reads the output: it is full, with `capacityCount` 1. */
  fillOutput(): void {
    this.#output.push(data("in the way"));
  }

  /** Takes what came out, as text. */
  output(): string[] {
    const texts: string[] = [];
    for (;;) {
      const element = this.#output.poll();
      if (element === undefined) return texts;
      texts.push(elementText(element));
    }
  }

  #snapshots(writer: ReturnType<typeof inlineSegmentWriter>): TaskSnapshots {
    return new TaskSnapshots({
      clock: this.env.clock,
      members: this.operators.map((operator, index) => ({
        uid: `op-${index}`,
        operatorId: operatorId(`op-${index}`),
        keyed: () => operator.keyed,
        states: () => operator.states?.snapshot() ?? [],
        flushed: () => operator.flushed(),
        hasCommittables: () => false,
      })),
      writer,
      metrics: { setCheckpoint: () => undefined },
      directory: "/run",
      author: { epoch: 1, attempt: 1, subtaskIndex: 0 },
      acknowledge: (result) => this.acknowledged.push(result),
      decline: (id) => this.declined.push(id),
      barrierTaken: (id) => this.events.push(`barrier taken ${id}`),
      wake: () => undefined,
    });
  }
}

function channel(name: string, capacityCount = 1_000_000): LocalChannel {
  return new LocalChannel({
    name,
    operator: name,
    isEncoded: false,
    consumerDoorbell: SILENT,
    producerDoorbell: SILENT,
    capacityCount,
  });
}

/** A batch of records without timestamps. */
export function data(...records: unknown[]): Element {
  return dataElement(Batch.ofRecords(records));
}

export function barrierOf(id: number): Element {
  return barrierElement(barrier(id));
}

export function elementText(element: Element): string {
  switch (element.kind) {
    case "data":
      return element.batch.records().slice(0, element.batch.count).join();
    case "watermark":
      return `watermark ${element.timestamp}`;
    case "status":
      return element.isIdle ? "idle" : "active";
    case "barrier":
      return `barrier ${element.barrier.id}`;
    case "cancel-barrier":
      return `cancel ${element.checkpointId}`;
    case "end-of-data":
      return "end of data";
    case "end-of-partition":
      return "end of partition";
  }
}
