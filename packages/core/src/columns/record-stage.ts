/*
 * Staging: typed arrays into which the records of one frame are taken apart, and the generated loop
 * that does it. One stage per shape and encoder; its arrays are reused from frame to frame.
 *
 * The loop checks every record against the shape while it reads it, and stops at the first that
 * does not fit; the encoder then widens the shape and takes the whole frame again.
 */
import { assert } from "../assert.ts";
import type { BlockColumn } from "./block.ts";
import type { Column, Presence } from "./column.ts";
import {
  bigintColumn,
  boolColumn,
  float64Column,
  int32Column,
  IS_ABSENT,
  IS_NULL,
  IS_UNDEFINED,
  StringColumn,
  ValueColumn,
  bytesColumn,
} from "./column.ts";
import { FrameDictionary } from "./frame-dictionary.ts";
import type { FieldKind, RecordShape, ShapeField } from "./record-shape.ts";

/** The arrays of one field; which of them is used hangs on the kind. */
export class FieldStage {
  readonly field: ShapeField;
  ints = new Int32Array(0);
  doubles = new Float64Array(0);
  bools = new Uint8Array(0);
  bigints = new BigInt64Array(0);
  /** Codes of strings. */
  codes = new Int32Array(0);
  /** Plain strings, one after another, and where each ends (from row 1 on; the first is 0). */
  text = "";
  ends = new Int32Array(1);
  /** Byte arrays, values. */
  values: unknown[] = [];
  presence = new Uint8Array(0);
  readonly dictionary = new FrameDictionary();

  constructor(field: ShapeField) {
    this.field = field;
  }

  /** Makes room for `count` rows. */
  begin(count: number): void {
    const { kind, isOptional } = this.field;
    if (isOptional) {
      if (this.presence.length < count) this.presence = new Uint8Array(count);
      else this.presence.fill(0, 0, count);
    }
    this.values = [];
    switch (kind) {
      case "int32":
        if (this.ints.length < count) this.ints = new Int32Array(count);
        return;
      case "none":
      case "float64":
        if (this.doubles.length < count) this.doubles = new Float64Array(count);
        return;
      case "bool":
        if (this.bools.length < count) this.bools = new Uint8Array(count);
        return;
      case "bigint64":
        if (this.bigints.length < count) this.bigints = new BigInt64Array(count);
        return;
      case "string":
        this.dictionary.begin();
        if (this.dictionary.isPlain) {
          if (this.ends.length <= count) this.ends = new Int32Array(count + 1);
        } else if (this.codes.length < count) this.codes = new Int32Array(count);
        return;
      case "bytes":
      case "value":
        return;
    }
  }

  /** What was taken, as a column that is valid until the next `begin`. */
  column(count: number): Column {
    const presence: Presence = this.field.isOptional ? this.presence : undefined;
    switch (this.field.kind) {
      case "int32":
        return int32Column(this.ints, count, presence);
      case "none":
      case "float64":
        return float64Column(this.doubles, count, presence);
      case "bool":
        return boolColumn(this.bools, count, presence);
      case "bigint64":
        return bigintColumn(this.bigints, count, presence);
      case "string":
        return this.#strings(count, presence);
      case "bytes":
        return joinBytes(this.values as readonly Uint8Array[], count, presence);
      case "value":
        return ValueColumn.ofValues(this.values, count, presence);
    }
  }

  #strings(count: number, presence: Presence): StringColumn {
    const { dictionary } = this;
    if (dictionary.isPlain) return StringColumn.ofText(this, count, presence);
    const { strings } = dictionary;
    if (strings.length === 0) strings.push("");
    return StringColumn.ofCodes(this.codes, strings, count, presence);
  }
}

function joinBytes(values: readonly Uint8Array[], count: number, presence: Presence): Column {
  const offsets = new Int32Array(count + 1);
  let sizeBytes = 0;
  for (let row = 0; row < count; row++) {
    sizeBytes += values[row].length;
    offsets[row + 1] = sizeBytes;
  }
  const bytes = new Uint8Array(sizeBytes);
  for (let row = 0; row < count; row++) bytes.set(values[row], offsets[row]);
  return bytesColumn({ bytes, offsets }, count, presence);
}

/** Takes records apart; returns how many fitted. */
type TakeRecords = (
  records: readonly unknown[],
  count: number,
  stages: readonly FieldStage[],
) => number;

/** See the file header. */
export class RecordStage {
  readonly shape: RecordShape;
  readonly #fields: readonly FieldStage[];
  readonly #take: TakeRecords;

  /**
   * `label` goes into the source text: V8 shares code and type feedback between functions of the
   * same text, and the records of different operators should not meet there.
   */
  constructor(shape: RecordShape, label: string) {
    this.shape = shape;
    this.#fields = shape.fields.map((field) => new FieldStage(field));
    const make = new Function("classes", takeSource(shape, label)) as (
      classes: unknown,
    ) => TakeRecords;
    this.#take = make({ Uint8Array, Object });
  }

  /** True if all records fitted, and are now in the stage. */
  take(records: readonly unknown[], count: number): boolean {
    for (const field of this.#fields) field.begin(count);
    const fitted = this.#take(records, count, this.#fields);
    assert(fitted <= count, "more records fitted than there are");
    if (fitted < count) return false;
    return true;
  }

  /** The columns of what was taken; valid until the next `take`. */
  columns(count: number): BlockColumn[] {
    const role = this.shape.isWhole ? "records" : "field";
    return this.#fields.map((stage) => ({
      name: stage.field.name,
      role,
      column: stage.column(count),
    }));
  }

  /** Ends a frame: fields whose strings do not repeat become plain. */
  end(count: number): void {
    for (const stage of this.#fields) {
      if (stage.field.kind === "string") stage.dictionary.end(count);
    }
  }
}

function takeSource(shape: RecordShape, label: string): string {
  const { fields } = shape;
  const bindings = fields.map((field, index) => bindingSource(field, index));
  const reads = fields.map((field, index) => readSource(shape, field, index));
  const texts = fields.map(({ kind }, index) =>
    kind === "string" ? `s${index}.text = t${index};` : "",
  );
  return `"use strict"; // ${label.replaceAll(/[^\w./-]/g, "?")}
const { Uint8Array, Object } = classes;
const bytesPrototype = Uint8Array.prototype;
const hasOwn = Object.hasOwn;
const names = ${JSON.stringify(fields.map((field) => field.name))};
return (records, count, stages) => {
${bindings.join("\n")}
for (let i = 0; i < count; i++) {
const r = records[i];
${shape.isWhole ? "" : keysSource(shape)}
${reads.join("\n")}
}
${texts.join("\n")}
return count;
};`;
}

/**
 * Checks that the record is a plain object whose keys are the fields, in order; of a partial shape
 * only that it is a plain object.
 */
function keysSource({ fields, isPartial }: RecordShape): string {
  const isPlain = 'if (typeof r !== "object" || r === null || r.constructor !== Object) return i;';
  if (isPartial) return isPlain;
  const check = fields.some((field) => field.isOptional)
    ? `let k = 0;
for (const name in r) {
  while (k < ${fields.length} && names[k] !== name) k++;
  if (k === ${fields.length}) return i;
  k++;
}`
    : `let k = 0;
for (const name in r) if (name !== names[k++]) return i;
if (k !== ${fields.length}) return i;`;
  return `${isPlain}\n${check}`;
}

function bindingSource(field: ShapeField, index: number): string {
  const arrays: Record<FieldKind, string> = {
    none: "doubles",
    int32: "ints",
    float64: "doubles",
    bool: "bools",
    bigint64: "bigints",
    string: "codes",
    bytes: "values",
    value: "values",
  };
  const lines = [
    `const s${index} = stages[${index}], c${index} = s${index}.${arrays[field.kind]};`,
  ];
  if (field.isOptional) lines.push(`const p${index} = s${index}.presence;`);
  if (field.kind === "string") {
    lines.push(
      `const d${index} = s${index}.dictionary, e${index} = s${index}.ends;`,
      `const plain${index} = d${index}.isPlain; let t${index} = "";`,
    );
  }
  return lines.join(" ");
}

function readSource(shape: RecordShape, field: ShapeField, index: number): string {
  const v = `v${index}`;
  const name = JSON.stringify(field.name);
  const read = `const ${v} = ${shape.isWhole ? "r" : `r[${name}]`};`;
  const store = storeSource(field, index);
  if (!field.isOptional) {
    // Undefined may be an absent property, which a value column would not tell apart.
    const refuse =
      field.kind === "value" ? `if (${v} === undefined || ${v} === null) return i;` : "";
    return `${read} ${refuse} ${store}`;
  }
  const absent = shape.isWhole
    ? `${IS_UNDEFINED}`
    : `hasOwn(r, ${name}) ? ${IS_UNDEFINED} : ${IS_ABSENT}`;
  return `${read}
if (${v} === null || ${v} === undefined) {
  p${index}[i] = ${v} === null ? ${IS_NULL} : ${absent};
  ${fillerSource(field.kind, index)}
} else { ${store} }`;
}

function fillerSource(kind: FieldKind, index: number): string {
  switch (kind) {
    case "string":
      return `if (plain${index}) e${index}[i + 1] = t${index}.length; else c${index}[i] = 0;`;
    case "bytes":
      return `c${index}.push(new Uint8Array(0));`;
    case "value":
      return `c${index}.push(undefined);`;
    case "none":
    case "int32":
    case "float64":
    case "bool":
    case "bigint64":
      return "";
  }
}

function storeSource(field: ShapeField, index: number): string {
  const v = `v${index}`;
  const c = `c${index}`;
  switch (field.kind) {
    case "none":
      return "return i;";
    case "int32":
      return `if (typeof ${v} !== "number" || ${v} !== (${v} | 0)) return i;
if (${v} === 0 && 1 / ${v} < 0) return i;
${c}[i] = ${v};`;
    case "float64":
      return `if (typeof ${v} !== "number") return i; ${c}[i] = ${v};`;
    case "bool":
      return `if (typeof ${v} !== "boolean") return i; ${c}[i] = ${v} ? 1 : 0;`;
    case "bigint64":
      return `if (typeof ${v} !== "bigint" || BigInt.asIntN(64, ${v}) !== ${v}) return i;
${c}[i] = ${v};`;
    case "string":
      return `if (typeof ${v} !== "string") return i;
if (plain${index}) { t${index} += ${v}; e${index}[i + 1] = t${index}.length; }
else ${c}[i] = d${index}.codeOf(${v});`;
    case "bytes":
      return `if (!(${v} instanceof Uint8Array)) return i;
if (Object.getPrototypeOf(${v}) !== bytesPrototype) return i;
${c}.push(${v});`;
    case "value":
      return `${c}.push(${v});`;
  }
}
