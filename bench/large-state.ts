/*
 * LargeState: a run of `savepoint-job.ts` that can be watched: how fast it goes, and the gaps
 * between its batches.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startJob } from "oxbow";
import type { JobHandle, RunOptions } from "oxbow";
import type { Notes, SavepointSettings } from "./savepoint-job.ts";

/** A stretch of time, ms since the epoch. */
export interface Span {
  readonly beganMs: number;
  readonly endedMs: number;
}

/** Gaps between batches of 1,024 records, ms. */
export interface Gaps {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** See the file header. */
export class LargeState {
  readonly #directory = mkdtempSync(path.join(tmpdir(), "oxbow-large-"));
  readonly #settings: SavepointSettings;
  readonly #notesFile: string;

  constructor(settings: Omit<SavepointSettings, "notesFile">) {
    this.#notesFile = path.join(this.#directory, "notes.json");
    this.#settings = { ...settings, notesFile: this.#notesFile };
  }

  /** Starts the job in a run of its own. */
  async start(options: RunOptions): Promise<JobHandle> {
    rmSync(this.#notesFile, { force: true });
    const started = await startJob(new URL("./savepoint-job.ts", import.meta.url), {
      args: [JSON.stringify(this.#settings)],
      checkpointDirectory: path.join(this.#directory, "runs"),
      newRun: true,
      ...options,
    });
    if (started.kind === "over") throw new Error("the run is over");
    void started.job.ended.then((end) => {
      if (end.status === "FAILED") throw end.error;
    });
    return started.job;
  }

  /** What the job has noted; index −1 before its first record. */
  notes(): Notes {
    try {
      return JSON.parse(readFileSync(this.#notesFile, "utf8")) as Notes;
    } catch {
      return { index: -1, atMs: Date.now(), gaps: [], gapsCount: 0 };
    }
  }

  /** Resolves when the job has made so many records. */
  async reached(count: number): Promise<void> {
    while (this.notes().index < count) await sleep(10);
  }

  /** Starts from a savepoint; ms until the first record is made, which is when all is loaded. */
  async msToRunning(location: string, parallelism: number): Promise<number> {
    const beganMs = performance.now();
    const handle = await this.start({ parallelism, restore: { path: location } });
    await this.reached(0);
    const ms = performance.now() - beganMs;
    void sleep(0).then(() => handle.cancel());
    await handle.ended;
    return ms;
  }

  /** Prints what `measure` finds as JSON, and leaves no files behind. */
  async report(measure: () => Promise<Record<string, unknown>>): Promise<void> {
    try {
      process.stdout.write(`${JSON.stringify(await measure(), undefined, 2)}\n`);
    } finally {
      rmSync(this.#directory, { recursive: true, force: true });
    }
  }
}

/** Records per second between two notes. */
export function rateBetween(from: Notes, to: Notes): number {
  return ((to.index - from.index) / (to.atMs - from.atMs)) * 1_000;
}

/** The gaps within a span, of which notes before and after it are given. */
export function gapsWithin(span: Span, from: Notes, to: Notes): Gaps {
  const gaps = to.gaps
    .filter(([atMs]) => atMs >= span.beganMs && atMs <= span.endedMs)
    .map(([, gapMs]) => gapMs)
    .sort((a, b) => b - a);
  const share = (span.endedMs - span.beganMs) / (to.atMs - from.atMs);
  const count = (to.gapsCount - from.gapsCount) * Math.min(1, share);
  const at = (part: number): number => gaps[Math.floor(count * (1 - part))] ?? 1;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: gaps[0] ?? 0 };
}

/** Of the files of a savepoint, bytes. */
export function sizeOf(location: string): number {
  return readdirSync(location).reduce(
    (sum, name) => sum + statSync(path.join(location, name)).size,
    0,
  );
}
