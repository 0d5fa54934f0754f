/** For the sibling packages of Oxbow only; no stability promise. */
export { assert } from "./assert.ts";
export { ERRORS, fromWire, oxbowError, toWire } from "./errors.ts";
export type { WireError } from "./errors.ts";
export { discard, forEach, print } from "./connectors/for-each.ts";

// What connector packages are made of.
export { BATCH_COUNT, Batch } from "./columns/batch.ts";
export type { ColumnSet } from "./columns/batch.ts";
export type { Column, Presence } from "./columns/column.ts";
export {
  bigintColumn,
  boolColumn,
  float64Column,
  int32Column,
  IS_UNDEFINED,
  StringColumn,
  ValueColumn,
} from "./columns/column.ts";
export { CursorReader } from "./connectors/cursor-reader.ts";
export type { SplitCursor } from "./connectors/cursor-reader.ts";
export { discoverFiles } from "./connectors/files/file-discovery.ts";
export type { FoundFile } from "./connectors/files/file-split.ts";
export type {
  EnumeratorContext,
  ReaderContext,
  ReaderOutput,
  Source,
  Split,
  SplitEnumerator,
} from "./connectors/source.ts";
export type { Env } from "./env/env.ts";
export type { Files, ReadableFile } from "./env/files.ts";
export type { OptionalType, StructType, Type, TypeKind } from "./types/type.ts";

// What the command line is made of.
export type { JobParameters } from "./api/environment.ts";
export { jobParameters, unreadProperties } from "./driver/job-parameters.ts";
export { buildJob, loadJob } from "./driver/build-job.ts";
export type { BuiltJob } from "./driver/build-job.ts";
export { explain, explainText } from "./graph/explain.ts";
export { connectToRun } from "./driver/control-client.ts";
export type { OnProgress, RunConnection } from "./driver/control-client.ts";
export type { RequestProgress } from "./driver/control-protocol.ts";
export type {
  RunControl,
  RunStatusReport,
  SnapshotProgress,
  SnapshotReport,
} from "./driver/run-control.ts";
export { describeRun, listRuns } from "./driver/run-listing.ts";
export type { CheckpointOnDisk, ListRunsOptions, RunListing } from "./driver/run-listing.ts";
export { LEGACY_REFUSAL, restoreByConfig, restoreConfig } from "./driver/restore-config.ts";
export type { RestoreConfig } from "./driver/restore-config.ts";
