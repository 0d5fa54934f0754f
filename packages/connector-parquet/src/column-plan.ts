/*
 * ColumnPlan: which columns of a file are read, and as what. Kinds of columns do not depend on the
 * values, so that all batches of a source look alike.
 *
 * Mapping, also in docs/connectors.md: booleans; integers of up to 32 bits as int32 (unsigned 32
 * bits as numbers); 64-bit integers as numbers in the safe range, or bigints where a type declares
 * so; floats and decimals as numbers; dates and timestamps as ms; strings by dictionary; everything
 * else, nested columns too, as values.
 */
import { type FileMetaData, parquetSchema, type SchemaElement, type SchemaTree } from "hyparquet";
import { oxbowError, type OptionalType, type StructType, type Type } from "oxbow/internal";

/** What becomes of a column. */
export type ColumnTarget =
  | "bool"
  | "int32"
  | "float64"
  | "integer"
  | "bigint64"
  | "string"
  | "value";

/** One column to read. */
export interface PlannedColumn {
  readonly name: string;
  readonly target: ColumnTarget;
  /** Whether rows without a value are allowed. */
  readonly isOptional: boolean;
}

/** What a source asks for. */
export interface ColumnRequest {
  readonly columns: readonly string[] | undefined;
  readonly type: StructType<unknown> | undefined;
}

/**
 * Decides by the file's schema and the request. CONNECTOR_INVALID: a column is not there or does
 * not fit.
 */
export function planColumns(
  path: string,
  metadata: FileMetaData,
  request: ColumnRequest,
): readonly PlannedColumn[] {
  const inFile = new Map(parquetSchema(metadata).children.map((tree) => [tree.element.name, tree]));
  const fields = request.type?.fields;
  const names =
    request.columns ?? (fields === undefined ? [...inFile.keys()] : Object.keys(fields));
  const planned: PlannedColumn[] = [];
  for (const name of names) {
    const tree = inFile.get(name);
    const declared = fields?.[name];
    if (tree !== undefined) planned.push(planColumn(path, tree, declared));
    else if (declared?.kind !== "optional") {
      throw invalid(path, `there is no column ${name}; there are ${[...inFile.keys()].join(", ")}`);
    }
  }
  return planned;
}

function planColumn(
  path: string,
  tree: SchemaTree,
  declared: Type<unknown> | undefined,
): PlannedColumn {
  const { name } = tree.element;
  const natural = tree.children.length > 0 ? "value" : naturalTarget(tree.element);
  if (declared === undefined) return { name, target: natural, isOptional: true };
  const isOptional = declared.kind === "optional";
  const type = isOptional ? (declared as OptionalType<unknown>).inner : declared;
  const target = declaredTarget(type, natural);
  if (target === undefined) {
    throw invalid(path, `column ${name} is ${described(tree.element)}, which is no ${type.kind}`);
  }
  return { name, target, isOptional };
}

function naturalTarget(element: SchemaElement): ColumnTarget {
  const { type, converted_type: converted, logical_type: logical } = element;
  if (element.repetition_type === "REPEATED") return "value";
  if (converted === "DECIMAL" || logical?.type === "FLOAT16") return "float64";
  if (isTime(element)) return "integer";
  switch (type) {
    case "BOOLEAN":
      return "bool";
    case "INT32": {
      const isUnsigned =
        converted === "UINT_32" ||
        (logical?.type === "INTEGER" && logical.bitWidth === 32 && !logical.isSigned);
      return isUnsigned ? "integer" : "int32";
    }
    case "INT64":
      return "integer";
    case "FLOAT":
    case "DOUBLE":
      return "float64";
    default:
      return isText(element) ? "string" : "value";
  }
}

function isTime({
  type,
  converted_type: converted,
  logical_type: logical,
}: SchemaElement): boolean {
  return (
    type === "INT96" ||
    converted === "DATE" ||
    converted === "TIMESTAMP_MILLIS" ||
    converted === "TIMESTAMP_MICROS" ||
    logical?.type === "TIMESTAMP" ||
    logical?.type === "DATE"
  );
}

function isText({ converted_type: converted, logical_type: logical }: SchemaElement): boolean {
  return (
    converted === "UTF8" ||
    converted === "ENUM" ||
    logical?.type === "STRING" ||
    logical?.type === "ENUM" ||
    logical?.type === "UUID"
  );
}

/** Undefined: values of this column cannot be of the declared type. */
function declaredTarget(type: Type<unknown>, natural: ColumnTarget): ColumnTarget | undefined {
  const isInteger = natural === "integer" || natural === "int32";
  switch (type.kind) {
    case "bool":
      return natural === "bool" ? "bool" : undefined;
    case "int32":
      return isInteger ? "int32" : undefined;
    case "int64":
    case "timestamp":
      return isInteger ? "integer" : undefined;
    case "bigint64":
      return isInteger ? "bigint64" : undefined;
    case "float64":
      return isInteger || natural === "float64" ? "float64" : undefined;
    case "string":
    case "enum":
      return natural === "string" ? "string" : undefined;
    case "bytes":
    case "list":
    case "map":
    case "struct":
    case "union":
      return natural === "value" ? "value" : undefined;
    case "any":
      return natural;
    case "optional":
      return undefined;
  }
}

function described(element: SchemaElement): string {
  const logical = element.logical_type?.type ?? element.converted_type;
  const physical = element.type ?? "a group";
  return logical === undefined ? physical : `${physical} (${logical})`;
}

function invalid(path: string, reason: string): Error {
  return oxbowError("CONNECTOR_INVALID", `Source parquet, ${path}: ${reason}.`, { path });
}
