/*
 * Which values may travel between tasks and be stored as `any`: the list of
 * `docs/semantics/records.md`, and where a value breaks it. Slow; only used to explain a refusal
 * and in checks.
 */
import { binaryKindOf, MAX_VALUE_DEPTH } from "./any-format.ts";

/** Where and why a value may not travel. */
export interface Refusal {
  /** `items[3].callback`; empty for the value itself. */
  readonly path: string;
  readonly reason: string;
}

/** The first thing in `value`, depth first, that may not travel; undefined where all may. */
export function findRefused(value: unknown): Refusal | undefined {
  return find(value, "", 0);
}

function find(value: unknown, path: string, depth: number): Refusal | undefined {
  if (typeof value === "function") return { path, reason: "it is a function" };
  if (typeof value === "symbol") return { path, reason: "it is a symbol" };
  if (typeof value !== "object" || value === null) return undefined;
  if (depth >= MAX_VALUE_DEPTH) {
    const reason = `it is nested deeper than ${MAX_VALUE_DEPTH} levels, or contains itself`;
    return { path: path.slice(0, 200), reason };
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value) && prototype === Array.prototype) return findInArray(value, path, depth);
  if (prototype === Object.prototype || prototype === null) return findInFields(value, path, depth);
  if (prototype === Map.prototype) {
    return findInMap(value as ReadonlyMap<unknown, unknown>, path, depth);
  }
  if (prototype === Set.prototype) {
    return findInArray([...(value as ReadonlySet<unknown>)], path, depth);
  }
  if (prototype === Date.prototype || prototype === Uint8Array.prototype) return undefined;
  if (binaryKindOf(value) >= 0) return undefined;
  const { name } = (value.constructor ?? { name: "" }) as { readonly name: string };
  return { path, reason: `it is an instance of class ${name === "" ? "(unnamed)" : name}` };
}

function findInArray(values: readonly unknown[], path: string, depth: number): Refusal | undefined {
  for (let index = 0; index < values.length; index++) {
    const at = `${path}[${index}]`;
    if (!Object.hasOwn(values, index)) return { path: at, reason: "it is a hole in an array" };
    const refused = find(values[index], at, depth + 1);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function findInFields(value: object, path: string, depth: number): Refusal | undefined {
  for (const [name, item] of Object.entries(value)) {
    const refused = find(item, fieldPath(path, name), depth + 1);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function findInMap(
  map: ReadonlyMap<unknown, unknown>,
  path: string,
  depth: number,
): Refusal | undefined {
  for (const [key, item] of map) {
    const at = `${path}<${typeof key === "string" ? JSON.stringify(key) : typeof key}>`;
    const refused = find(key, at, depth + 1) ?? find(item, at, depth + 1);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/** `a.b`, or `a["odd name"]`. */
export function fieldPath(path: string, name: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === "" ? name : `${path}.${name}`;
}
