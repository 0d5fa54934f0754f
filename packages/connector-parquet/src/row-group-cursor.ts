/*
 * RowGroupCursor: reads one row group by column, and gives it out in batches that are views of it.
 *
 * I1. One row group is in memory. Columns are decoded one after the other, so that the thread is
 *     free between them.
 */
import { type DecodedArray, parquetRead } from "hyparquet";
import {
  assert,
  Batch,
  type Column,
  type ReaderContext,
  type ReaderOutput,
  type Split,
  type SplitCursor,
} from "oxbow/internal";
import { COMPRESSORS, guarded, openParquet, type OpenParquet, PARSERS } from "./async-file.ts";
import { buildColumn, sliceColumn } from "./column-builder.ts";
import { type ColumnRequest, type PlannedColumn, planColumns } from "./column-plan.ts";

/** A row group; `position` is the next row within it. */
export interface ParquetSplit extends Split {
  readonly path: string;
  /** Size of the file when it was found. */
  readonly fileBytes: number;
  /** First row of the group in the file. */
  readonly rowStart: number;
  readonly rowsCount: number;
  readonly position: number;
}

/** See the file header. */
export class RowGroupCursor implements SplitCursor<ParquetSplit> {
  readonly #context: ReaderContext;
  readonly #split: ParquetSplit;
  readonly #request: ColumnRequest;
  readonly #reading: Promise<void>;
  #columns: { readonly names: readonly string[]; readonly columns: readonly Column[] } | undefined;
  #position: number;
  #isClosed = false;

  constructor(context: ReaderContext, split: ParquetSplit, request: ColumnRequest) {
    this.#context = context;
    this.#split = split;
    this.#request = request;
    this.#position = split.position;
    this.#reading = this.#read().then(
      () => context.wake(),
      (error: unknown) => {
        if (!this.#isClosed) context.fail(error);
      },
    );
  }

  poll(output: ReaderOutput, countMax: number): "more" | "idle" | "finished" {
    const group = this.#columns;
    if (group === undefined) return "idle";
    const { id, rowsCount } = this.#split;
    const from = this.#position;
    const to = Math.min(from + countMax, rowsCount);
    if (from < to) {
      const columns = group.columns.map((column) => sliceColumn(column, from, to));
      output.emit(id, Batch.ofColumns({ names: group.names, columns }, to - from));
      this.#position = to;
    }
    return to === rowsCount ? "finished" : "more";
  }

  position(): ParquetSplit {
    return { ...this.#split, position: this.#position };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#columns = undefined;
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { path, fileBytes, rowsCount } = this.#split;
    const { env } = this.#context;
    const found = { path, sizeBytes: fileBytes, modifiedAt: 0 };
    const file = await openParquet(env.files, found);
    try {
      const planned = planColumns(path, file.metadata, this.#request);
      const columns: Column[] = [];
      for (const column of planned) {
        if (this.#isClosed) return;
        columns.push(await this.#readColumn(file, column));
      }
      assert(
        columns.every((column) => column.count === rowsCount),
        "a row group is incomplete",
      );
      this.#columns = { names: planned.map((column) => column.name), columns };
    } finally {
      await file.close();
    }
  }

  async #readColumn(file: OpenParquet, column: PlannedColumn): Promise<Column> {
    const { path, rowStart, rowsCount } = this.#split;
    const chunks: { readonly rowStart: number; readonly data: DecodedArray }[] = [];
    const reading = parquetRead({
      file: file.buffer,
      metadata: file.metadata,
      columns: [column.name],
      rowStart,
      rowEnd: rowStart + rowsCount,
      compressors: COMPRESSORS,
      parsers: PARSERS,
      // Byte arrays are text only where the schema says so.
      utf8: false,
      onChunk: (chunk) => chunks.push({ rowStart: chunk.rowStart, data: chunk.columnData }),
    });
    await guarded(path, reading);
    chunks.sort((a, b) => a.rowStart - b.rowStart);
    const data = chunks.map((chunk) => chunk.data);
    return buildColumn(column, data, { path, rowStart, rowsCount });
  }
}
