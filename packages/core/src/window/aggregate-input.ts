/*
 * Inputs of aggregates: a field by name or a function, the declared type behind a name, and the
 * errors for values that do not fit.
 */
import { oxbowError } from "../errors.ts";
import { fieldType, missingField } from "../types/record-field.ts";
import type { OptionalType, Type } from "../types/type.ts";
import type { AggregateInput, CompileContext } from "./aggregate.ts";

/** The input that `field("delay")` or a function means; `undefined`: the record itself. */
export function inputOf(
  of: string | ((record: never) => unknown) | undefined,
  whenMissing: "none" | "record",
): AggregateInput {
  if (of === undefined) return { kind: whenMissing };
  if (typeof of === "string") return { kind: "field", field: of };
  return { kind: "function", of: of as (record: unknown) => unknown };
}

/** `delay`, `(…)` or nothing, for descriptions. */
export function inputText(input: AggregateInput): string {
  switch (input.kind) {
    case "none":
    case "record":
      return "";
    case "field":
      return input.field;
    case "function":
      return "(function)";
  }
}

/**
 * The declared type of the input without `optional`; undefined where it is not known.
 * Error `AGGREGATE_INVALID` for a field that the declared record type does not have.
 */
export function inputType(
  input: AggregateInput,
  { recordType, where }: CompileContext,
): Type<unknown> | undefined {
  if (input.kind === "record") return recordType;
  if (input.kind !== "field" || recordType?.kind !== "struct") return undefined;
  const type = fieldType(recordType, input.field);
  if (type === undefined) {
    const message = `${where}: ${missingField(recordType, input.field)}`;
    throw oxbowError("AGGREGATE_INVALID", message, { field: input.field });
  }
  return type.kind === "optional" ? (type as OptionalType<unknown>).inner : type;
}

/** Error: the declared type cannot be aggregated so. */
export function typeUnfit(where: string, what: string, type: Type<unknown>): Error {
  return oxbowError(
    "AGGREGATE_INVALID",
    `${where}: ${what} cannot take values of type ${type.kind}. Name a field of numbers, or give ` +
      "a function that makes one.",
    { type: type.kind },
  );
}

/** Error: a value that an aggregate cannot take. */
export function inputInvalid(where: string, expected: string, value: unknown): Error {
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : String(value);
  const hint = typeof value === "bigint" ? " Convert it with Number(…), or declare its type." : "";
  return oxbowError(
    "AGGREGATE_INPUT_INVALID",
    `${where}: the input ${shown} (${typeof value}) is no ${expected}.${hint}`,
    { where, value: shown, type: typeof value },
  );
}

/** Error: a sum that left its range. */
export function sumOverflow(where: string, type: string, value: unknown): Error {
  return oxbowError(
    "SUM_OVERFLOW",
    `${where}: adding ${String(value)} leaves the range of ${type}. ` +
      `Sum a bigint64, or a function that gives a float64 if rounding is acceptable.`,
    { where, type, value: String(value) },
  );
}
