/*
 * A Nexmark query as a job: `oxbow run bench/nexmark/job.ts -- '{"query":"q5","events":1000000}'`.
 * Settings come in the first argument, so that the same module serves master and workers.
 */
import { fileSink, forEach, generator, job, json } from "oxbow";
import type { Job } from "oxbow";
import { eventOf } from "./events.ts";
import type { NexmarkEvent } from "./events.ts";
import { queryOf } from "./queries.ts";
import { results } from "./results.ts";
import { SteadyMark } from "./steady-mark.ts";

/** Settings of one run. */
export interface NexmarkSettings {
  readonly query: string;
  readonly events: number;
  readonly splits: number;
  /** Undefined: no checkpoints. */
  readonly checkpointInterval?: string;
  /** From which event on time counts, and where that is noted. */
  readonly steady?: { readonly from: number; readonly file: string };
  /** Directory for files of JSON lines, `{ "line": "…" }` each; undefined: results are counted. */
  readonly output?: string;
}

export default job("nexmark", (env) => {
  build(env, JSON.parse(env.args[0] ?? "{}") as NexmarkSettings);
});

/** The job of some settings, for one thread. */
export function nexmarkJob(settings: NexmarkSettings): Job {
  return job("nexmark", (env) => build(env, settings));
}

function build(env: Parameters<Job["build"]>[0], settings: NexmarkSettings): void {
  const { events: count, splits, checkpointInterval, output } = settings;
  const query = queryOf(settings.query);
  if (query === undefined) throw new Error(`There is no query "${settings.query}".`);
  if (checkpointInterval !== undefined) {
    env.checkpoint({ interval: checkpointInterval, timeout: "10 min" });
  }
  const events = env
    .source("events", generator({ count, splits, make: makerOf(settings) }))
    .watermarks({ timestamp: "at", outOfOrderness: "4s" });
  const found = query.build(events);
  if (output === undefined) found.sink("results", forEach(results.take));
  else {
    found
      .map((result) => ({ line: query.fields(result).join(",") }))
      .sink("results", fileSink(output, json()));
  }
}

/** Makes events; the first of the steady part is noted. */
function makerOf({ steady }: NexmarkSettings): (index: number) => NexmarkEvent {
  if (steady === undefined) return eventOf;
  const mark = new SteadyMark(steady.file);
  const { from } = steady;
  return (index) => {
    if (index === from) mark.note();
    return eventOf(index);
  };
}
