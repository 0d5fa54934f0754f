/*
 * RecordShape: what a stream of records looks like, learned from the records. A shape is either a
 * list of fields in the order of the records' properties, or "whole": the records are no plain
 * objects with stable fields, and each is one value.
 *
 * I1. Shapes only widen: int32 → float64 → value, no value yet → anything, present → sometimes
 *     missing, fields → whole. So an encoder changes its shape a bounded number of times.
 * I2. A record fits field shapes only if its keys are a subsequence of the fields: the order of
 *     properties survives. A partial shape has the fields that are wanted, in the order in which
 *     they were asked for; what else a record has does not matter.
 */

/** Kind of a field; `none`: no value seen yet. */
export type FieldKind =
  | "none"
  | "int32"
  | "float64"
  | "bool"
  | "bigint64"
  | "string"
  | "bytes"
  | "value";

/** A field of a shape. */
export interface ShapeField {
  readonly name: string;
  readonly kind: FieldKind;
  /** Some records have `null`, `undefined` or no such property. */
  readonly isOptional: boolean;
}

/** See the file header. */
export interface RecordShape {
  /** One field without a meaningful name, which is the record itself. */
  readonly isWhole: boolean;
  /** The records may have other properties, which are left out. */
  readonly isPartial: boolean;
  readonly fields: readonly ShapeField[];
}

/** Most fields of a shape; records with more, or with ever new keys, are encoded whole. */
export const MAX_SHAPE_FIELDS = 256;

/** The narrowest shape that fits `known` and the records. */
export function learnShape(
  known: RecordShape | undefined,
  records: readonly unknown[],
  count: number,
): RecordShape {
  if (known?.isWhole !== true) {
    const fields = learnFields(known?.fields, records, count);
    if (fields !== undefined) return { isWhole: false, isPartial: false, fields };
  }
  const before = known?.isWhole === true ? known.fields[0] : undefined;
  let kind: FieldKind = before?.kind ?? "none";
  let isOptional = before?.isOptional ?? false;
  for (let index = 0; index < count; index++) {
    const record = records[index];
    if (record === null || record === undefined) isOptional = true;
    else kind = joinKinds(kind, kindOf(record));
  }
  return { isWhole: true, isPartial: false, fields: [{ name: "", kind, isOptional }] };
}

/**
 * The narrowest shape of the fields `names`, in their order, that fits `known` and the records;
 * undefined where some record is no plain object.
 */
export function learnPart(
  names: readonly string[],
  known: RecordShape | undefined,
  records: readonly unknown[],
  count: number,
): RecordShape | undefined {
  const fields: DraftField[] = names.map((name, index) => ({
    ...(known?.fields[index] ?? { name, kind: "none", isOptional: false }),
  }));
  for (let index = 0; index < count; index++) {
    const record = records[index];
    // As the generated loops see it: one with a property "constructor" is none for them.
    if (!isPlainObject(record) || record.constructor !== Object) return undefined;
    for (const field of fields) mergeValue(field, record[field.name]);
  }
  return { isWhole: false, isPartial: true, fields };
}

/** A shape in which every record is one value of any kind. */
export const WHOLE_SHAPE: RecordShape = Object.freeze({
  isWhole: true,
  isPartial: false,
  fields: Object.freeze([Object.freeze({ name: "", kind: "value", isOptional: true } as const)]),
});

interface DraftField {
  readonly name: string;
  kind: FieldKind;
  isOptional: boolean;
}

function learnFields(
  known: readonly ShapeField[] | undefined,
  records: readonly unknown[],
  count: number,
): readonly ShapeField[] | undefined {
  const draft: DraftField[] = (known ?? []).map((field) => ({ ...field }));
  let isFirst = known === undefined;
  for (let index = 0; index < count; index++) {
    const record = records[index];
    if (!isPlainObject(record) || !mergeRecord(draft, record, isFirst)) return undefined;
    isFirst = false;
  }
  return isFirst ? undefined : draft;
}

/** False where the record's keys contradict the order, or cannot be fields. */
function mergeRecord(
  draft: DraftField[],
  record: Readonly<Record<string, unknown>>,
  isFirst: boolean,
): boolean {
  let position = 0;
  for (const name of Object.keys(record)) {
    let at = draft.findIndex((field) => field.name === name);
    if (at >= 0 && at < position) return false;
    if (at < 0) {
      // Inherited names would be read from the prototype where a record has no such property.
      if (name in Object.prototype || draft.length >= MAX_SHAPE_FIELDS) return false;
      at = position;
      draft.splice(at, 0, { name, kind: "none", isOptional: !isFirst });
    }
    for (let skipped = position; skipped < at; skipped++) draft[skipped].isOptional = true;
    mergeValue(draft[at], record[name]);
    position = at + 1;
  }
  for (let skipped = position; skipped < draft.length; skipped++) draft[skipped].isOptional = true;
  return true;
}

function mergeValue(field: DraftField, value: unknown): void {
  if (value === null || value === undefined) field.isOptional = true;
  else field.kind = joinKinds(field.kind, kindOf(value));
}

function kindOf(value: unknown): FieldKind {
  switch (typeof value) {
    case "number":
      return value === (value | 0) && !Object.is(value, -0) ? "int32" : "float64";
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "bigint":
      return BigInt.asIntN(64, value) === value ? "bigint64" : "value";
    case "object":
      // Subclasses (Buffer) come back as what they are only as values.
      return value !== null && Object.getPrototypeOf(value) === Uint8Array.prototype
        ? "bytes"
        : "value";
    case "undefined":
    case "function":
    case "symbol":
      return "value";
  }
}

function joinKinds(a: FieldKind, b: FieldKind): FieldKind {
  if (a === b || b === "none") return a;
  if (a === "none") return b;
  const isNumber = (a === "int32" || a === "float64") && (b === "int32" || b === "float64");
  return isNumber ? "float64" : "value";
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}
