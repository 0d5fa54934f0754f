/*
 * Type tests of the API: compiled, never run. A wrong inference, or a wrong program that the
 * compiler accepts, is a compile error here.
 */
import {
  aggregatingState,
  avg,
  broadcastState,
  collect,
  collectAll,
  collection,
  count,
  countDistinct,
  emits,
  forEach,
  job,
  listState,
  mapState,
  max,
  maxBy,
  operatorListState,
  reducingState,
  session,
  sideOutput,
  sum,
  t,
  topN,
  trigger,
  tumbling,
  valueState,
} from "../index.ts";
import type { DataStream, KeyedStream, StreamEnvironment, TimeWindow } from "../index.ts";

type Equal<A, B> =
  (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
function expect<_T extends true>(): void {}
type RecordOf<S> = S extends DataStream<infer T> ? T : never;
/** Flattens intersections, so that equal shapes are equal types. */
type Plain<T> = { [K in keyof T]: T[K] };

interface Flight {
  readonly origin: string;
  readonly delay: number;
  readonly at: number;
  readonly gate: string | undefined;
  readonly crew: readonly string[];
}

declare const env: StreamEnvironment;
declare const flights: DataStream<Flight>;

// Sources give the type of their records.
const numbers = env.source("numbers", collection([1, 2, 3]));
expect<Equal<RecordOf<typeof numbers>, number>>();

// map, filter and flatMap infer what they give.
const delays = flights.map((flight) => flight.delay);
expect<Equal<RecordOf<typeof delays>, number>>();
const crews = flights.flatMap((flight) => flight.crew);
expect<Equal<RecordOf<typeof crews>, string>>();
const kept = flights.filter((flight) => flight.delay > 0);
expect<Equal<RecordOf<typeof kept>, Flight>>();
const gated = flights
  .map((flight) => flight.gate)
  .filter((gate): gate is string => gate !== undefined);
expect<Equal<RecordOf<typeof gated>, string>>();
// @ts-expect-error there is no such field
flights.map(({ airport }) => String(airport));
// @ts-expect-error a condition is a boolean
flights.filter((flight) => flight.delay);
// @ts-expect-error numbers cannot be iterated
flights.flatMap((flight) => flight.delay);

// Keys by name and by function.
const byOrigin = flights.keyBy("origin");
expect<Equal<typeof byOrigin, KeyedStream<Flight, string>>>();
const byLength = flights.keyBy((flight) => flight.origin.length);
expect<Equal<typeof byLength, KeyedStream<Flight, number>>>();
// @ts-expect-error there is no such field
flights.keyBy("airport");
// @ts-expect-error a key is never undefined
flights.keyBy("gate");
// @ts-expect-error the key is a string, not a number
flights.keyBy((flight) => flight.origin, t.int32);

// Aggregates by name and by function.
const totals = byOrigin.aggregate("totals", {
  flights: count(),
  delay: avg("delay"),
  worst: max((flight: Flight) => flight.delay),
  last: maxBy((flight: Flight) => flight.at),
  gates: countDistinct("gate"),
});
expect<
  Equal<
    Plain<RecordOf<typeof totals>>,
    {
      readonly key: string;
      readonly flights: number;
      readonly delay: number | undefined;
      readonly worst: number | undefined;
      readonly last: Flight | undefined;
      readonly gates: number;
    }
  >
>();
// @ts-expect-error there is no such field
byOrigin.aggregate("wrong", { delay: avg("delays") });
// @ts-expect-error only numbers have a sum
byOrigin.aggregate("wrong", { delay: sum("origin") });
// @ts-expect-error the function takes records of another type
byOrigin.aggregate("wrong", { delay: sum((order: { amount: number }) => order.amount) });

// reduce keeps the type.
const reduced = byOrigin.reduce("latest", (a, b) => (a.at > b.at ? a : b));
expect<Equal<RecordOf<typeof reduced>, Flight>>();
// @ts-expect-error what reduce gives is no flight
byOrigin.reduce("wrong", (a) => a.delay);

// Windows: the result has key, window and aggregates; functions see them.
const hours = byOrigin.window(tumbling("1h")).aggregate("hours", { flights: count() });
expect<
  Equal<
    Plain<RecordOf<typeof hours>>,
    { readonly key: string; readonly window: TimeWindow; readonly flights: number }
  >
>();
const texts = byLength.window(session("1m")).aggregate(
  "texts",
  { top: topN(3, (flight: Flight) => flight.delay), all: collectAll<Flight>() },
  ({ top, all }, { key, window }, emit) => {
    expect<Equal<typeof top, readonly Flight[]>>();
    expect<Equal<typeof all, readonly Flight[]>>();
    expect<Equal<typeof key, number>>();
    emit(`${key} ${window.start}`);
  },
  emits<string>(),
);
expect<Equal<RecordOf<typeof texts>, string>>();
const whole = byOrigin
  .window(tumbling("1h"))
  .trigger(trigger.count(3))
  .process(
    "whole",
    (all, { key }, emit) => {
      expect<Equal<typeof all, readonly Flight[]>>();
      emit({ key, count: all.length });
    },
    emits<{ key: string; count: number }>(),
  );
expect<Equal<RecordOf<typeof whole>, { key: string; count: number }>>();
// @ts-expect-error there is no such field
byOrigin.window(tumbling("1h")).aggregate("wrong", { delay: avg("delays") });

// Process functions: keys, state, timers and side outputs are typed.
const late = sideOutput<{ minutes: number }>("late");
const processed = byOrigin.process(
  "processed",
  {
    state: {
      seen: valueState(t.int32, { default: 0 }),
      last: valueState(t.string),
      list: listState(t.string),
      map: mapState(t.string, t.int64),
      total: reducingState(t.float64, (a, b) => a + b),
      text: aggregatingState(t.string, {
        create: () => "",
        add: (all, next: number) => `${all}${next}`,
        result: (all) => all.length > 0,
      }),
    },
    process(flight, { key, state, emit, output, timers, timestamp }) {
      expect<Equal<typeof flight, Flight>>();
      expect<Equal<typeof key, string>>();
      expect<Equal<typeof timestamp, number | undefined>>();
      const seen = state.seen.get();
      expect<Equal<typeof seen, number>>();
      const last = state.last.get();
      expect<Equal<typeof last, string | undefined>>();
      const total = state.total.get();
      expect<Equal<typeof total, number | undefined>>();
      const text = state.text.get();
      expect<Equal<typeof text, boolean | undefined>>();
      state.map.set(key, seen);
      state.text.add(seen);
      timers.registerEventTime(flight.at);
      output(late, { minutes: flight.delay });
      emit({ origin: key, seen });
      // @ts-expect-error the state holds numbers
      state.seen.set("one");
      // @ts-expect-error there is no such state
      "other" satisfies keyof typeof state;
      // @ts-expect-error the side output takes other records
      output(late, flight);
      // @ts-expect-error the operator emits other records
      emit(flight);
    },
    onTimer: ({ timestamp }, { state }) => state.seen.set(timestamp),
  },
  emits<{ origin: string; seen: number }>(),
);
expect<Equal<RecordOf<typeof processed>, { origin: string; seen: number }>>();
const minutes = processed.sideOutput(late);
expect<Equal<RecordOf<typeof minutes>, { minutes: number }>>();

// A declared type of the results says the same as emits.
const Result = t.struct({ origin: t.string });
const declared = flights.process(
  "declared",
  {
    operatorState: { held: operatorListState(t.string) },
    process(flight, { emit, operatorState }) {
      operatorState.held.add(flight.origin);
      emit({ origin: flight.origin });
      // @ts-expect-error the list holds strings
      operatorState.held.add(flight.delay);
    },
  },
  { type: Result },
);
expect<Equal<RecordOf<typeof declared>["origin"], string>>();

// connect: both inputs are typed, keys must agree.
declare const weather: DataStream<{ airport: string; wind: number }>;
const joined = byOrigin.connect(weather.keyBy("airport")).process(
  "joined",
  {
    state: { wind: valueState(t.float64) },
    processFirst(flight, { emit, state, key }) {
      expect<Equal<typeof key, string>>();
      emit(`${flight.origin} ${state.wind.get()}`);
    },
    processSecond: ({ wind }, { state }) => state.wind.set(wind),
  },
  emits<string>(),
);
expect<Equal<RecordOf<typeof joined>, string>>();
// @ts-expect-error keys of one type are not those of another
byOrigin.connect(weather.keyBy("wind"));

// Joins in windows see records of both streams, and results are what is emitted.
const hourly = byOrigin.connect(weather.keyBy("airport")).window(tumbling("1h"));
const windJoined = hourly.allowedLateness("5m").join(
  "by-wind",
  (flight, report, { key, window }, emit) => {
    expect<Equal<typeof flight, Flight>>();
    expect<Equal<typeof report, { airport: string; wind: number }>>();
    expect<Equal<typeof key, string>>();
    emit(report.wind + window.start);
  },
  emits<number>(),
);
expect<Equal<RecordOf<typeof windJoined>, number>>();
const grouped = hourly.coGroup(
  "grouped",
  (all, reports, _info, emit) => {
    expect<Equal<typeof all, readonly Flight[]>>();
    emit(reports.length);
  },
  { type: t.int32 },
);
expect<Equal<RecordOf<typeof grouped>, number>>();
const byWind = session((report: { wind: number }) => report.wind);
// @ts-expect-error a gap function takes records of both streams
byOrigin.connect(weather.keyBy("airport")).window(byWind);
// @ts-expect-error without a uid
hourly.join(() => undefined);

// Interval joins: the function sees both records and their times; tags are those of their streams.
const lateReports = sideOutput<{ airport: string; wind: number }>("late-reports");
const near = byOrigin
  .intervalJoin(weather.keyBy("airport"), { lower: "-1h", upper: 0, lateRight: lateReports })
  .process(
    "near",
    (flight, report, { key, leftTimestamp }, emit) => {
      expect<Equal<typeof flight, Flight>>();
      expect<Equal<typeof report, { airport: string; wind: number }>>();
      expect<Equal<typeof key, string>>();
      emit(report.wind + leftTimestamp);
    },
    emits<number>(),
  );
expect<Equal<RecordOf<typeof near>, number>>();
// @ts-expect-error weather reports are the right stream
byOrigin.intervalJoin(weather.keyBy("airport"), { lower: 0, upper: 1, lateLeft: lateReports });
// @ts-expect-error keys of one type are not those of another
byOrigin.intervalJoin(weather.keyBy("wind"), { lower: 0, upper: 1 });
// @ts-expect-error an interval has two ends
byOrigin.intervalJoin(weather.keyBy("airport"), { lower: 0 });

flights.connect(weather).process("both", {
  processFirst: (flight) => expect<Equal<typeof flight, Flight>>(),
  processSecond: (report) => expect<Equal<typeof report, { airport: string; wind: number }>>(),
});

// Broadcast state: read beside the records, written by the broadcast side.
const winds = weather.broadcast({ winds: broadcastState(t.string, t.float64) });
const grounded = flights.connect(winds).process(
  "grounded",
  {
    process(flight, { broadcastState: { winds: known }, emit }) {
      const wind = known.get(flight.origin);
      expect<Equal<typeof wind, number | undefined>>();
      emit(`${flight.origin} ${wind}`);
      // @ts-expect-error only the broadcast side writes
      "set" satisfies keyof typeof known;
    },
    processBroadcast(report, { broadcastState: { winds: known } }) {
      known.set(report.airport, report.wind);
      // @ts-expect-error the values are numbers
      known.set(report.airport, "strong");
    },
  },
  emits<string>(),
);
expect<Equal<RecordOf<typeof grounded>, string>>();
byOrigin.connect(winds).process("keyed-grounded", {
  state: { seen: valueState(t.int32, { default: 0 }) },
  process(flight, { key, state, broadcastState }) {
    expect<Equal<typeof flight, Flight>>();
    expect<Equal<typeof key, string>>();
    state.seen.set(broadcastState.winds.size);
    // @ts-expect-error there is no such state
    "other" satisfies keyof typeof broadcastState;
  },
  processBroadcast(report, { broadcastState, applyToKeyedState, ...context }) {
    broadcastState.winds.delete(report.airport);
    applyToKeyedState((key, state) => {
      expect<Equal<typeof key, string>>();
      const seen = state.seen.get();
      expect<Equal<typeof seen, number>>();
    });
    // @ts-expect-error there is no current key
    "key" satisfies keyof typeof context;
  },
});
flights.connect(weather.broadcast()).process("both-broadcast", {
  processFirst: (flight) => expect<Equal<typeof flight, Flight>>(),
  processSecond: (report) => expect<Equal<typeof report, { airport: string; wind: number }>>(),
});
// @ts-expect-error broadcast states are declared with broadcastState
weather.broadcast({ winds: mapState(t.string, t.float64) });
// @ts-expect-error a broadcast stream is connected with, and nothing else
"map" satisfies keyof typeof winds;

// Look-up: fields by name or function, of record and row; the row may be missing.
const airports = [{ code: "FRA", country: "DE" }];
const countries = flights.lookup(
  "countries",
  { table: airports, key: "code", on: "origin", ...emits<string>() },
  (flight, row, emit) => {
    expect<Equal<typeof flight, Flight>>();
    expect<Equal<typeof row, { code: string; country: string } | undefined>>();
    emit(row?.country ?? flight.origin);
    // @ts-expect-error the operator emits strings
    emit(flight);
  },
);
expect<Equal<RecordOf<typeof countries>, string>>();
flights.lookup(
  "by-function",
  { table: () => airports, key: (row) => row.code, on: (flight) => flight.gate },
  () => undefined,
);
// @ts-expect-error rows have no such field
flights.lookup("wrong", { table: airports, key: "iata", on: "origin" }, () => undefined);
// @ts-expect-error a list is no key
flights.lookup("wrong", { table: airports, key: "code", on: "crew" }, () => undefined);
// @ts-expect-error a stream is no table
flights.lookup("wrong", { table: weather, key: "airport", on: "origin" }, () => undefined);

// Deduplication gives records of the same type.
const latest = byOrigin.deduplicate("latest", { keep: "last", within: "1h" });
expect<Equal<RecordOf<typeof latest>, Flight>>();
// @ts-expect-error there are first and last
byOrigin.deduplicate("wrong", { keep: "any" });
// @ts-expect-error first or last must be said
byOrigin.deduplicate("wrong", {});

// Top-N gives ranks, by fields that can be compared.
const ranks = byOrigin.topN("worst", { n: 3, by: ["delay", (flight) => flight.gate] });
expect<
  Equal<
    Plain<RecordOf<typeof ranks>>,
    {
      readonly key: string;
      readonly rank: number;
      readonly record: Flight;
      readonly change: "insert" | "update";
    }
  >
>();
// @ts-expect-error a list has no rank
byOrigin.topN("wrong", { n: 3, by: "crew" });
// @ts-expect-error nor has a boolean
byOrigin.topN("wrong", { n: 3, by: (flight: Flight) => flight.delay > 3 });

// union takes streams of one type.
flights.union(kept, reduced);
// @ts-expect-error weather reports are no flights
flights.union(weather);

// Sinks take what the stream has.
delays.sink("delays", collect<number>());
delays.sink(
  "wide",
  forEach<number | string>(() => undefined),
);
// @ts-expect-error the sink takes strings
delays.sink("wrong", collect<string>());
const texting = forEach((text: string) => void text);
// @ts-expect-error the function takes strings
delays.sink("wrong", texting);

// Event time is a field with a number, or a function.
env.source("flights", collection<Flight>([])).watermarks({ timestamp: "at", idleAfter: "1m" });
env.source("flights", collection<Flight>([])).watermarks({ timestamp: (flight) => flight.at });
// @ts-expect-error an airport is no time
env.source("flights", collection<Flight>([])).watermarks({ timestamp: "origin" });
// @ts-expect-error there is no such field
env.source("flights", collection<Flight>([])).watermarks({ timestamp: "departure" });

// A uid comes first wherever there is state.
// @ts-expect-error without a uid
byOrigin.aggregate({ flights: count() });
// @ts-expect-error without a uid
flights.sink(collect<Flight>());

// A job is a name and a function of the environment.
job("typed", (environment) => {
  expect<Equal<typeof environment, StreamEnvironment>>();
});
// @ts-expect-error a job has a name
job((environment: StreamEnvironment) => environment);
