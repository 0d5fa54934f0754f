/*
 * Source text of the encoders and decoders of a type; `codec.ts` compiles it. Nested types are
 * inlined, so that a value is encoded by one function without dispatch on kinds.
 *
 * In generated code: `w` writer, `r` reader, `refuse(type index, path, value)`. Paths are
 * expressions that are evaluated only for an error.
 */
import { childrenOf } from "./t.ts";
import type {
  EnumType,
  ListType,
  MapKey,
  MapType,
  OptionalType,
  StructType,
  Type,
  UnionType,
} from "./type.ts";

/** All types inside `type`, in the order in which the source numbers them. */
export function valueTypesOf(type: Type<unknown>): readonly Type<unknown>[] {
  return [type, ...childrenOf(type).flatMap(valueTypesOf)];
}

interface Scope {
  /** Number of the next type and of the next variable. */
  typeIndex: number;
  variable: number;
}

/** Body of a function `(runtime) → encode(value, writer)`. */
export function encoderSource(type: Type<unknown>): string {
  const body = encodeAs(type, "value", '""', { typeIndex: 0, variable: 0 });
  return `"use strict";
const { refuse, writeAny } = runtime;
return (value, w) => {
${body}
};`;
}

/** Body of a function `(runtime) → decode(reader)`. */
export function decoderSource(type: Type<unknown>): string {
  const scope: Scope = { typeIndex: 0, variable: 0 };
  const lines: string[] = [];
  const value = decodeAs(type, lines, scope);
  return `"use strict";
const { readAny } = runtime;
return (r) => {
${lines.join("\n")}
return ${value};
};`;
}

/** Statements that encode the expression `v`, whose path is the expression `path`. */
function encodeAs(type: Type<unknown>, v: string, path: string, scope: Scope): string {
  const index = scope.typeIndex++;
  const refuse = `refuse(${index}, ${path}, ${v});`;
  switch (type.kind) {
    case "bool":
      return `if (${v} === true) w.uint8(1); else if (${v} === false) w.uint8(0); else ${refuse}`;
    case "int32":
      return `if (${v} !== (${v} | 0)) ${refuse} w.int32(${v});`;
    case "int64":
    case "timestamp":
      return `if (!Number.isSafeInteger(${v})) ${refuse} w.int64(${v});`;
    case "bigint64":
      return `if (typeof ${v} !== "bigint" || BigInt.asIntN(64, ${v}) !== ${v}) ${refuse}
w.bigint64(${v});`;
    case "float64":
      return `if (typeof ${v} !== "number") ${refuse} w.float64(${v});`;
    case "string":
      return `if (typeof ${v} !== "string") ${refuse} w.string(${v});`;
    case "bytes":
      return `if (!(${v} instanceof Uint8Array)) ${refuse} w.blob(${v});`;
    case "any":
      return `writeAny(w, ${v}, ${path});`;
    case "enum":
      return encodeEnum(type as EnumType<string>, { v, refuse });
    case "optional": {
      const inner = encodeAs((type as OptionalType<unknown>).inner, v, path, scope);
      return `if (${v} === undefined) w.uint8(0); else { w.uint8(1); ${inner} }`;
    }
    case "list":
      return encodeList(type as ListType<unknown>, { v, path, refuse }, scope);
    case "map":
      return encodeMap(type as MapType<MapKey, unknown>, { v, path, refuse }, scope);
    case "struct":
      return encodeStruct(type as StructType<unknown>, { v, path, refuse }, scope);
    case "union":
      return encodeUnion(type as UnionType<unknown>, { v, path, refuse }, scope);
  }
}

interface Site {
  readonly v: string;
  readonly path: string;
  readonly refuse: string;
}

function encodeEnum(type: EnumType<string>, site: { v: string; refuse: string }): string {
  const cases = type.values.map(
    (value, code) => `case ${JSON.stringify(value)}: w.varint(${code}); break;`,
  );
  return `switch (${site.v}) { ${cases.join(" ")} default: ${site.refuse} }`;
}

function encodeList(type: ListType<unknown>, site: Site, scope: Scope): string {
  const n = scope.variable++;
  const element = encodeAs(type.element, `e${n}`, `${site.path} + "[" + i${n} + "]"`, scope);
  return `if (!Array.isArray(${site.v})) ${site.refuse}
w.varint(${site.v}.length);
for (let i${n} = 0; i${n} < ${site.v}.length; i${n}++) { const e${n} = ${site.v}[i${n}];
${element}
}`;
}

function encodeMap(type: MapType<MapKey, unknown>, site: Site, scope: Scope): string {
  const n = scope.variable++;
  const path = `${site.path} + "<" + String(k${n}) + ">"`;
  const key = encodeAs(type.key, `k${n}`, path, scope);
  const value = encodeAs(type.value, `m${n}`, path, scope);
  return `if (!(${site.v} instanceof Map)) ${site.refuse}
w.varint(${site.v}.size);
for (const [k${n}, m${n}] of ${site.v}) {
${key}
${value}
}`;
}

function encodeStruct(type: StructType<unknown>, site: Site, scope: Scope): string {
  const { v, refuse } = site;
  return `if (typeof ${v} !== "object" || ${v} === null || Array.isArray(${v})) ${refuse}
${encodeFields(type, site, scope)}`;
}

/** Presence bits of the optional fields, 8 a byte, then the fields. */
function encodeFields(type: StructType<unknown>, site: Site, scope: Scope): string {
  const lines: string[] = [];
  const fields = Object.entries(type.fields).map(([name, field]) => {
    const n = scope.variable++;
    lines.push(`const f${n} = ${site.v}[${JSON.stringify(name)}];`);
    return { name, field, variable: `f${n}` };
  });
  const optional = fields.filter(({ field }) => field.kind === "optional");
  for (let start = 0; start < optional.length; start += 8) {
    const bits = optional
      .slice(start, start + 8)
      .map(({ variable }, bit) => `(${variable} === undefined ? 0 : ${1 << bit})`);
    lines.push(`w.uint8(${bits.join(" | ")});`);
  }
  for (const { name, field, variable } of fields) {
    const path = pathOf(site.path, name);
    if (field.kind === "optional") {
      scope.typeIndex++;
      const inner = encodeAs((field as OptionalType<unknown>).inner, variable, path, scope);
      lines.push(`if (${variable} !== undefined) { ${inner} }`);
    } else lines.push(encodeAs(field, variable, path, scope));
  }
  return lines.join("\n");
}

function pathOf(path: string, name: string): string {
  const isPlain = /^[A-Za-z_$][\w$]*$/.test(name);
  const first = JSON.stringify(isPlain ? name : `[${JSON.stringify(name)}]`);
  const later = JSON.stringify(isPlain ? `.${name}` : `[${JSON.stringify(name)}]`);
  return path === '""' ? first : `${path} + ${later}`;
}

function encodeUnion(type: UnionType<unknown>, site: Site, scope: Scope): string {
  const { v, path, refuse } = site;
  const cases = Object.entries(type.variants).map(([name, struct], code) => {
    scope.typeIndex++;
    const fields = encodeFields(struct, { v, path, refuse }, scope);
    return `case ${JSON.stringify(name)}: { w.varint(${code});\n${fields}\nbreak; }`;
  });
  return `if (typeof ${v} !== "object" || ${v} === null) ${refuse}
switch (${v}[${JSON.stringify(type.tag)}]) {
${cases.join("\n")}
default: ${refuse}
}`;
}

/**
 * Appends statements to `lines`; returns the expression of the value. Evaluated exactly once, in
 * order.
 */
function decodeAs(type: Type<unknown>, lines: string[], scope: Scope): string {
  const n = scope.variable++;
  const value = `d${n}`;
  const simple = simpleReadOf(type);
  if (simple !== undefined) {
    lines.push(`const ${value} = ${simple};`);
    return value;
  }
  switch (type.kind) {
    case "optional": {
      const inner: string[] = [];
      const found = decodeAs((type as OptionalType<unknown>).inner, inner, scope);
      lines.push(`let ${value}; if (r.flag()) { ${inner.join("\n")} ${value} = ${found}; }`);
      return value;
    }
    case "list": {
      const inner: string[] = [];
      const found = decodeAs((type as ListType<unknown>).element, inner, scope);
      lines.push(`const ${value} = []; for (let i = r.count(); i > 0; i--) {`);
      lines.push(...inner, `${value}.push(${found}); }`);
      return value;
    }
    case "map": {
      const inner: string[] = [];
      const key = decodeAs((type as MapType<MapKey, unknown>).key, inner, scope);
      const item = decodeAs((type as MapType<MapKey, unknown>).value, inner, scope);
      lines.push(`const ${value} = new Map(); for (let i = r.count(); i > 0; i--) {`);
      lines.push(...inner, `${value}.set(${key}, ${item}); }`);
      return value;
    }
    case "struct":
      lines.push(
        `const ${value} = ${decodeFields(type as StructType<unknown>, lines, { scope, tag: "" })};`,
      );
      return value;
    default:
      return decodeUnion(type as UnionType<unknown>, { lines, scope, value });
  }
}

function simpleReadOf(type: Type<unknown>): string | undefined {
  switch (type.kind) {
    case "bool":
      return "r.flag()";
    case "int32":
      return "r.int32()";
    case "int64":
    case "timestamp":
      return "r.int64()";
    case "bigint64":
      return "r.bigint64()";
    case "float64":
      return "r.float64()";
    case "string":
      return "r.string()";
    case "bytes":
      return "r.blob()";
    case "any":
      return "readAny(r)";
    case "enum":
      return `r.choice(${JSON.stringify((type as EnumType<string>).values)})`;
    case "optional":
    case "list":
    case "map":
    case "struct":
    case "union":
      return undefined;
  }
}

function decodeFields(
  type: StructType<unknown>,
  lines: string[],
  at: { scope: Scope; tag: string },
): string {
  const { scope } = at;
  const entries = Object.entries(type.fields);
  const optionalCount = entries.filter(([, field]) => field.kind === "optional").length;
  const bits = scope.variable++;
  for (let start = 0; start < optionalCount; start += 8) {
    lines.push(`const b${bits}_${start >> 3} = r.uint8();`);
  }
  const parts: string[] = at.tag === "" ? [] : [at.tag];
  let seen = 0;
  for (const [name, field] of entries) {
    let found: string;
    if (field.kind === "optional") {
      const n = scope.variable++;
      const inner: string[] = [];
      const value = decodeAs((field as OptionalType<unknown>).inner, inner, scope);
      const test = `b${bits}_${seen >> 3} & ${1 << (seen & 7)}`;
      lines.push(`let o${n}; if (${test}) { ${inner.join("\n")} o${n} = ${value}; }`);
      found = `o${n}`;
      seen++;
    } else found = decodeAs(field, lines, scope);
    parts.push(`${JSON.stringify(name)}: ${found}`);
  }
  return `{${parts.join(", ")}}`;
}

function decodeUnion(
  type: UnionType<unknown>,
  at: { lines: string[]; scope: Scope; value: string },
): string {
  const { lines, scope, value } = at;
  lines.push(`let ${value}; switch (r.varint()) {`);
  Object.entries(type.variants).forEach(([name, struct], code) => {
    const tag = `${JSON.stringify(type.tag)}: ${JSON.stringify(name)}`;
    lines.push(`case ${code}: {`);
    const literal = decodeFields(struct, lines, { scope, tag });
    lines.push(`${value} = ${literal}; break; }`);
  });
  lines.push(`default: r.fail("a union has an unknown variant"); }`);
  return value;
}
