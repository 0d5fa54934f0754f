/** The public door of Oxbow: the API of a job, its connectors, and running it. */
export { OxbowError, errorCode } from "./errors.ts";
export type { ErrorCode, ErrorDetails, ErrorKind } from "./errors.ts";

export { isJob, job } from "./api/job.ts";
export type { Job } from "./api/job.ts";
export type { StreamEnvironment } from "./api/environment.ts";
export type { DataStream, SourceStream } from "./api/data-stream.ts";
export type { KeyedAggregate, KeyedStream, KeyField, ReduceFunction } from "./api/keyed-stream.ts";
export type { WindowResult, WindowedStream } from "./api/windowed-stream.ts";
export type { ConnectedKeyedStreams, ConnectedStreams } from "./api/connected-streams.ts";
export type { ConnectedWindowedStreams } from "./api/connected-windowed-streams.ts";
export type { IntervalJoinedStreams, IntervalJoinOptions } from "./api/interval-joined-streams.ts";
export type {
  BroadcastConnectedKeyedStream,
  BroadcastConnectedStream,
  BroadcastStream,
} from "./api/broadcast-stream.ts";
export { emits } from "./api/stream-base.ts";
export type { OperatorOptions } from "./api/stream-base.ts";

export { t } from "./types/t.ts";
export type { Infer, Type } from "./types/type.ts";

export {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
} from "./state/descriptors.ts";
export type {
  AggregatingState,
  ListState,
  MapState,
  ReducingState,
  StateDescriptors,
  StateOptions,
  Ttl,
  ValueState,
} from "./state/descriptors.ts";
export { broadcastState } from "./state/broadcast-state.ts";
export type {
  BroadcastState,
  BroadcastStateDescriptors,
  ReadOnlyBroadcastState,
} from "./state/broadcast-state.ts";
export { operatorListState, unionListState } from "./state/operator-state.ts";
export type { OperatorListState } from "./state/operator-state.ts";

export type { IntervalJoinFunction, IntervalJoinInfo } from "./operators/interval-join-logic.ts";
export type {
  BroadcastContext,
  BroadcastProcessFunction,
  KeyedBroadcastContext,
  KeyedBroadcastProcessFunction,
  KeyedReadOnlyBroadcastContext,
  ReadOnlyBroadcastContext,
} from "./operators/broadcast-function.ts";
export type { DeduplicateOptions } from "./operators/deduplicate.ts";
export type { LookupOptions } from "./operators/lookup.ts";
export type { RankChange, TopNOptions } from "./operators/top-n.ts";
export { sideOutput } from "./operators/process-function.ts";
export type {
  CoProcessFunction,
  FiredTimer,
  KeyedCoProcessFunction,
  KeyedProcessContext,
  KeyedProcessFunction,
  OperatorStateContext,
  ProcessContext,
  ProcessFunction,
  SideOutputTag,
  Timers,
} from "./operators/process-function.ts";

export { global, session, sliding, tumbling } from "./window/assigner.ts";
export type { TimeWindow, WindowAssigner } from "./window/assigner.ts";
export { CONTINUE, customTrigger, FIRE, FIRE_AND_PURGE, PURGE } from "./window/trigger.ts";
export type { Trigger, TriggerContext, TriggerResult } from "./window/trigger.ts";
export { trigger } from "./window/triggers.ts";
export type { WindowFunction, WindowInfo } from "./window/window-plan.ts";
export type { CoGroupFunction, JoinFunction } from "./window/join-plan.ts";
export { avg, count, max, min, sum, sumBigint } from "./window/aggregates.ts";
export {
  aggregateFunction,
  collect as collectAll,
  countDistinct,
  maxBy,
  minBy,
  topN,
} from "./window/record-aggregates.ts";
export type { Aggregate, AggregateResult, AggregateSpec } from "./window/aggregate.ts";

export type { Duration } from "./time/duration.ts";
export type { WatermarkGenerator, WatermarkSettings } from "./time/watermark-strategy.ts";

export { collection } from "./connectors/collection.ts";
export type { CollectionOptions } from "./connectors/collection.ts";
export { generator } from "./connectors/generator.ts";
export type { GeneratorOptions } from "./connectors/generator.ts";
export { collect } from "./connectors/collect.ts";
export type { CollectSink } from "./connectors/collect.ts";
export { files } from "./connectors/files/files.ts";
export type { FilesOptions } from "./connectors/files/files.ts";
export { csv } from "./connectors/formats/csv.ts";
export type { CsvOptions } from "./connectors/formats/csv.ts";
export type { Format } from "./connectors/formats/format.ts";
export { json } from "./connectors/formats/json.ts";
export { fileSink } from "./connectors/file-sink/file-sink.ts";
export type { FileSinkOptions } from "./connectors/file-sink/file-sink.ts";
export { discard, forEach, print } from "./connectors/for-each.ts";
export { paced } from "./connectors/paced.ts";
export type { PrintOptions } from "./connectors/for-each.ts";
export type { MalformedRecord } from "./connectors/source.ts";
export type { Source, SourceReader, Split, SplitEnumerator } from "./connectors/source.ts";
export type { Committer, Sink, SinkWriter } from "./connectors/sink.ts";

export type { CheckpointOptions } from "./graph/checkpoint-options.ts";
export type { RestartOptions } from "./graph/restart-options.ts";

export { runJob, startJob } from "./driver/run-job.ts";
export type { JobHandle, JobStart, RunOptions } from "./driver/run-job.ts";
export type { JobEvent } from "./runtime/job-event.ts";
export type { JobEnd } from "./runtime/job-master.ts";
