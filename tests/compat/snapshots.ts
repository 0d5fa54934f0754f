/*
 * Snapshots of the program: taking them on a simulated machine, keeping their files in a folder of
 * this directory, and going on from there.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { collect } from "../../packages/core/src/connectors/collect.ts";
import { imageOf, putOn } from "../../packages/core/src/driver/disk-image.fixture.ts";
import type { DiskImage } from "../../packages/core/src/driver/disk-image.fixture.ts";
import { JobBench } from "../../packages/core/src/driver/job.fixture.ts";
import { program } from "./program.ts";

/** Folders of a version: a savepoint, and a run with a checkpoint that builds on another. */
export const KINDS = ["savepoint", "run"] as const;
export type Kind = (typeof KINDS)[number];

/** Files of the two, by path below a folder. */
export type Snapshots = Readonly<Record<Kind, DiskImage>>;

/** Runs the program into its middle and takes both. The same bytes for the same code. */
export async function takeSnapshots(): Promise<Snapshots> {
  const bench = new JobBench("compat");
  const { scheduler, disk } = bench.world;
  const handle = await bench.running(program(collect()), { checkpointDirectory: "/runs" });
  await bench.advance(120);
  if (handle.status !== "RUNNING") throw (await scheduler.runUntil(handle.ended)).error;
  await scheduler.runUntil(handle.checkpoint());
  await bench.advance(60);
  await scheduler.runUntil(handle.checkpoint());
  await bench.advance(40);
  const { location } = await scheduler.runUntil(handle.savepoint());
  bench.restart();
  const image = imageOf(disk);
  return { savepoint: below(image, location), run: below(image, handle.runDirectory!) };
}

function below(image: DiskImage, directory: string): DiskImage {
  const files = [...image].filter(([file]) => file.startsWith(`${directory}/`));
  return new Map(files.map(([file, bytes]) => [file.slice(directory.length), bytes]));
}

/** Goes on from one to the end of the job; what it tells, as sorted lines of JSON. */
export async function goOn(kind: Kind, files: DiskImage): Promise<string> {
  const bench = new JobBench("compat");
  putOn(bench.world.disk, new Map([...files].map(([file, bytes]) => [`/old${file}`, bytes])));
  const out = collect<unknown>();
  const from = kind === "savepoint" ? "/old" : `/old/${newestCheckpoint(files)}`;
  const end = await bench.run(program(out), {
    checkpointDirectory: "/runs",
    restore: { path: from, sinks: "commit" },
  });
  assert.equal(end.status, "FINISHED", String(end.error));
  return linesOf(out.records());
}

/** The run itself goes on, by its own command. */
export async function resume(files: DiskImage): Promise<string> {
  const bench = new JobBench("compat");
  const { jobId } = recordOf(files);
  const run = new Map([...files].map(([file, bytes]) => [`/runs/${jobId}${file}`, bytes]));
  putOn(bench.world.disk, run);
  // Another process than the one that had the run.
  bench.restart();
  const out = collect<unknown>();
  const end = await bench.run(program(out), { checkpointDirectory: "/runs", jobId });
  assert.equal(end.status, "FINISHED", String(end.error));
  return linesOf(out.records());
}

function recordOf(files: DiskImage): { readonly jobId: string } {
  const text = Buffer.from(files.get("/run.json")!).toString("utf8");
  return JSON.parse(text.slice(text.indexOf("\n"))) as { readonly jobId: string };
}

function newestCheckpoint(files: DiskImage): string {
  const ids = [...files.keys()].flatMap((file) => /^\/chk-(\d+)\/_metadata$/.exec(file)?.[1] ?? []);
  return `chk-${Math.max(...ids.map(Number))}`;
}

function linesOf(records: readonly unknown[]): string {
  const lines = records.map((record) => JSON.stringify(record, readable));
  return `${lines.sort().join("\n")}\n`;
}

/** What JSON has no text for, in words. */
function readable(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (value instanceof Map) return { map: [...value.entries()] };
  if (value instanceof Uint8Array) return { bytes: [...value] };
  return value;
}

/** The files in a folder. */
export function readFolder(folder: string): DiskImage {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile());
  return new Map(
    files.map((entry): [string, Uint8Array] => {
      const file = path.join(entry.parentPath, entry.name);
      const relative = path.relative(folder, file).split(path.sep).join("/");
      return [`/${relative}`, new Uint8Array(readFileSync(file))];
    }),
  );
}

/** Makes a folder hold exactly these files. */
export function writeFolder(folder: string, files: DiskImage): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [file, bytes] of files) {
    mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(folder, file), bytes);
  }
}
