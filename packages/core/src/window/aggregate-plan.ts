/*
 * AggregatePlan: the aggregates of one operator compiled together: the columns and children of one
 * accumulator, and source text that folds a record in, merges two accumulators and builds the
 * result.
 *
 * The plan is data and text; what it runs on is decided by who binds it (`aggregate-table.ts` for
 * state tables, `aggregate-object.ts` for plain objects).
 *
 * I1. Columns and children have unique names, `<output>.<name>`, which go into the snapshot's
 *     schema.
 * I2. The order of outputs is that of the spec, in results too.
 * I3. Two aggregates over the same input read it once per record.
 * I4. An operator over two streams has one accumulator for both: each output is fed by the records
 *     of one of them.
 */
import { oxbowError } from "../errors.ts";
import { t } from "../types/t.ts";
import type { KeySpec } from "../types/key-spec.ts";
import type { Type } from "../types/type.ts";
import type {
  AccumulatorChild,
  AccumulatorColumn,
  AccumulatorRef,
  Aggregate,
  AggregateInput,
  AggregatePart,
  AggregateSpec,
} from "./aggregate.ts";

/** One aggregate of a plan, with the place of its columns and children in the whole. */
export interface PlannedOutput {
  readonly name: string;
  /** Which of the operator's streams it is fed by: 0, or 1 for the second of two. */
  readonly stream: number;
  /** Which aggregate it is, in a word: `avg`. What an accumulator means hangs on it. */
  readonly aggregate: string;
  readonly part: AggregatePart;
  readonly columnStart: number;
  readonly childStart: number;
  /** Position of its input in `AggregatePlan.inputs`; −1: none. */
  readonly inputIndex: number;
}

/** An input and what the outputs ask of it. */
export interface PlannedInput {
  readonly input: AggregateInput;
  readonly kind: AggregatePart["inputKind"];
  /** As in `PlannedOutput`. */
  readonly stream: number;
}

/** See the file header. Frozen. */
export interface AggregatePlan {
  readonly uid: string;
  /** Whether the result is the one aggregate's own, not an object of named ones. */
  readonly isSingle: boolean;
  readonly outputs: readonly PlannedOutput[];
  readonly inputs: readonly PlannedInput[];
  readonly columns: readonly AccumulatorColumn[];
  readonly children: readonly AccumulatorChild[];
  readonly canMerge: boolean;
  readonly isMergeExact: boolean;
  /** Undefined where the type of some output is not known. */
  readonly resultType: Type<unknown> | undefined;
  /** For `explain()`. */
  readonly description: string;
}

/** Most aggregates of one operator. */
export const MAX_OUTPUTS = 256;

/**
 * Compiles a spec for the operator `uid`. Errors: `AGGREGATE_INVALID` for an empty spec, too many
 * outputs, and what the aggregates themselves refuse.
 */
export function aggregatePlan(
  spec: Aggregate<never, unknown> | AggregateSpec<never>,
  { uid, recordType }: { readonly uid: string; readonly recordType: Type<unknown> | undefined },
): AggregatePlan {
  if (typeof spec !== "object" || spec === null) {
    const message = `Operator "${uid}" is given no aggregates; give some, as { n: count() }.`;
    throw oxbowError("AGGREGATE_INVALID", message, { uid });
  }
  const isSingle = isAggregate(spec);
  const named = isSingle ? { value: spec } : spec;
  const names = Object.keys(named);
  if (names.length === 0 || names.length > MAX_OUTPUTS) {
    const message = `Operator "${uid}": ${names.length} aggregates; give 1 to ${MAX_OUTPUTS}.`;
    throw oxbowError("AGGREGATE_INVALID", message, { uid });
  }
  const given = names.map((name) => ({ name, declared: named[name], stream: 0, recordType }));
  return planOf(uid, given, isSingle);
}

/**
 * The fields of records that an operator of this plan reads, its key included; undefined where it
 * reads records whole or through functions.
 */
export function fieldsRead(key: KeySpec, { inputs }: AggregatePlan): readonly string[] | undefined {
  if (typeof key.by !== "string") return undefined;
  const fields = new Set([key.by]);
  for (const { input } of inputs) {
    if (input.kind !== "field") return undefined;
    fields.add(input.field);
  }
  return [...fields];
}

/** An aggregate as it is given to an operator. */
export interface StreamAggregate {
  readonly name: string;
  readonly declared: Aggregate<never, unknown>;
  /** As in `PlannedOutput`. */
  readonly stream: number;
  /** Of the records of that stream. */
  readonly recordType: Type<unknown> | undefined;
}

/** Compiles aggregates over several streams. Errors: what the aggregates refuse. */
export function streamsAggregatePlan(
  uid: string,
  given: readonly StreamAggregate[],
): AggregatePlan {
  return planOf(uid, given, false);
}

function planOf(uid: string, given: readonly StreamAggregate[], isSingle: boolean): AggregatePlan {
  const columns: AccumulatorColumn[] = [];
  const children: AccumulatorChild[] = [];
  const inputs: PlannedInput[] = [];
  const outputs = given.map(({ name, declared, stream, recordType }): PlannedOutput => {
    const where = `Operator "${uid}", output "${name}"`;
    const part = partOf(declared, { where, recordType });
    const [aggregate] = declared.description.split("(");
    const place = { columnStart: columns.length, childStart: children.length };
    columns.push(...part.columns.map((c) => ({ ...c, name: `${name}.${c.name}` })));
    children.push(...part.children.map((c) => ({ ...c, name: `${name}.${c.name}` })));
    return { name, stream, aggregate, part, ...place, inputIndex: addInput(inputs, part, stream) };
  });
  const parts = outputs.map((output) => output.part);
  return Object.freeze({
    uid,
    isSingle,
    outputs,
    inputs,
    columns,
    children,
    canMerge: parts.every((part) => part.canMerge),
    isMergeExact: parts.every((part) => part.canMerge && part.isMergeExact),
    resultType: resultTypeOf(outputs, isSingle),
    description: given.map((each) => `${each.name}: ${each.declared.description}`).join(", "),
  });
}

function isAggregate(
  spec: Aggregate<never, unknown> | AggregateSpec<never>,
): spec is Aggregate<never, unknown> {
  return typeof spec.compile === "function";
}

function partOf(
  declared: Aggregate<never, unknown> | undefined,
  context: { readonly where: string; readonly recordType: Type<unknown> | undefined },
): AggregatePart {
  if (typeof declared?.compile !== "function") {
    const message = `${context.where} is no aggregate; use count(), sum(…), avg(…), ….`;
    throw oxbowError("AGGREGATE_INVALID", message);
  }
  return declared.compile(context);
}

function addInput(inputs: PlannedInput[], part: AggregatePart, stream: number): number {
  if (part.input.kind === "none") return -1;
  const added = { input: part.input, kind: part.inputKind, stream };
  const index = inputs.findIndex((known) => sameInput(known, added));
  return index >= 0 ? index : inputs.push(added) - 1;
}

function sameInput(a: PlannedInput, b: PlannedInput): boolean {
  if (a.stream !== b.stream) return false;
  if (a.kind !== b.kind || a.input.kind !== b.input.kind) return false;
  if (a.input.kind === "field" && b.input.kind === "field") return a.input.field === b.input.field;
  if (a.input.kind === "function" && b.input.kind === "function") return a.input.of === b.input.of;
  return true;
}

function resultTypeOf(
  outputs: readonly PlannedOutput[],
  isSingle: boolean,
): Type<unknown> | undefined {
  const fields: Record<string, Type<unknown>> = {};
  for (const { name, part } of outputs) {
    if (part.resultType === undefined) return undefined;
    fields[name] = part.resultType;
  }
  return isSingle ? outputs[0].part.resultType : t.struct(fields);
}

/** The part of an accumulator that belongs to one output. */
export function refOf(whole: AccumulatorRef, output: PlannedOutput): AccumulatorRef {
  const { part, columnStart, childStart } = output;
  return {
    fields: whole.fields.slice(columnStart, columnStart + part.columns.length),
    children: whole.children.slice(childStart, childStart + part.children.length),
  };
}
