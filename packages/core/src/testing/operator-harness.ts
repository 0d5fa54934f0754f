/**
 * verifyOperator: runs one operator through every way in which the runtime may run it, and checks
 * that its output is always the same: batch sizes, records and columns, full outputs, firing in
 * slices, checkpoints, restores, crashes, aborted barriers, other numbers of subtasks.
 *
 * For tests of this repository and of users: `docs/testing.md`.
 */
import type { DataStream } from "../api/data-stream.ts";
import { SourceStream } from "../api/data-stream.ts";
import { oxbowError } from "../errors.ts";
import { GraphBuilder } from "../graph/graph-builder.ts";
import type { GraphNode } from "../graph/stream-graph.ts";
import { collection } from "../connectors/collection.ts";
import { freezeDeep } from "../types/freeze-deep.ts";
import type { Type } from "../types/type.ts";
import {
  MAIN_OUTPUT,
  checkMultiset,
  checkOrders,
  emittedText,
  textOf,
  unequal,
} from "./operator-harness-compare.ts";
import type { EmittedRecord } from "./operator-harness-compare.ts";
import type { OperatorStep } from "./operator-harness-input.ts";
import { harnessModes } from "./operator-harness-modes.ts";
import type { HarnessMode } from "./operator-harness-modes.ts";
import { runMode } from "./operator-harness-run.ts";
import type { HarnessResult } from "./operator-harness-run.ts";

/** An operator and what it should do. */
export interface OperatorCase<A, B, R> {
  /**
   * Adds the operator to the stream (or to the two streams, for two inputs), with the public API:
   * exactly one operator. Called once per mode. For a sink, returns what it has committed.
   */
  readonly build: (
    first: DataStream<A>,
    second: DataStream<B>,
  ) => DataStream<R> | { readonly committed: () => readonly R[] };
  /** What happens, in order. Afterwards event time goes to its end and the inputs end. */
  readonly input: readonly OperatorStep[];
  /** All records of the main output, in any order; undefined: only that all modes agree. */
  readonly expect?: readonly R[];
  /** All records of side outputs, by name of their tag, in any order. */
  readonly sideOutputs?: Readonly<Record<string, readonly unknown[]>>;
  /** Outputs for which it gives equal values must come in the same order in every mode. */
  readonly orderedBy?: (record: R) => unknown;
  /** Declared types of the records, if the streams should have them. */
  readonly types?: { readonly first?: Type<A>; readonly second?: Type<B> };
  /**
   * Whether the output is the same with any number of subtasks. Default: true for operators with
   * keys or broadcast state, and for map, filter, flatMap and lookup. False is for one whose
   * broadcast side emits: every subtask does.
   */
  readonly isRescalable?: boolean;
  /** Default "harness"; chooses the random batches. */
  readonly seed?: string;
}

/** What the operator gave, record by record. */
export interface VerifiedOutput<R> {
  readonly records: readonly R[];
  /** Event time per record of `records`; undefined for none. */
  readonly timestamps: readonly (number | undefined)[];
  readonly sideOutputs: Readonly<Record<string, readonly unknown[]>>;
  readonly lateRecordsDroppedCount: number;
  readonly modesCount: number;
}

/**
 * Runs the operator in every mode. Rejects with an AssertionError that names the mode and the
 * first differences, with GRAPH_INVALID if `build` does not add exactly one operator, and with what
 * the operator itself throws.
 *
 * @example
 * await verifyOperator({
 *   build: (numbers: DataStream<number>) => numbers.map((n) => n * 2),
 *   input: [step.record(1), step.record(2)],
 *   expect: [2, 4],
 * });
 */
export async function verifyOperator<A, B = never, R = unknown>(
  of: OperatorCase<A, B, R>,
): Promise<VerifiedOutput<R>> {
  const modes = harnessModes(of.isRescalable ?? canRescale(buildNode(of).node));
  let plain: HarnessResult | undefined;
  for (const mode of modes) {
    const result = await runCase(of, mode);
    checkExpected(of, mode, result);
    if (plain === undefined) plain = result;
    else checkAgainst(of, mode, { result, plain });
  }
  if (plain === undefined) throw unequal("The harness has no modes.");
  return verified(plain, modes.length);
}

async function runCase<A, B, R>(
  of: OperatorCase<A, B, R>,
  mode: HarnessMode,
): Promise<HarnessResult> {
  const { node, committed } = buildNode(of);
  for (const { record } of of.input.filter((each) => each.kind === "record")) freezeDeep(record);
  try {
    const seed = of.seed ?? "harness";
    const result = await runMode({ node, mode, steps: of.input, seed });
    const records = committed?.().map((record) => ({ record, timestamp: NaN }));
    if (records !== undefined) result.emitted.set(MAIN_OUTPUT, records);
    return result;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw unequal(`Mode "${mode.name}": ${reason}`, error);
  }
}

interface BuiltNode {
  readonly node: GraphNode;
  readonly committed: (() => readonly unknown[]) | undefined;
}

/** Runs `build` on a graph of its own. */
function buildNode<A, B, R>({ build, types }: OperatorCase<A, B, R>): BuiltNode {
  const builder = new GraphBuilder();
  const first = inputStream<A>(builder, "first", types?.first);
  const second = inputStream<B>(builder, "second", types?.second);
  const built = build(first, second);
  const { nodes } = builder.build({
    jobName: "harness",
    parallelism: 1,
    maxParallelism: undefined,
    adoptedMaxParallelisms: new Map(),
    aliases: new Map(),
  });
  const operators = nodes.filter(({ body }) => body.kind !== "source");
  const [node] = operators;
  if (node === undefined || operators.length > 1 || node.body.kind === "watermarks") {
    throw oxbowError(
      "GRAPH_INVALID",
      `verifyOperator runs one operator, but build adds ${operators.length} ` +
        `(${operators.map(({ uid }) => uid).join(", ")}). Verify each by itself.`,
      { operators: operators.map(({ uid }) => uid) },
    );
  }
  return { node, committed: "committed" in built ? built.committed : undefined };
}

function inputStream<T>(
  builder: GraphBuilder,
  uid: string,
  type: Type<T> | undefined,
): DataStream<T> {
  const source = collection<T>([], type === undefined ? {} : { type });
  const node = builder.add({
    uid,
    kind: "source",
    parallelism: undefined,
    inputs: [],
    states: [],
    key: undefined,
    needsTimestamps: false,
    detail: "harness",
    body: { kind: "source", source, watermarks: undefined },
  });
  return new SourceStream<T>({ builder, node, recordType: type });
}

const KINDS_WITHOUT_PLACE: ReadonlySet<string> = new Set([
  "map",
  "filter",
  "flatMap",
  "lookup",
  "broadcastProcess",
]);

/**
 * Keys decide where a record goes; operators without state, or with the same in every subtask, do
 * not care.
 */
function canRescale({ key, kind }: GraphNode): boolean {
  return key !== undefined || KINDS_WITHOUT_PLACE.has(kind);
}

function checkExpected<A, B, R>(
  of: OperatorCase<A, B, R>,
  mode: HarnessMode,
  { emitted }: HarnessResult,
): void {
  const expected = { ...of.sideOutputs };
  if (of.expect !== undefined) expected[MAIN_OUTPUT] = of.expect;
  for (const [tag, records] of Object.entries(expected)) {
    const actual = (emitted.get(tag) ?? []).map(({ record }) => textOf(record));
    checkMultiset(`Mode "${mode.name}"${outputName(tag)}`, actual, records.map(textOf));
  }
}

function checkAgainst<A, B, R>(
  of: OperatorCase<A, B, R>,
  mode: HarnessMode,
  runs: { readonly result: HarnessResult; readonly plain: HarnessResult },
): void {
  const { result, plain } = runs;
  for (const tag of new Set([...plain.emitted.keys(), ...result.emitted.keys()])) {
    const expected = plain.emitted.get(tag) ?? [];
    const actual = result.emitted.get(tag) ?? [];
    const what = `Mode "${mode.name}"${outputName(tag)} against record by record`;
    checkMultiset(what, actual.map(emittedText), expected.map(emittedText));
  }
  if (of.orderedBy === undefined || !keepsOrder(of, mode)) return;
  const orderOf = ({ emitted }: HarnessResult): Map<string, string[]> =>
    byKey(emitted.get(MAIN_OUTPUT) ?? [], of.orderedBy as (record: unknown) => unknown);
  checkOrders(`Mode "${mode.name}"`, orderOf(result), orderOf(plain));
}

/** Records without keys have no order between subtasks. */
function keepsOrder<A, B, R>(of: OperatorCase<A, B, R>, { parallelisms }: HarnessMode): boolean {
  return parallelisms.every((each) => each === 1) || buildNode(of).node.key !== undefined;
}

function outputName(tag: string): string {
  return tag === MAIN_OUTPUT ? "" : `, side output "${tag}"`;
}

function byKey(
  emitted: readonly EmittedRecord[],
  keyOf: (record: unknown) => unknown,
): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const each of emitted) {
    const key = textOf(keyOf(each.record));
    const texts = groups.get(key) ?? [];
    groups.set(key, texts);
    texts.push(emittedText(each));
  }
  return groups;
}

function verified<R>(plain: HarnessResult, modesCount: number): VerifiedOutput<R> {
  const main = plain.emitted.get(MAIN_OUTPUT) ?? [];
  const sides = [...plain.emitted].filter(([tag]) => tag !== MAIN_OUTPUT);
  return {
    records: main.map(({ record }) => record as R),
    timestamps: main.map(({ timestamp }) => (Number.isNaN(timestamp) ? undefined : timestamp)),
    sideOutputs: Object.fromEntries(
      sides.map(([tag, records]) => [tag, records.map(({ record }) => record)]),
    ),
    lateRecordsDroppedCount: plain.lateRecordsDroppedCount,
    modesCount,
  };
}
