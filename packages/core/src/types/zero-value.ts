/*
 * What a value is before anyone has said: the zero of its type, and what a field starts with that a
 * struct gained.
 */
import type { EnumType, StructType, Type } from "./type.ts";

/**
 * What a column that was never written holds: 0, "", false, empty lists; undefined where there is
 * none.
 */
export function zeroOf(type: Type<unknown>): unknown {
  switch (type.kind) {
    case "bool":
      return false;
    case "int32":
    case "int64":
    case "float64":
    case "timestamp":
      return 0;
    case "bigint64":
      return 0n;
    case "string":
      return "";
    case "bytes":
      return new Uint8Array(0);
    case "enum":
      return (type as EnumType<string>).values[0];
    case "list":
      return [];
    case "map":
      return new Map();
    case "struct":
      return Object.fromEntries(
        Object.entries((type as StructType<unknown>).fields).map(([name, t]) => [name, zeroOf(t)]),
      );
    case "any":
    case "optional":
    case "union":
      return undefined;
  }
}

/** Whether the type says what is there when nothing was set. */
export function hasDefault(type: Type<unknown>): boolean {
  return Object.hasOwn(type, "defaultValue");
}

/**
 * What a field of the type starts with in values that were stored without it: its default, else
 * zero; undefined as a whole where it can have neither (a union, or a struct with one).
 */
export function startOf(type: Type<unknown>): { readonly value: unknown } | undefined {
  if (hasDefault(type)) return { value: type.defaultValue };
  if (type.kind === "union") return undefined;
  if (type.kind !== "struct") return { value: zeroOf(type) };
  const value: Record<string, unknown> = {};
  for (const [name, field] of Object.entries((type as StructType<unknown>).fields)) {
    const start = startOf(field);
    if (start === undefined) return undefined;
    value[name] = start.value;
  }
  return { value };
}
