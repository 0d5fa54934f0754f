// Another run of a changed program from a snapshot: another parallelism, other uids, less state.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { emits } from "../api/stream-base.ts";
import { collect } from "../connectors/collect.ts";
import { generator } from "../connectors/generator.ts";
import { errorCode } from "../errors.ts";
import { listState, mapState, valueState } from "../state/descriptors.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import { t } from "../types/t.ts";
import { JobBench } from "./job.fixture.ts";
import type { RestoreOptions } from "./restore-options.ts";

const KEPT = { checkpointDirectory: "/runs" };
const KEYS_COUNT = 20;

const STATES = {
  count: valueState(t.int32, { default: 0 }),
  list: listState(t.int32),
  map: mapState(t.string, t.int32),
};

/** Counts per key, and a second operator with state beside it. */
function counting(
  out = collect<number>(),
  changed: {
    readonly states?: StateDescriptors;
    readonly suffix?: string;
    readonly hasExtra?: boolean;
  } = {},
) {
  const { states = STATES, suffix = "", hasExtra = true } = changed;
  return (env: StreamEnvironment): void => {
    const numbers = env
      .checkpoint({ interval: 100 })
      .source("numbers", generator({ make: (index) => index, ratePerSecond: 1_000, splits: 2 }))
      .keyBy((n) => n % KEYS_COUNT, t.int32);
    numbers
      .process(
        `counts${suffix}`,
        {
          state: states,
          process(n, { state, emit }) {
            const { count, list, map } = state as unknown as {
              count: { get(): number; set(value: number): void };
              list?: { add(value: number): void };
              map?: { set(key: string, value: number): void };
            };
            count.set(count.get() + 1);
            list?.add(n);
            map?.set(`${n % 3}`, n);
            emit(count.get());
          },
        },
        emits<number>(),
      )
      .sink(`out${suffix}`, out);
    if (!hasExtra) return;
    numbers
      .process("extra", {
        state: { last: valueState(t.int32) },
        process: (n, { state: { last } }) => last.set(n),
      })
      .sink("nowhere", collect<unknown>());
  };
}

/** A bench whose job was stopped with a savepoint, at parallelism 2. */
async function stopped() {
  const bench = new JobBench();
  const out = collect<number>();
  const handle = await bench.running(counting(out), { ...KEPT, parallelism: 2 });
  await bench.advance(1_500);
  const savepoint = await bench.world.scheduler.runUntil(handle.stop());
  bench.restart();
  return { bench, out, restore: { path: savepoint.location } };
}

/** Runs the job from the snapshot for a while, and looks that every count comes once per key. */
async function goesOn(
  { bench, out }: { readonly bench: JobBench; readonly out: ReturnType<typeof collect<number>> },
  build: (env: StreamEnvironment) => void,
  options: { readonly parallelism: number; readonly restore: RestoreOptions },
): Promise<void> {
  const before = out.records().length;
  const handle = await bench.running(build, { ...KEPT, ...options, newRun: true });
  await bench.until(() => out.records().length > before + 200);
  await bench.world.scheduler.runUntil(handle.stop());
  const timesOf = new Map<number, number>();
  for (const count of out.records()) timesOf.set(count, (timesOf.get(count) ?? 0) + 1);
  const last = Math.max(...timesOf.keys());
  assert.ok(last > before / KEYS_COUNT, "counts go on");
  // Keys differ by one or a few at the end, since splits are read side by side.
  const least = Math.floor(before / KEYS_COUNT / 2);
  for (let count = 1; count <= least; count++) assert.equal(timesOf.get(count), KEYS_COUNT);
  const total = [...timesOf.values()].reduce((sum, times) => sum + times, 0);
  assert.equal(total, out.records().length);
  assert.ok(
    [...timesOf.values()].every((times) => times <= KEYS_COUNT),
    "no count comes twice",
  );
}

test("another run goes on from a savepoint at any parallelism", async () => {
  const { bench, out, restore } = await stopped();
  for (const parallelism of [3, 1]) {
    // Each time from the same savepoint, with output of its own.
    const own = collect<number>();
    const handle = await bench.running(counting(own), {
      ...KEPT,
      parallelism,
      restore: { ...restore, sinks: "discard" },
      newRun: true,
    });
    await bench.until(() => own.records().length > 100);
    await bench.world.scheduler.runUntil(handle.cancel());
    const first = Math.min(...own.records());
    assert.ok(first > out.records().length / KEYS_COUNT / 2, `counts go on with ${first}`);
    bench.restart();
  }
  await goesOn({ bench, out }, counting(out), {
    parallelism: 5,
    restore: { ...restore, sinks: "commit" },
  });
});

test("a run keeps its max parallelism where its new parallelism would give another", async () => {
  const bench = new JobBench();
  const out = collect<number>();
  const build = counting(out, { hasExtra: false });
  await bench.running(build, { ...KEPT, parallelism: 1 });
  await bench.until(() => bench.count("checkpoint") >= 3);
  bench.restart();
  // A new job of this parallelism would have 256 key groups.
  const handle = await bench.running(build, { ...KEPT, parallelism: 90 });
  const before = out.records().length;
  await bench.until(() => out.records().length > before + 300, 1_000_000);
  await bench.world.scheduler.runUntil(handle.cancel());
  const counts = [...out.records()].sort((a, b) => a - b);
  const timesOf = (count: number): number => counts.filter((each) => each === count).length;
  for (let count = 1; count <= before / KEYS_COUNT / 2; count++) {
    assert.equal(timesOf(count), KEYS_COUNT);
  }
});

test("state that the program has no more is refused, all at once, or left behind", async () => {
  const { bench, out, restore } = await stopped();
  const build = counting(out, { states: { count: STATES.count }, hasExtra: false });
  const error = await bench.refused(build, { ...KEPT, newRun: true, restore });
  assert.equal(errorCode(error), "RESTORE_MISMATCH");
  for (const part of ['state "list"', 'state "map"', '"extra" has state']) {
    assert.ok(error.message.includes(part), error.message);
  }
  const allowNonRestoredState = ["counts", "extra", "nowhere"];
  await goesOn({ bench, out }, build, {
    parallelism: 2,
    restore: { ...restore, allowNonRestoredState },
  });
});

test("operators and sinks under new uids go on, and are asked for by them", async () => {
  const { bench, out, restore } = await stopped();
  const build = (env: StreamEnvironment): void =>
    counting(out, { suffix: "-2" })(env.aliases("counts-2", "counts").aliases("out-2", "out"));
  const refused = await bench.refused(build, {
    ...KEPT,
    newRun: true,
    restore: { ...restore, sinks: { out: "commit" } },
  });
  assert.match(refused.message, /A choice is given for "out", .* share are: out-2, nowhere/);
  await goesOn({ bench, out }, build, {
    parallelism: 3,
    restore: { ...restore, sinks: { "out-2": "commit" } },
  });
});
