/*
 * What `bench -- nexmark` prints: a line per contestant and query, and on Oxbow's how many times as
 * fast it is as each other one.
 */

import { median } from "../turns.ts";

export const CONTESTANTS = ["oxbow", "loop", "flink"] as const;
export type Contestant = (typeof CONTESTANTS)[number];

/** What one round gave, in ms. */
export interface Round {
  readonly cpuMs: number;
  /** CPU of making the events. */
  readonly generatorCpuMs: number;
}

/** One contestant over one query: medians, and the rounds, which are the same for all. */
export interface Result extends Round {
  readonly query: string;
  readonly contestant: Contestant;
  readonly events: number;
  /** Undefined where contestants had to stand still at times. */
  readonly wallMs?: number;
  readonly peakRssMb: number;
  readonly rounds: readonly Round[];
}

/** What is left without making the events and is a smaller part of the whole is noise. */
const LEAST_PART = 0.1;

/** A line of the table; `all`: the results of the same query, this one among them. */
export function resultLine(own: Result, all: readonly Result[]): string {
  const parts = [
    own.query.padEnd(5),
    own.contestant.padEnd(7),
    ...(own.wallMs === undefined ? [] : [`${millions(own, own.wallMs)} M/s`.padStart(11)]),
    `${millions(own, own.cpuMs)} M/s/core`.padStart(16),
    `${own.peakRssMb.toFixed(0)} MB`.padStart(8),
  ];
  const ratios =
    own.contestant === "oxbow" ? all.filter(({ contestant }) => contestant !== "oxbow") : [];
  for (const other of ratios) parts.push(`  ${ratio(own, other)}`);
  return parts.join("");
}

function millions({ events }: Result, ms: number): string {
  return (events / ms / 1000).toFixed(2);
}

/**
 * How many times as fast, by CPU: all, and without making the events. In each round the machine was
 * the same for both, so the median is that of the rounds' ratios.
 */
function ratio(own: Result, other: Result): string {
  const pairs = own.rounds.map((round, at) => [round, other.rounds[at]] as const);
  const all = median(pairs.map(([ours, theirs]) => theirs.cpuMs / ours.cpuMs)).toFixed(2);
  const told = pairs.filter((pair) => pair.every((round) => !isNoise(round)));
  const isTold = told.length * 2 > pairs.length;
  const alone = median(told.map(([ours, theirs]) => aloneMs(theirs) / aloneMs(ours)));
  return `${isTold ? alone.toFixed(2) : "–"} × ${other.contestant} (${all} with generator)`;
}

/** Too little is left without making the events. */
function isNoise(round: Round): boolean {
  return aloneMs(round) < round.cpuMs * LEAST_PART;
}

/** CPU time without making the events. */
function aloneMs({ cpuMs, generatorCpuMs }: Round): number {
  return cpuMs - generatorCpuMs;
}
