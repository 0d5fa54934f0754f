/*
 * Source text of an AggregatePlan: reading the inputs of a record or of row `i` of a batch, folding
 * them in, merging, and building the result.
 *
 * Every function that is compiled from it carries the operator's uid in its text, since V8 lets
 * equal source share code and type feedback (one operator's shapes would slow another's).
 *
 * Names in the text: `b[n]` the bindings of output n, `fn[n]` the function of input n, `v0 …`
 * inputs.
 */
import type { Column } from "../columns/column.ts";
import type { AccumulatorRef } from "./aggregate.ts";
import { refOf } from "./aggregate-plan.ts";
import type { AggregatePlan, PlannedInput } from "./aggregate-plan.ts";

/** How the inputs of one batch lie: a column per input, or undefined where records are read. */
export type InputColumns = readonly (Column | undefined)[];

/** What the text refers to as `b` and `fn`. */
export interface PlanBindings {
  readonly b: readonly Readonly<Record<string, unknown>>[];
  readonly fn: readonly (((record: unknown) => unknown) | undefined)[];
}

/** The bindings of a plan. */
export function planBindings(plan: AggregatePlan): PlanBindings {
  return {
    b: plan.outputs.map(({ part }) => part.bindings),
    fn: plan.inputs.map(({ input }) => (input.kind === "function" ? input.of : undefined)),
  };
}

/** The records that a text is about. */
export interface UpdateForm {
  /** Which of the operator's streams they are of. */
  readonly stream: number;
  /** Which inputs are read from columns (`c0[i]`, presence `p0[i]`). */
  readonly columns: InputColumns;
}

/** Statements that fold one record into `accumulator`; no column: the identifier `record`. */
export function updateSource(
  plan: AggregatePlan,
  accumulator: AccumulatorRef,
  { stream, columns }: UpdateForm = { stream: 0, columns: [] },
): string {
  const lines: string[] = [];
  plan.outputs.forEach((output, n) => {
    if (output.inputIndex >= 0 || output.stream !== stream) return;
    lines.push(output.part.update(refOf(accumulator, output), "undefined", `b[${n}]`));
  });
  plan.inputs.forEach((input, index) => {
    if (input.stream !== stream) return;
    const updates = plan.outputs.flatMap((output, n) =>
      output.inputIndex === index
        ? [output.part.update(refOf(accumulator, output), `v${index}`, `b[${n}]`)]
        : [],
    );
    const first = plan.outputs.findIndex((output) => output.inputIndex === index);
    lines.push(guarded({ input, index, column: columns[index], bound: `b[${first}]` }, updates));
  });
  return lines.join("\n");
}

interface GuardedInput {
  readonly input: PlannedInput;
  readonly index: number;
  readonly column: Column | undefined;
  readonly bound: string;
}

/** The updates behind the checks that the input's kind and form need. */
function guarded(
  { input, index, column, bound }: GuardedInput,
  updates: readonly string[],
): string {
  const value = `v${index}`;
  const body = updates.join("\n");
  if (column === undefined) {
    const read = `const ${value} = ${recordRead(input, index)};`;
    return `{ ${read} ${checked(input, value, bound, body)} }`;
  }
  const isFit = input.kind === "any" ? isPlain(column) : fits(input, column);
  const inner = isFit ? body : checked(input, value, bound, body);
  const read = `const ${value} = ${columnRead(column, index)};`;
  // A missing value is null or undefined for every kind of input: left out.
  const isPresent = column.presence === undefined ? "" : `if (p${index}[i] === 0) `;
  return `${isPresent}{ ${read} ${inner} }`;
}

function checked(input: PlannedInput, value: string, bound: string, body: string): string {
  if (input.kind === "any") return `if (${value} !== undefined && ${value} !== null) { ${body} }`;
  return `if (typeof ${value} === "${input.kind}") { ${body} }
    else if (${value} !== undefined && ${value} !== null) throw ${bound}.fail(${value});`;
}

function recordRead({ input }: PlannedInput, index: number): string {
  switch (input.kind) {
    case "none":
      return "undefined";
    case "record":
      return "record";
    case "field":
      return `record[${JSON.stringify(input.field)}]`;
    case "function":
      return `fn[${index}](record)`;
  }
}

/** Whether every present row of the column has the type that the input asks for. */
function fits(input: PlannedInput, column: Column): boolean {
  if (input.kind === "number") return column.kind === "int32" || column.kind === "float64";
  return input.kind === "bigint" && column.kind === "bigint64";
}

/** Whether present rows are neither null nor undefined. */
function isPlain(column: Column): boolean {
  return column.kind !== "value";
}

function columnRead(column: Column, index: number): string {
  switch (column.kind) {
    case "bool":
      return `c${index}[i] !== 0`;
    case "bytes":
      return `c${index}.bytes.slice(c${index}.offsets[i], c${index}.offsets[i + 1])`;
    case "int32":
    case "float64":
    case "bigint64":
    case "string":
    case "value":
      return `c${index}[i]`;
  }
}

/** What `c<n>` is for a column. */
export function columnValues(column: Column): unknown {
  return column.kind === "bytes" ? column : column.values;
}

/** Text that tells apart the forms of batches that need different code. */
export function formOf(columns: InputColumns): string {
  const forms = columns.map((column) =>
    column === undefined ? "record" : column.kind + (column.presence === undefined ? "" : "?"),
  );
  return forms.join(",");
}

/** Statements that merge `other` into `accumulator`. */
export function mergeSource(
  plan: AggregatePlan,
  accumulator: AccumulatorRef,
  other: AccumulatorRef,
): string {
  return plan.outputs
    .map((output, n) =>
      output.part.merge(refOf(accumulator, output), refOf(other, output), `b[${n}]`),
    )
    .map((statements) => `{ ${statements} }`)
    .join("\n");
}

/** An expression: the result. */
export function resultSource(plan: AggregatePlan, accumulator: AccumulatorRef): string {
  const properties = resultProperties(plan, accumulator);
  return plan.isSingle ? properties[0].value : literal(properties);
}

/**
 * An expression: the result of a window, `{ key, window, … }`; `key` and `window` are identifiers.
 */
export function recordSource(plan: AggregatePlan, accumulator: AccumulatorRef): string {
  const own = ["key", "window"].map((name) => ({ name, value: name }));
  return literal([...own, ...resultProperties(plan, accumulator)]);
}

/**
 * An expression: the result of a running aggregate: for a single one its value, else `{ key, … }`
 * with the key of record `i` from `keys`.
 */
export function keyedResultSource(plan: AggregatePlan, accumulator: AccumulatorRef): string {
  const properties = resultProperties(plan, accumulator);
  if (plan.isSingle) return properties[0].value;
  return literal([{ name: "key", value: "keys[i]" }, ...properties]);
}

interface Property {
  readonly name: string;
  readonly value: string;
}

function resultProperties(plan: AggregatePlan, accumulator: AccumulatorRef): readonly Property[] {
  return plan.outputs.map((output, n) => ({
    name: output.name,
    value: output.part.result(refOf(accumulator, output), `b[${n}]`),
  }));
}

function literal(properties: readonly Property[]): string {
  return `{ ${properties.map(({ name, value }) => `${propertyName(name)}: ${value}`).join(", ")} }`;
}

/** `__proto__` as a literal's property would set the prototype; a computed one does not. */
function propertyName(name: string): string {
  return name === "__proto__" ? '["__proto__"]' : JSON.stringify(name);
}
