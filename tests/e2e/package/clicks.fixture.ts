/*
 * Input of the job clicks.ts, and what must come of it, computed without the engine.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";

const PAGES_COUNT = 23;
const FILES_COUNT = 4;
const RECORDS_PER_FILE_COUNT = 10_000;
const RECORD_MS = 25;
const OUT_OF_ORDER_MS = 30_000;
const MINUTE_MS = 60_000;

/** Writes the input and returns the lines of all outputs, as `committedLines` gives them. */
export function writeClicks(directory: string): string[] {
  mkdirSync(directory, { recursive: true });
  const perPage = new Map<string, number>();
  const perMinute = new Map<string, { clicks: number; ms: number }>();
  const expected: string[] = [];
  for (let file = 0; file < FILES_COUNT; file++) {
    let text = "";
    for (let record = 0; record < RECORDS_PER_FILE_COUNT; record++) {
      const index = file * RECORDS_PER_FILE_COUNT + record;
      const page = `/page-${mix(index) % PAGES_COUNT}`;
      const ms = mix(index + 1) % 1_000;
      const at = index * RECORD_MS + (mix(index + 2) % OUT_OF_ORDER_MS);
      text += `${JSON.stringify({ page, ms, at })}\n`;
      const clicks = (perPage.get(page) ?? 0) + 1;
      perPage.set(page, clicks);
      expected.push(`pages: ${JSON.stringify({ key: page, clicks })}`);
      const minute = `${page} ${Math.floor(at / MINUTE_MS) * MINUTE_MS}`;
      const sums = perMinute.get(minute) ?? { clicks: 0, ms: 0 };
      perMinute.set(minute, { clicks: sums.clicks + 1, ms: sums.ms + ms });
    }
    writeFileSync(path.join(directory, `clicks-${file}.jsonl`), text);
  }
  for (const [minute, sums] of perMinute) {
    const [key, start] = minute.split(" ");
    const window = { start: Number(start), end: Number(start) + MINUTE_MS };
    expected.push(`minutes: ${JSON.stringify({ key, window, ...sums })}`);
  }
  return expected.toSorted();
}

/** All committed lines of the outputs, sorted: `output: line`. */
export function readOutputs(directory: string): string[] {
  const lines: string[] = [];
  for (const output of ["pages", "minutes"]) {
    const folder = path.join(directory, output);
    for (const file of existsSync(folder) ? readdirSync(folder) : []) {
      if (!file.endsWith(".jsonl")) continue;
      const text = readFileSync(path.join(folder, file), "utf8");
      for (const line of text.split("\n")) if (line !== "") lines.push(`${output}: ${line}`);
    }
  }
  return lines.toSorted();
}

/** Whether any run in the directory has a complete checkpoint. */
export function hasCheckpoint(directory: string): boolean {
  if (!existsSync(directory)) return false;
  // The run goes on while we look: what vanishes meanwhile does not count.
  return readdirSync(directory).some((run) =>
    listed(path.join(directory, run)).some(
      (name) => /^chk-\d+$/.test(name) && existsSync(path.join(directory, run, name, "_metadata")),
    ),
  );
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Spread evenly, without any order that a bug could live on. */
function mix(index: number): number {
  let hash = Math.imul(index ^ (index >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  return (hash ^ (hash >>> 16)) >>> 0;
}
