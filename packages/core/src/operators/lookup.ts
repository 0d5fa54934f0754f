/**
 * lookup: enriches records with the rows of a table that does not change while the job runs. The
 * table is read completely before the first record: rows that the program has, or a function that
 * each subtask calls when it opens. It is no state: after a restart it is what it is then.
 *
 * Semantics: docs/semantics/operators.md, "Look-up".
 */
import { oxbowError } from "../errors.ts";
import { show } from "../types/codec.ts";
import { didYouMean, listNames } from "../types/nearest-name.ts";
import { unknownOption } from "../types/known-options.ts";
import type { Type } from "../types/type.ts";
import type { OperatorContext } from "./operator.ts";
import { RecordSteps } from "./record-steps.ts";
import { compileLoop } from "./user-function.ts";

/** What rows are found by. */
export type LookupKey = string | number | bigint | boolean;

/** Names of the fields of `T` that can be a key; a record without a value finds no row. */
export type LookupField<T> = {
  [F in keyof T & string]: T[F] extends LookupKey | null | undefined ? F : never;
}[keyof T & string];

/** Declared as a method so that a stream of a type is also one of any wider type. */
export type LookupFunction<T> = { key(record: T): LookupKey | null | undefined }["key"];

/** A table and how records find their rows in it. */
export interface LookupOptions<T, Row, R = unknown> {
  /** All rows, or a function that gives them; it is called by each subtask when it opens. */
  readonly table: readonly Row[] | (() => Iterable<Row>);
  /** What a row is found by, a field or a function; each row has another. */
  readonly key: LookupField<Row> | LookupFunction<Row>;
  /** What a record looks for, a field or a function. */
  readonly on: LookupField<T> | LookupFunction<T>;
  /** Type of what is emitted, where later operators need it. */
  readonly type?: Type<R>;
}

/** Called for every record with its row; undefined where there is none. */
export type LookupProcess<T, Row, R> = {
  process(record: T, row: Row | undefined, emit: (result: R) => void): void;
}["process"];

/** Types forgotten. */
export interface AnyLookupOptions {
  readonly table: readonly unknown[] | (() => Iterable<unknown>);
  readonly key: AnyLookupBy;
  readonly on: AnyLookupBy;
}

type AnyLookupBy = string | ((of: never) => unknown);
export type AnyLookupProcess = LookupProcess<unknown, unknown, unknown>;
type Reader = (of: unknown) => unknown;
/** When the graph is built; when a subtask opens. */
type Code = "GRAPH_INVALID" | "INVALID_ARGUMENT";
type LookupStep = (record: unknown, emit: (result: unknown) => void) => void;
type Rows = ReadonlyMap<LookupKey | symbol, unknown>;

const OPTIONS = ["table", "key", "on", "type"];
/** Keys are equal as those of keyed streams are: 0 and -0 differ, which a `Map` does not see. */
const NEGATIVE_ZERO = Symbol("-0");

/** Checks the options, and rows that are there already; GRAPH_INVALID. */
export function checkLookup(uid: string, options: AnyLookupOptions): void {
  const unknown = unknownOption(options, OPTIONS);
  if (unknown !== undefined) throw invalid(uid, unknown);
  const { table } = options;
  for (const name of ["key", "on"] as const) {
    const given: unknown = options[name];
    if (typeof given === "string" || typeof given === "function") continue;
    throw invalid(uid, `has ${name}: ${show(given)}; name a field or give a function.`);
  }
  if (typeof table === "function") return;
  if (!Array.isArray(table)) {
    throw invalid(
      uid,
      `has ${show(table)} as its table, which is neither an array of rows nor a function that ` +
        "gives them. Rows of a stream are broadcast state: connect(rows.broadcast({ … })).",
    );
  }
  rowsOf({ uid, options, table, code: "GRAPH_INVALID" });
}

/** The operator of one subtask. */
export function createLookup(
  context: OperatorContext,
  options: AnyLookupOptions,
  process: AnyLookupProcess,
): RecordSteps {
  const { uid } = context;
  const table = { rows: new Map() as Rows };
  const on = readerOf(options.on);
  // Compiled for this operator, so that its functions are inlined; `fn` sees no other's.
  const fn = compileLoop(
    uid,
    { on, table, placeOf, process },
    "(record, emit) => process(record, table.rows.get(placeOf(on(record))), emit)",
  ) as LookupStep;
  return new RecordSteps(context, {
    kind: "lookup",
    fn,
    open() {
      const { table: given } = options;
      const rows: unknown = typeof given === "function" ? given() : given;
      table.rows = rowsOf({ uid, options, table: rows, code: "INVALID_ARGUMENT" });
    },
  });
}

function readerOf(by: AnyLookupOptions["key"]): Reader {
  if (typeof by === "string") {
    return compileLoop(by, {}, `(of) => of[${JSON.stringify(by)}]`) as Reader;
  }
  return by as Reader;
}

function placeOf(key: LookupKey): LookupKey | symbol {
  return Object.is(key, -0) ? NEGATIVE_ZERO : key;
}

/** Rows by key. */
function rowsOf(from: {
  readonly uid: string;
  readonly options: AnyLookupOptions;
  readonly table: unknown;
  readonly code: Code;
}): Rows {
  const { uid, options, table, code } = from;
  if (typeof (table as Iterable<unknown> | undefined)?.[Symbol.iterator] !== "function") {
    throw invalid(
      uid,
      `gets ${show(table)} from its table function, which is no list of rows. It is not waited ` +
        "for: what must be fetched is fetched before the job begins, or is a stream.",
      code,
    );
  }
  const keyOf = readerOf(options.key);
  const rows = new Map<LookupKey | symbol, unknown>();
  for (const row of table as Iterable<unknown>) {
    const key = keyOf(row);
    if (!isKey(key)) throw invalid(uid, keyProblem(options, row, key), code);
    const place = placeOf(key);
    if (rows.has(place)) {
      throw invalid(
        uid,
        `has two rows with the key ${show(key)} in its table. A record finds one row: make keys ` +
          "unique, or put rows of a key together into one.",
        code,
      );
    }
    rows.set(place, row);
  }
  return rows;
}

function isKey(key: unknown): key is LookupKey {
  return ["string", "number", "bigint", "boolean"].includes(typeof key);
}

function keyProblem({ key: by }: AnyLookupOptions, row: unknown, key: unknown): string {
  const names = typeof row === "object" && row !== null ? Object.keys(row) : [];
  const isMissing = typeof by === "string" && !names.includes(by);
  const field = isMissing ? ` The row has ${listNames(names)}.${didYouMean(by, names)}` : "";
  return (
    `has a row in its table whose key is ${show(key)}; keys are strings, numbers, bigints or ` +
    `booleans.${field}`
  );
}

function invalid(uid: string, problem: string, code: Code = "GRAPH_INVALID"): Error {
  return oxbowError(code, `lookup("${uid}") ${problem}`, { uid });
}
