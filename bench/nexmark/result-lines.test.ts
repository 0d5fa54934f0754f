// What `bench -- nexmark` prints, of figures that nobody measured.
import assert from "node:assert/strict";
import { test } from "node:test";
import { resultLine } from "./result-lines.ts";
import type { Contestant, Result } from "./result-lines.ts";

/** A million events; the CPU time of all, and of making the events. */
function result(contestant: Contestant, cpuMs: number, generatorCpuMs: number): Result {
  const round = { cpuMs, generatorCpuMs };
  const figures = { events: 1_000_000, wallMs: cpuMs / 2, peakRssMb: 123.4 };
  return { query: "q4", contestant, ...figures, ...round, rounds: [round] };
}

const OXBOW = result("oxbow", 500, 300);
const LOOP = result("loop", 400, 300);
const FLINK = result("flink", 2_000, 1_000);

test("a line has throughput, throughput per core and memory", () => {
  assert.equal(resultLine(LOOP, [OXBOW, LOOP]), "q4   loop      5.00 M/s   2.50 M/s/core  123 MB");
});

test("of Oxbow, ratios of CPU time to all others, without and with making the events", () => {
  assert.equal(
    resultLine(OXBOW, [OXBOW, LOOP, FLINK]),
    "q4   oxbow     4.00 M/s   2.00 M/s/core  123 MB" +
      "  0.50 × loop (0.80 with generator)  5.00 × flink (4.00 with generator)",
  );
  assert.equal(resultLine(OXBOW, [OXBOW]), "q4   oxbow     4.00 M/s   2.00 M/s/core  123 MB");
});

test("where making the events is more than nine tenths, no ratio is told without it", () => {
  const ratioOf = (own: Result, other: Result): string =>
    resultLine(own, [own, other])
      .slice(resultLine(own, [own]).length)
      .trim();
  assert.equal(ratioOf(OXBOW, result("loop", 1_000, 901)), "– × loop (2.00 with generator)");
  assert.equal(ratioOf(OXBOW, result("loop", 1_000, 900)), "0.50 × loop (2.00 with generator)");
  assert.equal(ratioOf(result("oxbow", 500, 451), FLINK), "– × flink (4.00 with generator)");
  // It may even seem to take longer than the whole.
  assert.equal(ratioOf(result("oxbow", 500, 600), FLINK), "– × flink (4.00 with generator)");
});

test("ratios are those of the rounds, in each of which the machine was the same for all", () => {
  const rounds = (...all: readonly (readonly [number, number])[]): Result["rounds"] =>
    all.map(([cpuMs, generatorCpuMs]) => ({ cpuMs, generatorCpuMs }));
  const own = { ...OXBOW, rounds: rounds([500, 300], [5_000, 3_000], [600, 300]) };
  const other = { ...LOOP, rounds: rounds([400, 300], [4_000, 3_000], [600, 300]) };
  assert.match(resultLine(own, [own, other]), /0\.50 × loop \(0\.80 with generator\)$/);
});

test("of contestants that had to stand still, no time by the clock is told", () => {
  const { wallMs: _, ...stood } = LOOP;
  assert.equal(resultLine(stood, [OXBOW, stood]), "q4   loop      2.50 M/s/core  123 MB");
});
