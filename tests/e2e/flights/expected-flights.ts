/*
 * What the flights job must give, computed without the engine: the file is read with hyparquet, and
 * plain maps and sorts stand for windows and state. Slow and obvious on purpose.
 */
import { fileURLToPath } from "node:url";
import { zstdDecompressSync } from "node:zlib";
import { parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { asyncBufferFromFile } from "hyparquet/src/node.js";

/** A flight as in the file; `date` in ms. */
export interface Flight {
  readonly date: number;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

/** Lines of JSON per sink, sorted. */
export interface FlightResults {
  readonly departures: readonly string[];
  readonly "worst-routes": readonly string[];
  readonly "airport-delays": readonly string[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** All flights of the file in its order, one row group in memory at a time. */
export async function* readFlights(): AsyncGenerator<Flight> {
  const packaged = import.meta.resolve("vega-datasets");
  const file = await asyncBufferFromFile(
    fileURLToPath(new URL("../data/flights-3m.parquet", packaged)),
  );
  const metadata = await parquetMetadataAsync(file);
  const compressors = { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) };
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd });
    for (const row of rows) {
      yield {
        date: (row["date"] as Date).getTime(),
        delay: Number(row["delay"]),
        distance: Number(row["distance"]),
        origin: row["origin"] as string,
        destination: row["destination"] as string,
      };
    }
    rowStart = rowEnd;
  }
}

interface Totals {
  readonly name: string;
  readonly start: number;
  flights: number;
  delay: number;
  delayed: number;
}

/** The results over these flights, in whatever order they come. */
export class ExpectedFlights {
  readonly #hours = new Map<string, Totals>();
  readonly #routeDays = new Map<string, Totals>();
  count = 0;

  add(flight: Flight): void {
    this.count++;
    const { origin, destination, date, delay } = flight;
    addTo(this.#hours, { name: origin, start: date - (date % HOUR_MS), delay });
    addTo(this.#routeDays, {
      name: `${origin}-${destination}`,
      start: date - (date % DAY_MS),
      delay,
    });
  }

  results(): FlightResults {
    return {
      departures: this.#departures().toSorted(),
      "worst-routes": this.#worstRoutes().toSorted(),
      "airport-delays": this.#airportDelays().toSorted(),
    };
  }

  #departures(): string[] {
    return [...this.#hours.values()].map(({ name, start, flights, delay, delayed }) => {
      const hour = new Date(start).toISOString().slice(0, 16);
      return JSON.stringify({ airport: name, hour, flights, delay: delay / flights, delayed });
    });
  }

  #worstRoutes(): string[] {
    const byDay = Map.groupBy(this.#routeDays.values(), (totals) => totals.start);
    return [...byDay].flatMap(([day, routes]) =>
      routes
        .toSorted((a, b) => b.delay - a.delay || (a.name < b.name ? -1 : 1))
        .slice(0, 10)
        .map(({ name, flights, delay }, index) =>
          JSON.stringify({ rank: index + 1, route: name, day: dayText(day), flights, delay }),
        ),
    );
  }

  #airportDelays(): string[] {
    const lines: string[] = [];
    const byAirport = Map.groupBy(this.#hours.values(), (totals) => totals.name);
    for (const [airport, unsorted] of byAirport) {
      const hours = unsorted.toSorted((a, b) => a.start - b.start);
      let flights = 0;
      let smoothedDelay: number | undefined;
      for (const [index, hour] of hours.entries()) {
        const lastDelay = hour.delay / hour.flights;
        flights += hour.flights;
        smoothedDelay ??= lastDelay;
        smoothedDelay += 0.1 * (lastDelay - smoothedDelay);
        const day = dayText(hour.start);
        const next = hours[index + 1];
        if (next !== undefined && dayText(next.start) === day) continue;
        lines.push(JSON.stringify({ airport, day, flights, lastDelay, smoothedDelay }));
      }
    }
    return lines;
  }
}

function addTo(
  map: Map<string, Totals>,
  { name, start, delay }: { name: string; start: number; delay: number },
): void {
  const key = `${name} ${start}`;
  let totals = map.get(key);
  if (totals === undefined) {
    totals = { name, start, flights: 0, delay: 0, delayed: 0 };
    map.set(key, totals);
  }
  totals.flights += 1;
  totals.delay += delay;
  if (delay >= 15) totals.delayed += 1;
}

function dayText(timestamp: number): string {
  return new Date(timestamp).toISOString().slice(0, 10);
}
