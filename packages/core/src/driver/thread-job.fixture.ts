// A job for worker threads whose function breaks its thread once, in the way that the first
// argument names; the second names a directory where it notes that it has.
//
// Run as a program (`node thread-job.fixture.ts exit <directory>`) it runs itself.
import { existsSync, writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { job } from "../api/job.ts";
import { generator } from "../connectors/generator.ts";
import { collection } from "../connectors/collection.ts";
import { fileSink } from "../connectors/file-sink/file-sink.ts";
import { json } from "../connectors/formats/json.ts";
import { discard } from "../connectors/for-each.ts";
import { count } from "../window/aggregates.ts";
import { t } from "../types/t.ts";
import { runJob } from "./run-job.ts";

export const RECORDS_COUNT = 20_000;
export const KEYS_COUNT = 100;

const breakingJob = job("breaking", (env) => {
  const [how = "", directory = ""] = env.args;
  env
    .parallelism(2)
    .checkpoint({ interval: "50ms" })
    .restart({ kind: "fixed-delay", attempts: 2, delay: "10ms" });
  if (how === "differ") env.source(`only ${isMainThread}`, collection([1])).sink("x", discard());
  env
    .source("numbers", generator({ count: RECORDS_COUNT, make: (n) => n }))
    .map((n) => {
      if (n === 15_000 && how !== "differ") breakOnce(how, `${directory}/broken`);
      return n;
    })
    .keyBy((n) => n % KEYS_COUNT, t.int32)
    .aggregate("counts", { count: count() })
    .sink("out", fileSink(`${directory}/out`, json()));
});

function breakOnce(how: string, marker: string): void {
  if (existsSync(marker)) return;
  writeFileSync(marker, "");
  if (how === "exit") process.exit(3);
  const kept: unknown[] = [];
  while (how === "memory") kept.push(new Array(10_000).fill(kept.length));
  throw new RangeError("broken");
}

export { breakingJob as default };

/** Runs the job on worker threads. */
export function runBreaking(how: string, directory: string) {
  const events: string[] = [];
  const ended = runJob(new URL(import.meta.url), {
    args: [how, directory],
    checkpointDirectory: `${directory}/runs`,
    onEvent: (event) => {
      if (event.kind === "restarting") events.push(String((event.error as Error).message));
    },
  });
  return { ended, events };
}

const [, program, how, directory] = process.argv;
if (isMainThread && program === import.meta.filename && how !== undefined) {
  const { ended, events } = runBreaking(how, directory ?? "");
  // Not awaited here: the run imports this module, which must have been evaluated by then.
  void ended.then(({ status, attemptsCount }) => {
    process.stdout.write(JSON.stringify({ status, attemptsCount, events }));
  });
}
