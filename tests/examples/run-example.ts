/*
 * Runs what examples show. Every example gets a job of its own, run on this thread to its end, or
 * for endless and very large sources to the first record.
 */
import assert from "node:assert/strict";
import { collection, forEach, isJob, job, startJob } from "oxbow";
import type { DataStream, Sink, Source, Split, StreamEnvironment } from "oxbow";
import { nodeEnv } from "oxbow/testing";
import { CLICKS, Click, FLIGHTS, Flight, ORDERS, Order, PAYMENTS, Payment } from "./sample-data.ts";

/** What an example that is the inside of a program may use. */
export interface Scope {
  readonly env: StreamEnvironment;
  readonly flights: DataStream<Flight>;
  readonly orders: DataStream<Order>;
  readonly clicks: DataStream<Click>;
  readonly payments: DataStream<Payment>;
}

/** A source that reads more than an example needs is stopped at its first record. */
const LARGE_SOURCES = new Set(["parquet"]);

/** Runs an example that is the inside of a program. */
export async function runProgram(program: (scope: Scope) => unknown): Promise<void> {
  await run((env) => end(env, program(scopeOf(env))));
}

/** Runs an example that stands by itself, and then the job, source or stream that it gives. */
export async function runCode(code: () => unknown): Promise<void> {
  const result = await code();
  if (isJob(result)) await run((env) => (result.build(env), NOTHING));
  else await run((env) => end(env, result));
}

/** Streams whose sources make only what is used: a source that nobody reads is an error. */
function scopeOf(env: StreamEnvironment): Scope {
  const strategy = { outOfOrderness: "1h" } as const;
  return {
    env,
    get flights() {
      return env
        .source("flights", collection(FLIGHTS, { type: Flight }))
        .watermarks({ timestamp: "departedAt", ...strategy });
    },
    get orders() {
      return env
        .source("orders", collection(ORDERS, { type: Order }))
        .watermarks({ timestamp: "at", ...strategy });
    },
    get clicks() {
      return env
        .source("clicks", collection(CLICKS, { type: Click }))
        .watermarks({ timestamp: "at", ...strategy });
    },
    get payments() {
      return env
        .source("payments", collection(PAYMENTS, { type: Payment }))
        .watermarks({ timestamp: "at", ...strategy });
    },
  };
}

/** How an example ends: what it must show, and whether its first record is enough. */
interface Ending {
  readonly mustEmit: boolean;
  readonly isLong: boolean;
}

const NOTHING: Ending = { mustEmit: false, isLong: false };

let isFirst: (() => void) | undefined;
let emittedCount = 0;

const seen: Sink<unknown> = forEach(() => {
  emittedCount++;
  isFirst?.();
});

/** Gives a stream or source that an example ends with somewhere to go. */
function end(env: StreamEnvironment, result: unknown): Ending {
  if (typeof result !== "object" || result === null) return NOTHING;
  if ("place" in result && "sink" in result) {
    (result as DataStream<unknown>).sink("example-out", seen);
    return { mustEmit: true, isLong: false };
  }
  if ("kind" in result && result.kind === "source") {
    const source = result as Source<unknown, Split>;
    env.source("example", source).sink("example-out", seen);
    const isLong = source.boundedness === "unbounded" || LARGE_SOURCES.has(source.connector);
    return { mustEmit: true, isLong };
  }
  return NOTHING;
}

async function run(build: (env: StreamEnvironment) => Ending): Promise<void> {
  let ending = NOTHING;
  let isEmpty = false;
  const program = job("example", (env) => {
    ending = build(env);
    isEmpty = env.explain().operators.length === 0;
    if (isEmpty) env.source("nothing", collection([])).sink("nowhere", seen);
  });
  emittedCount = 0;
  const first = new Promise<void>((resolve) => (isFirst = resolve));
  const start = await startJob(program, {
    env: { ...nodeEnv({ verify: true }), output: { write: () => undefined } },
  });
  assert.equal(start.kind, "started");
  if (start.kind !== "started") return;
  if (ending.isLong) {
    await Promise.race([first, start.job.ended]);
    await start.job.cancel();
  }
  const { status, error } = await start.job.ended;
  assert.ifError(error);
  assert.equal(status, ending.isLong ? "CANCELED" : "FINISHED");
  assert.ok(emittedCount > 0 || !ending.mustEmit, "nothing came out of the example");
}
