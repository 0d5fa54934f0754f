/*
 * record-field: fields of declared record types by name, and what is said of one that is not there.
 */
import { didYouMean, listNames } from "./nearest-name.ts";
import { withoutOldNames } from "./t.ts";
import type { StructType, Type } from "./type.ts";

/** The declared type of a field; undefined where the type of the records does not tell it. */
export function fieldType(
  recordType: Type<unknown> | undefined,
  field: string,
): Type<unknown> | undefined {
  if (recordType?.kind !== "struct") return undefined;
  const { fields } = recordType as StructType<unknown>;
  return Object.hasOwn(fields, field) ? withoutOldNames(fields[field]) : undefined;
}

/**
 * Undefined if records of this type can have the field; else `records have no field "orgin"; they
 * have origin, at. Did you mean "origin"?`.
 */
export function missingField(
  recordType: Type<unknown> | undefined,
  field: string,
): string | undefined {
  if (recordType?.kind !== "struct") return undefined;
  const names = Object.keys((recordType as StructType<unknown>).fields);
  return names.includes(field) ? undefined : noField(field, names);
}

/** The sentence of `missingField`. */
export function noField(field: string, names: readonly string[]): string {
  const listed = names.length === 0 ? "none" : listNames(names);
  return `records have no field "${field}"; they have ${listed}.${didYouMean(field, names)}`;
}
