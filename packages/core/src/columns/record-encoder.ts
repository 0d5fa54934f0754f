/*
 * RecordEncoder: batches as blocks, for one channel. It learns the shape of the records that it
 * sees and compiles code for it; frames describe themselves, so a shape may change from frame to
 * frame.
 *
 * I1. Every value listed in `docs/semantics/records.md` survives exactly; anything else is
 *     RECORD_NOT_TRANSFERABLE with the operator and the path of the field. Fields that are not
 *     wanted are not looked at.
 * I2. A frame is encoded whole or not at all.
 */
import { OxbowError, oxbowError } from "../errors.ts";
import type { ByteWriter } from "../types/byte-writer.ts";
import { Batch } from "./batch.ts";
import type { ColumnSet } from "./batch.ts";
import type { BlockColumn } from "./block.ts";
import { FRAME_BLOCK } from "./block.ts";
import { decodeBlock } from "./block-decoder.ts";
import type { BlockOrigin } from "./block-decoder.ts";
import { encodeBlock } from "./block-encoder.ts";
import type { Column } from "./column.ts";
import { float64Column, PRESENT, StringColumn } from "./column.ts";
import { FrameDictionary } from "./frame-dictionary.ts";
import { learnPart, learnShape, MAX_SHAPE_FIELDS, WHOLE_SHAPE } from "./record-shape.ts";
import type { RecordShape } from "./record-shape.ts";
import { RecordStage } from "./record-stage.ts";

/** Changes of shape after which records are encoded whole: their keys are data, not fields. */
export const MAX_SHAPE_CHANGES = 64;

/** See the file header. */
export class RecordEncoder {
  readonly #operator: string;
  /** Undefined: all. Given up at the first record that is no plain object. */
  #fields: readonly string[] | undefined;
  #stage: RecordStage | undefined;
  #shapeChanges = 0;
  /** By field, for batches of columns; and those that the current frame uses. */
  readonly #dictionaries = new Map<string, FrameDictionary>();
  #used: FrameDictionary[] = [];

  /**
   * `operator`: uid of the operator whose output is encoded, for errors. `fields`: those of plain
   * objects that are wanted at the other end; undefined: all.
   */
  constructor(operator: string, fields?: readonly string[]) {
    this.#operator = operator;
    // An inherited value would be taken for that of a record without the property.
    const isReadable = fields?.every((name) => !(name in Object.prototype)) === true;
    this.#fields = isReadable && fields.length <= MAX_SHAPE_FIELDS ? fields : undefined;
  }

  /** Appends the batch as a block; returns where it starts in the writer. */
  encode(batch: Batch, writer: ByteWriter): number {
    const start = writer.position;
    try {
      const columns =
        batch.columns === undefined
          ? this.#take(batch)
          : this.#columnsOf(batch.columns, batch.count);
      if (batch.timestamps !== undefined) {
        const column = float64Column(batch.timestamps, batch.count);
        columns.push({ name: "", role: "timestamps", column });
      }
      const at = encodeBlock(writer, { columns, rowCount: batch.count }, FRAME_BLOCK);
      this.#end(batch);
      return at;
    } catch (error) {
      writer.position = start;
      throw this.#named(error);
    }
  }

  #end(batch: Batch): void {
    if (batch.count === 0) return;
    if (batch.columns === undefined) this.#stage?.end(batch.count);
    else for (const dictionary of this.#used) dictionary.end(batch.count);
  }

  #columnsOf(set: ColumnSet, count: number): BlockColumn[] {
    const { names, columns } = set;
    this.#used = [];
    const encoded: BlockColumn[] = [];
    for (const [index, column] of columns.entries()) {
      const name = names === undefined ? "" : names[index];
      const role = names === undefined ? "records" : "field";
      if (role === "field" && this.#fields?.includes(name) === false) continue;
      const isPlainText = column.kind === "string" && column.codes === undefined && count > 0;
      encoded.push({
        name,
        role,
        column: isPlainText ? this.#withCodes(name, column, count) : column,
      });
    }
    return encoded;
  }

  /** Strings that repeat get a dictionary, as those of records do. */
  #withCodes(name: string, column: StringColumn, count: number): StringColumn {
    let dictionary = this.#dictionaries.get(name);
    if (dictionary === undefined) {
      if (this.#dictionaries.size >= MAX_SHAPE_FIELDS) this.#dictionaries.clear();
      this.#dictionaries.set(name, (dictionary = new FrameDictionary()));
    }
    dictionary.begin();
    if (dictionary.isPlain) return column;
    this.#used.push(dictionary);
    const { values, presence } = column;
    const codes = new Int32Array(count);
    for (let row = 0; row < count; row++) {
      if (presence === undefined || presence[row] === PRESENT) {
        codes[row] = dictionary.codeOf(values[row]);
      }
    }
    const { strings } = dictionary;
    if (strings.length === 0) strings.push("");
    return StringColumn.ofCodes(codes, strings, count, presence);
  }

  #take(batch: Batch): BlockColumn[] {
    const records = batch.records();
    const { count } = batch;
    // Nothing can be learned from no records.
    if (count === 0) return [];
    if (this.#stage?.take(records, count) !== true) this.#widen(records, count);
    return this.#stage?.columns(count) ?? [];
  }

  #widen(records: readonly unknown[], count: number): void {
    this.#shapeChanges++;
    const shape = this.#shapeFor(records, count);
    this.#stage = new RecordStage(shape, this.#operator);
    if (!this.#stage.take(records, count)) {
      throw oxbowError("INTERNAL_INVARIANT", "records do not fit the shape learned from them");
    }
  }

  #shapeFor(records: readonly unknown[], count: number): RecordShape {
    const known = this.#stage?.shape;
    if (this.#fields !== undefined) {
      const part = learnPart(this.#fields, known, records, count);
      if (part !== undefined) return part;
      this.#fields = undefined;
      return learnShape(undefined, records, count);
    }
    if (this.#shapeChanges > MAX_SHAPE_CHANGES) return WHOLE_SHAPE;
    return learnShape(known, records, count);
  }

  #named(error: unknown): unknown {
    if (!(error instanceof OxbowError) || error.code !== "RECORD_NOT_TRANSFERABLE") return error;
    const { path, reason } = error.details as { path: string; reason: string };
    const what = path === "" ? "the record itself" : `field ${path}`;
    return oxbowError(
      "RECORD_NOT_TRANSFERABLE",
      `Operator "${this.#operator}" emitted a record that cannot travel: ${what} holds something ` +
        `that is not plain data (${reason}). Emit plain objects, arrays, Maps, Sets, Dates and ` +
        "primitives; turn anything else into those first.",
      { operator: this.#operator, path, reason },
    );
  }
}

/** The batch that was encoded, as columns. */
export function decodeBatch(bytes: Uint8Array, origin: BlockOrigin): Batch {
  const { columns, rowCount } = decodeBlock(bytes, origin);
  const names: string[] = [];
  const fields: Column[] = [];
  let timestamps: Float64Array | undefined;
  let isWhole = false;
  for (const { name, role, column } of columns) {
    switch (role) {
      case "timestamps":
        if (column.kind === "float64") timestamps = column.values;
        break;
      case "records":
        isWhole = true;
        fields.push(column);
        break;
      case "field":
        names.push(name);
        fields.push(column);
        break;
    }
  }
  const set = { names: isWhole ? undefined : sameNames(names), columns: fields };
  return Batch.ofColumns(set, rowCount, timestamps);
}

const NAMES = new Map<string, readonly string[]>();
const MAX_NAMES = 1024;

/** The same array for the same names: generated code is looked up by it. */
function sameNames(names: readonly string[]): readonly string[] {
  const key = JSON.stringify(names);
  const known = NAMES.get(key);
  if (known !== undefined) return known;
  if (NAMES.size >= MAX_NAMES) NAMES.clear();
  NAMES.set(key, names);
  return names;
}
