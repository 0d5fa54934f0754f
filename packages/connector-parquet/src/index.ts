/** Parquet files as an Oxbow source. */
export { parquet } from "./parquet.ts";
export type { ParquetOptions, ParquetSplit } from "./parquet.ts";
