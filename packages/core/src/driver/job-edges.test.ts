// How records travel between subtasks: partitioners, unions, side outputs, two inputs.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import type { StreamEnvironment } from "../api/environment.ts";
import { emits } from "../api/stream-base.ts";
import { collect } from "../connectors/collect.ts";
import { collection } from "../connectors/collection.ts";
import { sideOutput } from "../operators/process-function.ts";
import { listState } from "../state/descriptors.ts";
import { t } from "../types/t.ts";
import { JobBench } from "./job.fixture.ts";

const NUMBERS = Array.from({ length: 3000 }, (_, n) => n);

interface Seen {
  readonly n: number;
  readonly subtask: number;
}

function numbers(env: StreamEnvironment, uid = "numbers"): DataStream<number> {
  return env.source(uid, collection(NUMBERS, { splits: 6 }));
}

/** Says in which subtask a record came. */
function seen(stream: DataStream<number>, uid = "seen"): DataStream<Seen> {
  return stream.process(
    uid,
    { process: (n, { subtaskIndex, emit }) => emit({ n, subtask: subtaskIndex }) },
    emits<Seen>(),
  );
}

async function gather<T>(
  build: (env: StreamEnvironment) => DataStream<T>,
  parallelism = 3,
): Promise<readonly T[]> {
  const bench = new JobBench();
  const out = collect<T>();
  const end = await bench.run((env) => build(env).sink("out", out), { parallelism });
  assert.equal(end.status, "FINISHED");
  return out.records();
}

function sorted(records: readonly number[]): number[] {
  return [...records].sort((a, b) => a - b);
}

function perSubtask(records: readonly Seen[]): number[] {
  const counts: number[] = [];
  for (const { subtask } of records) counts[subtask] = (counts[subtask] ?? 0) + 1;
  return counts;
}

test("rebalance and rescale give every record to one subtask, and each its share", async () => {
  for (const kind of ["rebalance", "rescale"] as const) {
    const records = await gather((env) => seen(numbers(env)[kind]()));
    assert.deepEqual(sorted(records.map(({ n }) => n)), NUMBERS);
    const counts = perSubtask(records);
    assert.equal(counts.length, 3);
    assert.ok(
      counts.every((each) => each > 100),
      counts.join(),
    );
  }
});

test("broadcast gives every record to every subtask", async () => {
  const records = await gather((env) => seen(numbers(env).broadcast()));
  assert.deepEqual(perSubtask(records), [3000, 3000, 3000]);
  for (const subtask of [0, 1, 2]) {
    const own = records.filter((each) => each.subtask === subtask).map(({ n }) => n);
    assert.deepEqual(sorted(own), NUMBERS);
  }
});

test("records of one key meet in one subtask, whatever the parallelism before", async () => {
  const records = await gather((env) =>
    numbers(env)
      .map((n) => n, { parallelism: 2 })
      .keyBy((n) => n % 50, t.int32)
      .process(
        "subtasks",
        {
          state: { all: listState(t.int32) },
          process(n, { key, subtaskIndex, emit, state }) {
            state.all.add(n);
            emit({ key, subtask: subtaskIndex, count: state.all.size });
          },
        },
        emits<{ key: number; subtask: number; count: number }>(),
      ),
  );
  const subtaskOf = new Map<number, number>();
  for (const { key, subtask } of records) {
    assert.equal(subtaskOf.get(key) ?? subtask, subtask);
    subtaskOf.set(key, subtask);
  }
  assert.equal(new Set(subtaskOf.values()).size, 3);
  assert.equal(records.filter(({ count }) => count === 60).length, 50);
});

test("a stream united with itself gives each record twice, at any parallelism", async () => {
  for (const parallelism of [1, 3]) {
    const records = await gather((env) => {
      const stream = numbers(env);
      return seen(stream.union(stream));
    }, parallelism);
    assert.deepEqual(sorted(records.map(({ n }) => n)), sorted([...NUMBERS, ...NUMBERS]));
  }
});

test("a stream connected with itself comes in on both inputs", async () => {
  for (const parallelism of [1, 2]) {
    const records = await gather((env) => {
      const keyed = numbers(env).keyBy((n) => n % 7, t.int32);
      return keyed.connect(keyed).process(
        "both",
        {
          processFirst: (n, { emit }) => emit(n),
          processSecond: (n, { emit }) => emit(-n - 1),
        },
        emits<number>(),
      );
    }, parallelism);
    assert.deepEqual(sorted(records), sorted(NUMBERS.flatMap((n) => [n, -n - 1])));
  }
});

test("side outputs and the main output each reach their consumers, chained or not", async () => {
  const odd = sideOutput<number>("odd");
  for (const parallelism of [1, 3]) {
    const bench = new JobBench();
    const outs = { even: collect<number>(), odd: collect<number>(), spread: collect<number>() };
    await bench.run(
      (env) => {
        const split = numbers(env).process(
          "split",
          {
            process(n, { emit, output }) {
              if (n % 2 === 0) emit(n);
              else output(odd, n);
            },
          },
          emits<number>(),
        );
        split.sink("even", outs.even);
        split.sideOutput(odd).sink("odd", outs.odd);
        split.sideOutput(odd).rebalance().sink("spread", outs.spread);
      },
      { parallelism },
    );
    assert.deepEqual(
      sorted(outs.even.records()),
      NUMBERS.filter((n) => n % 2 === 0),
    );
    assert.deepEqual(
      sorted(outs.odd.records()),
      NUMBERS.filter((n) => n % 2 === 1),
    );
    assert.deepEqual(
      sorted(outs.spread.records()),
      NUMBERS.filter((n) => n % 2 === 1),
    );
  }
});

test("records that cannot travel are named with operator and field", async () => {
  const bench = new JobBench();
  const end = await bench.run(
    (env) => {
      env.restart({ kind: "none" });
      numbers(env)
        .map((n) => ({ n, fn: () => n }), { uid: "functions" })
        .rebalance()
        .sink("out", collect<object>());
    },
    { parallelism: 2 },
  );
  assert.equal(end.status, "FAILED");
  assert.match((end.error as Error).message, /functions.*fn|fn.*functions/s);
});
