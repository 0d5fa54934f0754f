/*
 * The flights job: three million flights within the US in the first half of 2001, in event time.
 *
 *   departures      flights, average delay and delayed flights per airport and hour   (window)
 *   worst-routes    the ten routes that lost the most minutes, per day                (two windows)
 *   airport-delays  the smoothed delay of each airport at the end of each day         (keyed state)
 *
 * Results are JSON lines in directories below the property `flights.out`. Each line is there once,
 * however often the job is killed and started again, and does not depend on the parallelism.
 * `flights.rate` replays the flights at so many per second instead of as fast as it can.
 *
 * A later version of the job, which goes on from its savepoints, is `job-v2.ts`.
 */
import { fileURLToPath } from "node:url";
import { parquet } from "@oxbow/connector-parquet";
import {
  avg,
  count,
  type DataStream,
  fileSink,
  files,
  type Infer,
  job,
  json,
  mapState,
  paced,
  type Source,
  type StreamEnvironment,
  sum,
  t,
  topN,
  tumbling,
  valueState,
} from "oxbow";

/** When (local time, taken as UTC), how many minutes late, how many miles, from where to where. */
export const Flight = t.struct({
  date: t.timestamp,
  delay: t.int32,
  distance: t.int32,
  origin: t.string,
  destination: t.string,
});
export type Flight = Infer<typeof Flight>;

const AirportHour = t.struct({
  airport: t.string,
  hour: t.string,
  flights: t.int64,
  delay: t.float64,
  delayed: t.int64,
});
type AirportHour = Infer<typeof AirportHour>;

const RouteDay = t.struct({
  route: t.string,
  day: t.timestamp,
  flights: t.int64,
  delay: t.int64,
});
type RouteDay = Infer<typeof RouteDay>;

/** What is known of an airport so far. */
const AirportDelay = t.struct({
  flights: t.int64,
  lastDelay: t.float64,
  smoothedDelay: t.float64,
});

/** A flight counts as delayed from so many minutes on. */
export const DELAYED_MINUTES = 15;
/** Weight of the newest hour in the smoothed delay. */
export const SMOOTHING = 0.1;
const WORST_COUNT = 10;
export const DAY_MS = 86_400_000;

export default job("flights", (env) => {
  const { out = "out/flights" } = env.properties("flights");
  // Keeps the newest checkpoint when it is canceled, so that the next start goes on from there.
  env.parallelism(2).checkpoint({ interval: "2s", retain: { onCancellation: "keep" } });

  const flights = readFlights(env);
  const hours = departuresPerHour(flights);
  hours.sink("departures", fileSink(`${out}/departures`, json()));
  worstRoutesPerDay(flights).sink("worst-routes", fileSink(`${out}/worst-routes`, json()));
  delayPerAirport(hours).sink("airport-delays", fileSink(`${out}/airport-delays`, json()));
});

/** Reads `flights.input`, a Parquet file or JSON lines; by default the file of `vega-datasets`. */
export function readFlights(env: StreamEnvironment): DataStream<Flight> {
  const { input = flightsFile(), rate } = env.properties("flights");
  const source: Source<Flight> = input.endsWith(".parquet")
    ? parquet(input, { type: Flight })
    : files(input, json(Flight));
  const flights = env.source("flights", rate === undefined ? source : paced(source, Number(rate)));
  // The file is sorted, and readers take its parts in their order: nothing comes late.
  return flights.watermarks({ timestamp: "date", outOfOrderness: "1m" });
}

function departuresPerHour(flights: DataStream<Flight>): DataStream<AirportHour> {
  return flights
    .keyBy("origin")
    .window(tumbling("1h"))
    .aggregate(
      "airport-hours",
      {
        flights: count(),
        delay: avg("delay"),
        delayed: sum((flight) => (flight.delay >= DELAYED_MINUTES ? 1 : 0)),
      },
      ({ flights: flightsCount, delay = 0, delayed }, { key, window }, emit) =>
        emit({ airport: key, hour: hourText(window.start), flights: flightsCount, delay, delayed }),
      { type: AirportHour },
    );
}

/** First the minutes of each route and day; when all of a day are there, the worst of them. */
export function worstRoutesPerDay(flights: DataStream<Flight>) {
  return flights
    .keyBy(({ origin, destination }) => `${origin}-${destination}`, t.string)
    .window(tumbling("1d"))
    .aggregate(
      "route-days",
      { flights: count(), delay: sum("delay") },
      (totals, { key, window }, emit) => emit({ route: key, day: window.start, ...totals }),
      { type: RouteDay },
    )
    .keyBy("day")
    .window(tumbling("1d"))
    .aggregate(
      "worst-of-day",
      { routes: topN(WORST_COUNT, (r: RouteDay) => r.delay, { ties: (r) => r.route }) },
      ({ routes }, { key: day }, emit) =>
        routes.forEach((route, index) => emit({ rank: index + 1, ...route, day: dayText(day) })),
    );
}

/** Takes the hours of each airport in their order; tells what is known at the end of each day. */
function delayPerAirport(hours: DataStream<AirportHour>) {
  return hours.keyBy("airport").process("airport-state", {
    state: { delay: valueState(AirportDelay), days: mapState(t.timestamp, AirportDelay) },
    process(hour, { state, timers, timestamp = 0 }) {
      const { flights = 0, smoothedDelay = hour.delay } = state.delay.get() ?? {};
      const delay = {
        flights: flights + hour.flights,
        lastDelay: hour.delay,
        smoothedDelay: smoothedDelay + SMOOTHING * (hour.delay - smoothedDelay),
      };
      state.delay.set(delay);
      // Hours of the next day may be here before the watermark ends this one.
      const day = timestamp - (timestamp % DAY_MS);
      state.days.set(day, delay);
      timers.registerEventTime(day + DAY_MS - 1);
    },
    onTimer({ timestamp }, context) {
      const { days } = context.state;
      const day = timestamp + 1 - DAY_MS;
      const delay = days.get(day);
      if (delay === undefined) return;
      context.emit({ airport: context.key, day: dayText(day), ...delay });
      days.delete(day);
    },
  });
}

function flightsFile(): string {
  return fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));
}

/** `2001-01-01T05:00`: the times in the file are local and have no zone. */
export function hourText(timestamp: number): string {
  return new Date(timestamp).toISOString().slice(0, 16);
}

/** `2001-01-01`. */
export function dayText(timestamp: number): string {
  return new Date(timestamp).toISOString().slice(0, 10);
}
