/*
 * Apache Flink as a contestant: builds the project in `bench/peers/flink` where it is not built
 * from these sources, and runs a query in a Java process of its own. What is measured and what not
 * is said in `bench/peers/flink/README.md`.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { QueryName } from "../nexmark/reference.ts";
import type { Figures } from "../run-one.ts";
import type { Command } from "../turns.ts";

/** A query of Nexmark, the generator of its events alone, or a micro case. */
export type FlinkQuery =
  | QueryName
  | "q12"
  | "generator"
  | "keyed-count"
  | "tumbling-count"
  | "sliding-count";

/** How queries are run. */
export interface FlinkSettings {
  readonly events: number;
  readonly parallelism: number;
  /** 0: no checkpoints. */
  readonly checkpointIntervalMs: number;
  readonly backend: "hashmap" | "rocksdb";
  /** Events of the run before, which is not measured; 0: none. */
  readonly warmupEvents: number;
  /** Of micro cases; default 10,000. */
  readonly keys?: number;
  /** Gets the rows, one per line. */
  readonly outputFile?: string;
}

/** What came of a query. `rssMb` is the most that the process has had, warm-up included. */
export interface FlinkFigures extends Omit<Figures, "pauses" | "checksum"> {
  /** Rows that came out. */
  readonly outputs: number;
  readonly flinkVersion: string;
}

const PROJECT = path.join(import.meta.dirname, "flink");
const TARGET = path.join(PROJECT, "target");
const BUILT = path.join(TARGET, "built.sha256");
const MAIN = "dev.oxbow.bench.Main";
const JAVA_MIN = 17;
/**
 * The heap, and what of the JDK Flink's own start scripts open to it. Kept on one core, the JVM
 * would choose another collector.
 */
const JAVA_FLAGS = [
  "-Xmx6g",
  `-XX:ActiveProcessorCount=${os.availableParallelism()}`,
  ...["lang", "lang.reflect", "net", "io", "nio", "text", "time", "util", "util.concurrent"].map(
    (name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`,
  ),
];

/** The version of Java that Flink would run on, or why it cannot be built and run here. */
export function flinkPeer(): { readonly java: string } | { readonly absent: string } {
  const java = spawnSync("java", ["-version"], { encoding: "utf8" });
  if (java.status !== 0) return { absent: "There is no java on the PATH." };
  const version = /version "([^"]+)"/.exec(java.stderr)?.[1] ?? "unknown";
  if (!(Number(version.split(".")[0]) >= JAVA_MIN)) {
    return { absent: `java is version ${version}, and Flink needs ${JAVA_MIN} or later.` };
  }
  const maven = spawnSync("mvn", ["-version"], { encoding: "utf8" });
  if (maven.status !== 0) return { absent: "There is no mvn (Maven) on the PATH." };
  return { java: version };
}

/** Runs `query` on Flink. Throws where Flink fails; ask `flinkPeer` before. */
export function runFlink({
  query,
  ...settings
}: FlinkSettings & { readonly query: FlinkQuery }): FlinkFigures {
  return runFlinkQueries([query], settings)[0];
}

/**
 * Runs queries one after another in one process, which saves most of the time of small runs. Each
 * of several queries has an output file of its own: `outputFile`, ".", query.
 */
export function runFlinkQueries(
  queries: readonly FlinkQuery[],
  settings: FlinkSettings,
): FlinkFigures[] {
  const { command, args } = flinkCommand(queries, settings);
  return flinkFigures(run(command, args), settings);
}

/** What runs queries so; its output is for `flinkFigures`. */
export function flinkCommand(queries: readonly FlinkQuery[], settings: FlinkSettings): Command {
  const { events, keys, outputFile } = settings;
  return javaCommand([
    "run",
    ...["--query", queries.join(",")],
    ...["--events", String(events)],
    ...["--parallelism", String(settings.parallelism)],
    ...["--checkpoint-interval", String(settings.checkpointIntervalMs)],
    ...["--backend", settings.backend],
    ...["--warmup", String(settings.warmupEvents)],
    ...(keys === undefined ? [] : ["--keys", String(keys)]),
    ...(outputFile === undefined ? [] : ["--output", path.resolve(outputFile)]),
  ]);
}

/** Figures of each query. */
export function flinkFigures(stdout: string, { events }: FlinkSettings): FlinkFigures[] {
  const lines = stdout.trimEnd().split("\n");
  return lines.map((line) => {
    const { peakRssMb, ...figures } = JSON.parse(line) as Omit<FlinkFigures, "rssMb"> & {
      readonly peakRssMb: number;
    };
    return {
      ...figures,
      rssMb: peakRssMb,
      recordsPerSecond: events / (figures.wallMs / 1000),
    };
  });
}

/** Nexmark's events from number `from` on as the Java port makes them, one JSON text per line. */
export function flinkEvents(from: number, count: number): string {
  const { command, args } = javaCommand(["events", String(from), String(count)]);
  return run(command, args);
}

function javaCommand(args: readonly string[]): Command {
  build();
  const classes = [path.join(TARGET, "classes"), path.join(TARGET, "lib", "*")];
  return {
    command: "java",
    args: [...JAVA_FLAGS, "-cp", classes.join(path.delimiter), MAIN, ...args],
  };
}

/** Compiles, and gets Flink's libraries, where the sources have changed. */
function build(): void {
  const sources = hashOfSources();
  if (existsSync(BUILT) && readFileSync(BUILT, "utf8") === sources) return;
  const pom = path.join(PROJECT, "pom.xml");
  run("mvn", ["--quiet", "--batch-mode", "--file", pom, "clean", "process-classes"]);
  writeFileSync(BUILT, sources);
}

function hashOfSources(): string {
  const hash = createHash("sha256");
  for (const file of ["pom.xml", ...globSync("src/**/*.java", { cwd: PROJECT }).toSorted()]) {
    hash.update(`${file}\n`).update(readFileSync(path.join(PROJECT, file)));
  }
  return hash.digest("hex");
}

const OUTPUT_SIZE_MAX = 1 << 30;

function run(command: string, args: readonly string[]): string {
  const child = spawnSync(command, args, { encoding: "utf8", maxBuffer: OUTPUT_SIZE_MAX });
  if (child.error !== undefined) throw child.error;
  if (child.status === 0) return child.stdout;
  const said = `${child.stdout}${child.stderr}`.slice(-4_000);
  throw new Error(`${command} ${args.join(" ")} ended with ${child.status}:\n${said}`);
}
