/*
 * The flights job, second version: it goes on from a savepoint of the first one (`job.ts`).
 *
 *   departures      now tells on-time and delayed flights apart, and how late the delayed ones were
 *   worst-routes    as before
 *   airport-delays  the state has a new field: the flights that were delayed
 *
 * Uids and names are those of the first version, so everything that is kept there is found again:
 * windows that are open go on, airports keep their figures, sources their positions. What is new
 * begins at the savepoint: figures at their initial value, the field at its default.
 */
import {
  avg,
  count,
  type DataStream,
  fileSink,
  type Infer,
  job,
  json,
  mapState,
  sum,
  t,
  tumbling,
  valueState,
} from "oxbow";
import {
  DAY_MS,
  DELAYED_MINUTES,
  dayText,
  type Flight,
  hourText,
  readFlights,
  SMOOTHING,
  worstRoutesPerDay,
} from "./job.ts";

const AirportHour = t.struct({
  airport: t.string,
  hour: t.string,
  flights: t.int64,
  delay: t.float64,
  delayed: t.int64,
  onTime: t.int64,
  delayOfDelayed: t.float64,
});
type AirportHour = Infer<typeof AirportHour>;

/** What is known of an airport so far: `delayed` is new. */
const AirportDelay = t.struct({
  flights: t.int64,
  lastDelay: t.float64,
  smoothedDelay: t.float64,
  delayed: t.withDefault(t.int64, 0),
});

export default job("flights", (env) => {
  const { out = "out/flights-v2" } = env.properties("flights");
  env.parallelism(2).checkpoint({ interval: "2s", retain: { onCancellation: "keep" } });

  const flights = readFlights(env);
  const hours = departuresPerHour(flights);
  hours.sink("departures", fileSink(`${out}/departures`, json()));
  worstRoutesPerDay(flights).sink("worst-routes", fileSink(`${out}/worst-routes`, json()));
  delayPerAirport(hours).sink("airport-delays", fileSink(`${out}/airport-delays`, json()));
});

function departuresPerHour(flights: DataStream<Flight>): DataStream<AirportHour> {
  return flights
    .keyBy("origin")
    .window(tumbling("1h"))
    .aggregate(
      "airport-hours",
      {
        flights: count(),
        delay: avg("delay"),
        delayed: sum((flight) => (isDelayed(flight) ? 1 : 0)),
        onTime: sum((flight) => (isDelayed(flight) ? 0 : 1)),
        delayOfDelayed: avg((flight) => (isDelayed(flight) ? flight.delay : undefined)),
      },
      ({ delay = 0, delayOfDelayed = 0, ...counts }, { key, window }, emit) =>
        emit({ airport: key, hour: hourText(window.start), delay, delayOfDelayed, ...counts }),
      { type: AirportHour },
    );
}

/** Takes the hours of each airport in their order; tells what is known at the end of each day. */
function delayPerAirport(hours: DataStream<AirportHour>) {
  return hours.keyBy("airport").process("airport-state", {
    state: { delay: valueState(AirportDelay), days: mapState(t.timestamp, AirportDelay) },
    process(hour, { state, timers, timestamp = 0 }) {
      const { flights = 0, delayed = 0, smoothedDelay = hour.delay } = state.delay.get() ?? {};
      const delay = {
        flights: flights + hour.flights,
        lastDelay: hour.delay,
        smoothedDelay: smoothedDelay + SMOOTHING * (hour.delay - smoothedDelay),
        delayed: delayed + hour.delayed,
      };
      state.delay.set(delay);
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

function isDelayed(flight: Flight): boolean {
  return flight.delay >= DELAYED_MINUTES;
}
