import assert from "node:assert/strict";
import { test } from "node:test";
import { Batch } from "../columns/batch.ts";
import type { Env } from "../env/env.ts";
import { nodeEnv } from "../env/node-env.ts";
import { collect, type CollectSink } from "./collect.ts";
import { discard, forEach, print } from "./for-each.ts";
import { sinkChecks } from "./sink-conformance.ts";
import type { Sink, SinkWriter } from "./sink.ts";

const env = nodeEnv({ verify: true });

const checks = sinkChecks({
  name: "collect",
  records: Array.from({ length: 130 }, (_, id) => ({ id })),
  make: () => {
    const sink: CollectSink<unknown> = collect();
    return Promise.resolve({ env, sink, visible: () => Promise.resolve(sink.records()) });
  },
});
for (const check of checks) test(check.title, check.run);

function writerOf(sink: Sink<never>, on: Env, parallelism = 1): SinkWriter {
  return (sink as Sink<unknown>).createWriter({
    env: on,
    uid: "out",
    runId: "r",
    epoch: 1,
    attempt: 1,
    subtaskIndex: parallelism - 1,
    parallelism,
    restored: [],
    pending: [],
    hasCheckpoints: false,
    wake: () => undefined,
    fail: (error) => assert.fail(String(error)),
  });
}

test("forEach gives the function the records of a batch, in order, up to its count", async () => {
  const seen: number[] = [];
  const writer = writerOf(
    forEach((record: number) => seen.push(record)),
    env,
  );
  writer.open();
  writer.write(Batch.ofRecords([1, 2, 3], 2));
  writer.write(Batch.ofRecords([4]));
  assert.deepEqual(seen, [1, 2, 4]);
  assert.deepEqual(writer.prepareCommit(1, true), []);
  await writer.flushed();
  await writer.close();
});

test("print writes lines of JSON, with prefix and subtask as Flink does", () => {
  const lines: string[] = [];
  const output = { write: (text: string) => void lines.push(text) };
  const on: Env = { ...env, output };
  writerOf(print(), on).write(Batch.ofRecords([{ a: 1n }, "x"]));
  writerOf(print(), on, 2).write(Batch.ofRecords([1]));
  writerOf(print({ prefix: "p" }), on, 2).write(Batch.ofRecords([2]));
  assert.deepEqual(lines, ['{"a":"1"}\n"x"\n', "2> 1\n", "p:2> 2\n"]);
});

test("print without an output is refused", () => {
  const { output: _output, ...rest } = env;
  assert.throws(() => writerOf(print(), rest), { code: "CONNECTOR_INVALID" });
});

test("discard takes everything", () => {
  const writer = writerOf(discard(), env);
  writer.write(Batch.ofRecords([1]));
  assert.deepEqual(writer.prepareCommit(1, false), []);
});
