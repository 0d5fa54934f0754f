// Compiled, never run. Streams can be handed to whoever takes streams of a wider type, as arrays
// can; sinks the other way round.
import type {
  ConnectedWindowedStreams,
  DataStream,
  IntervalJoinedStreams,
  KeyedStream,
  Sink,
  SourceStream,
  WindowedStream,
} from "../index.ts";

interface Reading {
  readonly sensor: string;
  readonly at: number;
}

declare const streams: {
  readonly data: DataStream<Reading>;
  readonly source: SourceStream<Reading>;
  readonly keyed: KeyedStream<Reading, string>;
  readonly windowed: WindowedStream<Reading, string>;
  readonly connected: ConnectedWindowedStreams<Reading, Reading, string>;
  readonly near: IntervalJoinedStreams<Reading, Reading, string>;
  readonly sinkOfAll: Sink<unknown>;
  readonly sinkOfReadings: Sink<Reading>;
  readonly unknown: DataStream<unknown>;
  readonly numbers: SourceStream<number>;
};

export const data: DataStream<unknown> = streams.data;
export const withTime: DataStream<{ readonly at: number }> = streams.source;
export const keyed: KeyedStream<unknown, unknown> = streams.keyed;
export const windowed: WindowedStream<object, unknown> = streams.windowed;
export const connected: ConnectedWindowedStreams<object, unknown, unknown> = streams.connected;
export const near: IntervalJoinedStreams<object, unknown, unknown> = streams.near;
export const sink: Sink<Reading> = streams.sinkOfAll;

// @ts-expect-error a stream of anything is no stream of readings
export const notReadings: DataStream<Reading> = streams.unknown;
// @ts-expect-error a sink of readings does not take anything
export const notAnySink: Sink<unknown> = streams.sinkOfReadings;

// The fields and the function of a strategy are still those of the stream's own type.
streams.data.watermarks({ timestamp: "at" });
streams.source.watermarks({ timestamp: (reading) => reading.at });
streams.numbers.watermarks({ timestamp: (n) => n * 1_000 }).map((n) => n.toFixed());
// @ts-expect-error a sensor's name is no time
streams.data.watermarks({ timestamp: "sensor" });
// @ts-expect-error there is no such field
streams.source.watermarks({ timestamp: "missing" });
