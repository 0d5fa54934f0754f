// The same command with another parallelism: the run goes on from its newest checkpoint, and what
// it shows in the end is what a run without any change would have shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { emits } from "../api/stream-base.ts";
import { collect } from "../connectors/collect.ts";
import { collection } from "../connectors/collection.ts";
import { fileSink } from "../connectors/file-sink/file-sink.ts";
import { files } from "../connectors/files/files.ts";
import { json } from "../connectors/formats/json.ts";
import { generator } from "../connectors/generator.ts";
import { broadcastState } from "../state/broadcast-state.ts";
import { listState, mapState, valueState } from "../state/descriptors.ts";
import { operatorListState, unionListState } from "../state/operator-state.ts";
import { t } from "../types/t.ts";
import { count, sum } from "../window/aggregates.ts";
import { session, sliding, tumbling } from "../window/assigner.ts";
import type { SimProcess } from "../testing/sim-env.ts";
import { JobBench } from "./job.fixture.ts";

const KEPT = { checkpointDirectory: "/runs" };
const PARALLELISMS = [1, 3, 2, 5, 1];
const RECORDS_COUNT = 3_000;
const KEYS_COUNT = 37;

/** Numbers 0 … count − 1, each of which is its timestamp too. */
function numbers(env: StreamEnvironment) {
  return env
    .checkpoint({ interval: 100 })
    .source(
      "numbers",
      generator({ count: RECORDS_COUNT, make: (index) => index, ratePerSecond: 1_000, splits: 4 }),
    )
    .watermarks({ timestamp: (n) => n });
}

/** Runs the job to its end, killed after some checkpoints and resumed with the next parallelism. */
async function rescaled(
  build: (env: StreamEnvironment) => void,
  parallelisms: readonly number[] = PARALLELISMS,
): Promise<void> {
  const bench = new JobBench();
  for (const parallelism of parallelisms.slice(0, -1)) {
    const before = bench.count("checkpoint");
    await bench.running(build, { ...KEPT, parallelism });
    // Bases and deltas on them.
    await bench.until(() => bench.count("checkpoint") >= before + 3);
    bench.restart();
  }
  const end = await bench.run(build, { ...KEPT, parallelism: parallelisms.at(-1) ?? 1 });
  assert.equal(end.status, "FINISHED");
  const restores = bench.events.flatMap((event) => (event.kind === "attempt" ? [event] : []));
  const restoredCount = restores.filter(({ restoredId }) => restoredId !== undefined).length;
  assert.equal(restoredCount, parallelisms.length - 1, "every start but the first restores");
}

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

test("keyed state goes with its keys through every change of parallelism", async () => {
  const out = collect<{ key: number; count: number; listed: number; mapped: number }>();
  await rescaled((env) => {
    numbers(env)
      .keyBy((n) => n % KEYS_COUNT, t.int32)
      .process(
        "counts",
        {
          state: {
            count: valueState(t.int32, { default: 0 }),
            list: listState(t.int32),
            map: mapState(t.string, t.int32),
          },
          process(n, { key, state: { count: counted, list, map }, emit }) {
            counted.set(counted.get() + 1);
            list.add(n);
            map.set(`${n % 5}`, n);
            emit({ key, count: counted.get(), listed: list.size, mapped: map.size });
          },
        },
        emits<{ key: number; count: number; listed: number; mapped: number }>(),
      )
      .sink("out", out);
  });
  const seen = new Map<number, number>();
  for (const record of out.records()) {
    const next = (seen.get(record.key) ?? 0) + 1;
    seen.set(record.key, next);
    assert.equal(record.listed, record.count);
    assert.ok(record.mapped <= 5);
  }
  assert.equal(out.records().length, RECORDS_COUNT);
  for (const [key, total] of seen) {
    const own = out.records().filter((record) => record.key === key);
    assert.deepEqual(
      ascending(own.map((record) => record.count)),
      Array.from({ length: total }, (_, index) => index + 1),
    );
  }
});

test("timers fire once, in the subtask that has their key then", async () => {
  const out = collect<string>();
  await rescaled((env) => {
    numbers(env)
      .keyBy((n) => n % KEYS_COUNT, t.int32)
      .process(
        "timers",
        {
          process: (n, { timers }) => timers.registerEventTime(n + 1_500),
          onTimer: ({ timestamp }, { key, emit }) => emit(`${key}@${timestamp}`),
        },
        emits<string>(),
      )
      .sink("out", out);
  });
  const expected = Array.from(
    { length: RECORDS_COUNT },
    (_, n) => `${n % KEYS_COUNT}@${n + 1_500}`,
  );
  assert.deepEqual([...out.records()].sort(), expected.sort());
});

test("windows of all kinds give each result once, with all of its records", async () => {
  const tumbled = collect<{ start: number; key: number; sum: number }>();
  const slid = collect<{ start: number; count: number }>();
  const visits = collect<{ key: number; count: number }>();
  await rescaled((env) => {
    const keyed = numbers(env).keyBy((n) => n % KEYS_COUNT, t.int32);
    keyed
      .window(tumbling(500))
      .allowedLateness(300)
      .aggregate(
        "tumbling",
        { sum: sum((n: number) => n) },
        (value, { key, window }, emit) => emit({ start: window.start, key, sum: value.sum }),
        emits<{ start: number; key: number; sum: number }>(),
      )
      .sink("tumbled", tumbled);
    keyed
      .window(sliding(1_000, 250))
      .aggregate(
        "sliding",
        { count: count() },
        (value, { window }, emit) => emit({ start: window.start, count: value.count }),
        emits<{ start: number; count: number }>(),
      )
      .sink("slid", slid);
    keyed
      .window(session(200))
      .aggregate(
        "sessions",
        { count: count() },
        (value, { key }, emit) => emit({ key, count: value.count }),
        emits<{ key: number; count: number }>(),
      )
      .sink("visits", visits);
  });
  const sums = new Map<string, number>();
  for (let n = 0; n < RECORDS_COUNT; n++) {
    const name = `${Math.floor(n / 500) * 500}/${n % KEYS_COUNT}`;
    sums.set(name, (sums.get(name) ?? 0) + n);
  }
  const found = tumbled.records().map(({ start, key, sum: total }) => `${start}/${key}=${total}`);
  assert.deepEqual([...found].sort(), [...sums].map(([name, total]) => `${name}=${total}`).sort());
  // Every record is in four windows of a thousand that slide by 250.
  assert.equal(
    slid.records().reduce((total, record) => total + record.count, 0),
    RECORDS_COUNT * 4,
  );
  assert.equal(slid.records().length, new Set(slid.records().map(({ start }) => start)).size * 37);
  // The records of a key are 37 ms apart: one session each.
  assert.deepEqual(
    visits
      .records()
      .map(({ key }) => key)
      .toSorted((a, b) => a - b),
    Array.from({ length: KEYS_COUNT }, (_, key) => key),
  );
  assert.equal(
    visits.records().reduce((total, record) => total + record.count, 0),
    RECORDS_COUNT,
  );
});

test("elements of operator lists are dealt out, none lost and none twice", async () => {
  const out = collect<number>();
  await rescaled((env) => {
    numbers(env)
      .rebalance()
      .process(
        "held",
        {
          operatorState: { held: operatorListState(t.int32) },
          process(n, { operatorState: { held }, emit }) {
            held.add(n);
            if (held.get().length < 50) return;
            for (const each of held.get().slice(0, 30)) emit(each);
            held.update(held.get().slice(30));
          },
          end({ operatorState: { held }, emit }) {
            for (const each of held.get()) emit(each);
            held.clear();
          },
        },
        emits<number>(),
      )
      .sink("out", out);
  });
  assert.deepEqual(
    ascending(out.records()),
    Array.from({ length: RECORDS_COUNT }, (_, n) => n),
  );
});

test("every subtask gets all of a union list, also at the same parallelism", async () => {
  const found = new Map<string, readonly string[]>();
  let start = 0;
  const names = (parallelism: number): string[] =>
    Array.from({ length: parallelism }, (_, subtask) => `${subtask + 1}/${parallelism}`);
  const parallelisms = [2, 3, 3, 1];
  await rescaled((env) => {
    const own = start++;
    numbers(env)
      .rebalance()
      .process("union", {
        operatorState: { seen: unionListState(t.string) },
        open({ operatorState: { seen }, subtaskIndex, parallelism }) {
          found.set(`${own}/${subtaskIndex}`, [...seen.get()]);
          seen.update([`${subtaskIndex + 1}/${parallelism}`]);
        },
        process() {},
      })
      .sink("out", collect<unknown>());
  }, parallelisms);
  for (const [index, parallelism] of parallelisms.entries()) {
    const expected = index === 0 ? [] : names(parallelisms[index - 1]);
    for (let subtask = 0; subtask < parallelism; subtask++) {
      assert.deepEqual(found.get(`${index}/${subtask}`), expected, `start ${index}`);
    }
  }
});

/** A job whose subtasks tell, with every number, the rules that they know. */
function ruled(env: StreamEnvironment, tell: (place: string, rules: string) => void): void {
  const rules = env
    .source("rules", collection(["a", "b", "c"]))
    .parallelism(1)
    .broadcast({ rules: broadcastState(t.string, t.int32) });
  const all = numbers(env);
  all
    .rebalance()
    .connect(rules)
    .process("plain", {
      process(_, { broadcastState: known, subtaskIndex }) {
        tell(`plain/${subtaskIndex}`, [...known.rules.keys()].join(""));
      },
      processBroadcast: (rule, { broadcastState: known }) => known.rules.set(rule, 1),
    })
    .sink("plain-out", collect<unknown>());
  all
    .keyBy((n) => n % KEYS_COUNT, t.int32)
    .connect(rules)
    .process("keyed", {
      process(_, { broadcastState: known, subtaskIndex }) {
        tell(`keyed/${subtaskIndex}`, [...known.rules.keys()].join(""));
      },
      processBroadcast: (rule, { broadcastState: known }) => known.rules.set(rule, 1),
    })
    .sink("keyed-out", collect<unknown>());
}

test("every subtask has the whole broadcast state, at any parallelism", async () => {
  const parallelisms = [2, 5, 5, 1, 3];
  const found: Map<string, Set<string>>[] = [];
  await rescaled((env) => {
    const places = new Map<string, Set<string>>();
    found.push(places);
    ruled(env, (place, known) => places.set(place, (places.get(place) ?? new Set()).add(known)));
  }, parallelisms);
  for (const [index, places] of found.entries()) {
    assert.equal(places.size, 2 * parallelisms[index]);
    for (const [place, known] of places) {
      // The source of the rules has ended long before the first restore.
      const expected = index === 0 ? [...known].slice(0, -1).concat("abc") : ["abc"];
      assert.deepEqual([...known], expected, `start ${index}, ${place}`);
    }
  }
});

const Line = t.struct({ n: t.int32 });
const Result = t.struct({ n: t.int32, isAgain: t.bool });
const LINES_COUNT = 300;

/** Writes a file of lines that the source has not seen yet. */
async function addFile({ env }: SimProcess, file: number): Promise<void> {
  const first = file * LINES_COUNT;
  const lines = Array.from({ length: LINES_COUNT }, (_, line) => `{"n":${first + line}}\n`);
  const opened = await env.files.create(`/in/.${file}`);
  await opened.write(new TextEncoder().encode(lines.join("")));
  await opened.sync();
  await opened.close();
  await env.files.rename(`/in/.${file}`, `/in/${file}.jsonl`);
}

/** Records in the visible files of a directory. */
async function readAll({ env }: SimProcess): Promise<{ n: number; isAgain: boolean }[]> {
  const texts: string[] = [];
  for (const name of (await env.files.list("/out")).filter((each) => each.endsWith(".jsonl"))) {
    const opened = await env.files.open(`/out/${name}`);
    texts.push(new TextDecoder().decode(await opened.read(0, opened.sizeBytes)));
    await opened.close();
  }
  const lines = texts.join("").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as { n: number; isAgain: boolean });
}

test("files are read and written exactly once, also those that come in between", async () => {
  const bench = new JobBench();
  const { scheduler } = bench.world;
  const build = (env: StreamEnvironment): void => {
    env
      .checkpoint({ interval: 50 })
      .source("lines", files("/in/*.jsonl", json(Line), { splitBytes: 500, watch: "20ms" }))
      .keyBy("n")
      .process(
        "once",
        {
          state: { seen: valueState(t.bool) },
          process({ n }, { state: { seen }, emit }) {
            emit({ n, isAgain: seen.get() === true });
            seen.set(true);
          },
        },
        emits<{ n: number; isAgain: boolean }>(),
      )
      .sink("out", fileSink("/out", json(Result)));
  };
  await scheduler.runUntil(bench.process.env.files.createDirectory("/in"));
  let filesCount = 0;
  for (const parallelism of PARALLELISMS) {
    const before = bench.count("checkpoint");
    await bench.running(build, { ...KEPT, parallelism });
    for (let file = 0; file < 3; file++) {
      await scheduler.runUntil(addFile(bench.process, filesCount++));
      await bench.until(() => bench.count("checkpoint") > before + file);
    }
    bench.restart();
  }
  await bench.running(build, { ...KEPT, parallelism: 4 });
  await bench.advance(2_000);
  const records = await scheduler.runUntil(readAll(bench.process));
  assert.deepEqual(
    ascending(records.map(({ n }) => n)),
    Array.from({ length: filesCount * LINES_COUNT }, (_, n) => n),
  );
  assert.ok(records.every(({ isAgain }) => !isAgain));
});
