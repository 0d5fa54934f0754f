/**
 * RecordContext: what the contexts of all process functions share: time, and where records go.
 *
 * I1. One context serves all calls of a subtask; `time` is set before each.
 */
import { NO_WATERMARK } from "../time/timestamp.ts";
import type { OperatorContext } from "./operator.ts";
import { RecordCollector } from "./output.ts";
import type { ProcessContext, SideOutputTag } from "./process-function.ts";

/** Collectors of an operator: main output and side outputs, flushed together. */
export class Collectors {
  readonly main: RecordCollector;
  readonly #context: OperatorContext;
  readonly #sides = new Map<string, RecordCollector>();

  constructor(context: OperatorContext) {
    this.#context = context;
    this.main = new RecordCollector(context.output);
  }

  side(tag: SideOutputTag<unknown>): RecordCollector {
    let collector = this.#sides.get(tag.name);
    if (collector === undefined) {
      collector = new RecordCollector(this.#context.sideOutput(tag.name));
      this.#sides.set(tag.name, collector);
    }
    return collector;
  }

  flush(): void {
    this.main.flush();
    for (const collector of this.#sides.values()) collector.flush();
  }
}

/** See the file header. */
export class RecordContext implements ProcessContext<unknown> {
  readonly subtaskIndex: number;
  readonly parallelism: number;
  watermark = NO_WATERMARK;
  /** Timestamp of the current record or timer; NaN for none. */
  time = NaN;
  readonly #context: OperatorContext;
  readonly #collectors: Collectors;

  constructor(context: OperatorContext, collectors: Collectors) {
    this.#context = context;
    this.#collectors = collectors;
    this.subtaskIndex = context.subtaskIndex;
    this.parallelism = context.parallelism;
  }

  get timestamp(): number | undefined {
    return Number.isNaN(this.time) ? undefined : this.time;
  }

  get processingTime(): number {
    return this.#context.env.clock.now();
  }

  // Bound, since users take them out of the context: `process(record, { emit }) { … }`.
  readonly emit = (record: unknown): void => this.#collectors.main.collect(record, this.time);

  readonly output = <T>(tag: SideOutputTag<T>, record: T): void =>
    this.#collectors.side(tag).collect(record, this.time);
}
