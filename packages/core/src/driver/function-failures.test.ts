// Functions of the user that throw, wherever they are called: told with operator and kind.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import type { StreamEnvironment } from "../api/environment.ts";
import { collection } from "../connectors/collection.ts";
import { fileSink } from "../connectors/file-sink/file-sink.ts";
import { discard, forEach } from "../connectors/for-each.ts";
import { json } from "../connectors/formats/json.ts";
import { generator } from "../connectors/generator.ts";
import { errorCode } from "../errors.ts";
import { sum } from "../window/aggregates.ts";
import { session, tumbling } from "../window/assigner.ts";
import { JobBench } from "./job.fixture.ts";

interface Reading {
  readonly key: string;
  readonly at: number;
}

const READINGS: readonly Reading[] = [
  { key: "a", at: 1 },
  { key: "a", at: 2 },
];

function failing(): never {
  throw new RangeError("not today");
}

function readings(env: StreamEnvironment): DataStream<Reading> {
  return env.source("in", collection(READINGS)).watermarks({ timestamp: "at" });
}

const CASES: readonly [
  message: RegExp,
  build: (env: StreamEnvironment) => void,
  parallelism?: number,
][] = [
  [
    /^The make function of "in" \(subtask 0\) threw: RangeError: not today/,
    (env) => env.source("in", generator({ count: 3, make: failing })).sink("out", discard()),
  ],
  [
    /^The timestamp function of "in" \(subtask 0\) threw/,
    (env) =>
      env
        .source("in", collection(READINGS))
        .watermarks({ timestamp: failing })
        .sink("out", discard()),
  ],
  [
    /^The timestamp function of "in\/filter\.0\/watermarks\.0" \(subtask 0\) threw/,
    (env) =>
      env
        .source("in", collection(READINGS))
        .filter(() => true)
        .watermarks({ timestamp: failing })
        .sink("out", discard()),
  ],
  [
    /^The key function of "sums" \(subtask 0\) threw/,
    (env) =>
      readings(env)
        .keyBy(failing)
        .aggregate("sums", { at: sum("at") })
        .sink("out", discard()),
  ],
  [
    /^The key function of "sums" threw/,
    (env) =>
      readings(env)
        .keyBy(failing)
        .aggregate("sums", { at: sum("at") })
        .sink("out", discard()),
    2,
  ],
  [
    /^The aggregate function of "sums" \(subtask 0\) threw on record 1 of its input/,
    (env) =>
      readings(env)
        .keyBy("key")
        .aggregate("sums", { at: sum(failing) })
        .sink("out", discard()),
  ],
  [
    /^The reduce function of "last" \(subtask 0\) threw on record 2 of its input/,
    (env) => readings(env).keyBy("key").reduce("last", failing).sink("out", discard()),
  ],
  [
    /^The window function of "hours" \(subtask 0\) threw/,
    (env) =>
      readings(env)
        .keyBy("key")
        .window(tumbling("1h"))
        .process("hours", failing)
        .sink("out", discard()),
  ],
  [
    /^The window function of "visits" \(subtask 0\) threw/,
    (env) =>
      readings(env)
        .keyBy("key")
        .window(session(failing))
        .process("visits", () => undefined)
        .sink("out", discard()),
  ],
  [
    /^The forEach function of "out" \(subtask 0\) threw/,
    (env) => readings(env).sink("out", forEach(failing)),
  ],
  [
    /^The partitionBy function of "out" \(subtask 0\) threw/,
    (env) => readings(env).sink("out", fileSink("/out", json(), { partitionBy: failing })),
  ],
];

for (const [message, build, parallelism = 1] of CASES) {
  const what = message.source.replaceAll(/[\^\\]/g, "");
  test(`what a function throws is the user's failure: ${what} (${parallelism})`, async () => {
    const bench = new JobBench();
    const end = await bench.run((env) => build(env.restart({ kind: "none" })), { parallelism });
    assert.equal(end.status, "FAILED");
    const { cause } = end.error as Error;
    assert.equal(errorCode(cause), "USER_FUNCTION_FAILED");
    assert.match((cause as Error).message, message);
    assert.match((cause as Error).message, /RangeError: not today/);
  });
}
