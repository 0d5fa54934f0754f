/*
 * The results of the flights job as they lie on disk: directories of JSON lines that grow whenever
 * a checkpoint completes. Files appear whole, so each is read once.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** A line of `airport-delays`. */
export interface AirportDay {
  readonly airport: string;
  readonly day: string;
  readonly flights: number;
  readonly lastDelay: number;
  readonly smoothedDelay: number;
}

/** The files of a sink that are complete; those that begin with a dot are not. */
export function resultFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => !name.startsWith("."));
  return names.map((name) => path.join(directory, name));
}

/** Lines of a sink, and the first of them. */
export function summary(directory: string, sampleCount: number): SinkSummary {
  const contents = resultFiles(directory).map((file) => readFileSync(file, "latin1"));
  const lines = contents.flatMap((content) => content.split("\n").filter((line) => line !== ""));
  return {
    filesCount: contents.length,
    linesCount: lines.length,
    sample: lines.slice(0, sampleCount),
  };
}

/** See `summary`. */
export interface SinkSummary {
  readonly filesCount: number;
  readonly linesCount: number;
  readonly sample: readonly string[];
}

/** Follows `airport-delays`: what is known of each airport at the newest day on disk. */
export class AirportDelays {
  readonly #directory: string;
  readonly #seen = new Set<string>();
  readonly #newest = new Map<string, AirportDay>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The airports with the longest smoothed delays of those with at least `flightsMin` flights. */
  worst(count: number, flightsMin: number): readonly AirportDay[] {
    for (const file of resultFiles(this.#directory)) this.#read(file);
    return [...this.#newest.values()]
      .filter(({ flights }) => flights >= flightsMin)
      .toSorted((a, b) => b.smoothedDelay - a.smoothedDelay)
      .slice(0, count);
  }

  #read(file: string): void {
    if (this.#seen.has(file)) return;
    this.#seen.add(file);
    for (const line of readFileSync(file, "utf8").split("\n")) {
      if (line === "") continue;
      const day = JSON.parse(line) as AirportDay;
      const known = this.#newest.get(day.airport);
      if (known === undefined || known.day < day.day) this.#newest.set(day.airport, day);
    }
  }
}
