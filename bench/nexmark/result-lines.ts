/*
 * What `bench -- nexmark` prints: a line per contestant and query, and on Oxbow's how many times as
 * fast it is as each other one.
 */

export const CONTESTANTS = ["oxbow", "loop", "flink"] as const;
export type Contestant = (typeof CONTESTANTS)[number];

/** Medians of one contestant over one query. */
export interface Result {
  readonly query: string;
  readonly contestant: Contestant;
  readonly events: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  /** CPU of making the events. */
  readonly generatorCpuMs: number;
  readonly peakRssMb: number;
}

/** What is left without making the events and is a smaller part of the whole is noise. */
const LEAST_PART = 0.1;

/** A line of the table; `all`: the results of the same query, this one among them. */
export function resultLine(own: Result, all: readonly Result[]): string {
  const parts = [
    own.query.padEnd(5),
    own.contestant.padEnd(7),
    `${(own.events / own.wallMs / 1000).toFixed(2)} M/s`.padStart(11),
    `${(own.events / own.cpuMs / 1000).toFixed(2)} M/s/core`.padStart(16),
    `${own.peakRssMb.toFixed(0)} MB`.padStart(8),
  ];
  const ratios =
    own.contestant === "oxbow" ? all.filter(({ contestant }) => contestant !== "oxbow") : [];
  for (const other of ratios) parts.push(`  ${ratio(own, other)}`);
  return parts.join("");
}

/** How many times as fast, by CPU: all, and without making the events. */
function ratio(own: Result, other: Result): string {
  const all = `${(other.cpuMs / own.cpuMs).toFixed(2)} with generator`;
  const [ours, theirs] = [aloneMs(own), aloneMs(other)];
  const alone = ours === undefined || theirs === undefined ? "–" : (theirs / ours).toFixed(2);
  return `${alone} × ${other.contestant} (${all})`;
}

/** CPU time without making the events; undefined where that is too little to be told. */
function aloneMs({ cpuMs, generatorCpuMs }: Result): number | undefined {
  const ms = cpuMs - generatorCpuMs;
  return ms < cpuMs * LEAST_PART ? undefined : ms;
}
