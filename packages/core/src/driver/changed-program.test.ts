// Going on with a changed program: what is refused, and what starts empty.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { emits } from "../api/stream-base.ts";
import { collect } from "../connectors/collect.ts";
import { discard } from "../connectors/for-each.ts";
import { generator } from "../connectors/generator.ts";
import { errorCode } from "../errors.ts";
import { listState, mapState, valueState } from "../state/descriptors.ts";
import type { StateDescriptor } from "../state/descriptors.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";
import { JobBench } from "./job.fixture.ts";

const KEPT = { checkpointDirectory: "/runs" };

function paced(stepMs: number, ratePerSecond: number) {
  return generator({ make: (index) => index * stepMs, ratePerSecond });
}

const RESTORED: readonly [what: string, change: (env: StreamEnvironment) => void, RegExp][] = [
  [
    "an operator with state that is gone",
    (env) => env.source("numbers", paced(1, 100)).sink("out", collect<number>()),
    /operator "sums" has state in checkpoint \d+, but the job has no operator with this uid/,
  ],
  [
    "another max parallelism",
    (env) =>
      env
        .maxParallelism(64)
        .source("numbers", paced(1, 100))
        .keyBy((n) => n % 3, t.int32)
        .aggregate("sums", { count: count() })
        .sink("out", collect<unknown>()),
    /operator "sums" has max parallelism 128 in checkpoint \d+, but the job has 64/,
  ],
  [
    "keys of another type",
    (env) =>
      env
        .source("numbers", paced(1, 100))
        .keyBy((n) => `${n % 3}`, t.string)
        .aggregate("sums", { count: count() })
        .sink("out", collect<unknown>()),
    /keys of the operator "sums" are int32 in checkpoint .*, and are string now/,
  ],
];

for (const [what, change, message] of RESTORED) {
  test(`a changed program with ${what} is refused, and the run stays`, async () => {
    const bench = new JobBench();
    const start = (env: StreamEnvironment): void =>
      env
        .checkpoint({ interval: 100 })
        .source("numbers", paced(1, 100))
        .keyBy((n) => n % 3, t.int32)
        .aggregate("sums", { count: count() })
        .sink("out", collect<unknown>());
    await bench.running(start, KEPT);
    await bench.until(() => bench.count("checkpoint") > 2);
    bench.restart();
    const error = await bench.refused((env) => {
      env.restart({ kind: "none" });
      change(env);
    }, KEPT);
    assert.match(error.message, message);
    const again = await bench.running(start, KEPT);
    await bench.advance(500);
    assert.equal(again.status, "RUNNING");
    await bench.world.scheduler.runUntil(again.cancel());
  });
}

for (const [what, allowed] of [
  ["all", true],
  ["an operator's", ["more"]],
  ["a state's", ["more", "sums/last"]],
] as const) {
  test(`a run goes on without state that its program has no more: ${what}`, async () => {
    const bench = new JobBench();
    const out = collect<number>();
    const build =
      (isLess: boolean) =>
      (env: StreamEnvironment): void => {
        const whole = { count: valueState(t.int32, { default: 0 }), last: valueState(t.int32) };
        const { last, ...less } = whole;
        const state = isLess && what === "a state's" ? less : { ...less, last };
        const numbers = env
          .checkpoint({ interval: 100 })
          .source("numbers", paced(1, 100))
          .keyBy(() => "all", t.string);
        numbers
          .process(
            "sums",
            {
              state: state as typeof whole,
              process(n, { state: handles, emit }) {
                handles.count.set(handles.count.get() + 1);
                if ("last" in state) handles.last.set(n);
                emit(handles.count.get());
              },
            },
            emits<number>(),
          )
          .sink("out", out);
        if (isLess) return;
        numbers.aggregate("more", { n: count() }).sink("x", discard());
      };
    const runsTo = (records: number): Promise<void> =>
      bench.until(() => out.records().length > records);
    await bench.running(build(false), KEPT);
    await runsTo(100);
    bench.restart();
    const restore = { allowNonRestoredState: allowed };
    const error = await bench.refused(build(true), KEPT);
    assert.equal(errorCode(error), "RESTORE_MISMATCH");
    await bench.running(build(true), { ...KEPT, restore });
    await runsTo(200);
    bench.restart();
    // From here on the run's own checkpoints do not have it.
    const handle = await bench.running(build(true), KEPT);
    await runsTo(300);
    await bench.world.scheduler.runUntil(handle.cancel());
    assert.deepEqual(
      out.records(),
      out.records().map((_, index) => index + 1),
    );
  });
}

test("who owns a snapshot, and its sinks, cannot be said where none is named", async () => {
  for (const restore of [{ claimMode: "CLAIM" }, { sinks: "discard" }] as const) {
    const error = await new JobBench().refused(
      (env) => env.source("numbers", paced(1, 100)).sink("out", discard()),
      { ...KEPT, restore },
    );
    assert.equal(errorCode(error), "INVALID_ARGUMENT");
    assert.match(error.message, new RegExp(`^restore: ${Object.keys(restore)[0]} says how`));
  }
});

test("an operator that is new in the program starts empty, the others go on", async () => {
  const bench = new JobBench();
  const out = collect<number>();
  const build =
    (isNew: boolean) =>
    (env: StreamEnvironment): void => {
      const counts = env
        .checkpoint({ interval: 100 })
        .source("numbers", paced(1, 100))
        .keyBy(() => "all", t.string)
        .aggregate("sums", { count: count() });
      counts.map((each) => each.count).sink("out", out);
      if (isNew)
        counts.keyBy("key").aggregate("more", { n: count() }).sink("x", collect<unknown>());
    };
  await bench.running(build(false), KEPT);
  await bench.until(() => out.records().length > 100);
  bench.restart();
  const handle = await bench.running(build(true), KEPT);
  await bench.until(() => out.records().length > 200);
  await bench.world.scheduler.runUntil(handle.cancel());
  assert.deepEqual(
    out.records(),
    out.records().map((_, index) => index + 1),
  );
});

test("operators under new uids go on from the state of their aliases", async () => {
  const bench = new JobBench();
  const out = collect<number>();
  const build =
    (suffix: string) =>
    (env: StreamEnvironment): void => {
      if (suffix !== "") {
        for (const uid of ["numbers", "sums", "out"]) env.aliases(`${uid}${suffix}`, uid);
      }
      env
        .checkpoint({ interval: 100 })
        .source(`numbers${suffix}`, paced(1, 100))
        .keyBy(() => "all", t.string)
        .aggregate(`sums${suffix}`, { count: count() })
        .map((each) => each.count)
        .sink(`out${suffix}`, out);
    };
  await bench.running(build(""), KEPT);
  await bench.until(() => out.records().length > 100);
  bench.restart();
  await bench.running(build("-2"), KEPT);
  await bench.until(() => out.records().length > 200);
  bench.restart();
  // From here on the run has them under their new uids; the aliases do no harm.
  const handle = await bench.running(build("-2"), KEPT);
  await bench.until(() => out.records().length > 300);
  await bench.world.scheduler.runUntil(handle.cancel());
  assert.deepEqual(
    out.records(),
    out.records().map((_, index) => index + 1),
  );
});

/** A job whose operator "keyed" has the given states and writes the first as `write` says. */
function withStates(
  state: Record<string, StateDescriptor>,
  write: (handles: Record<string, never>) => void,
) {
  return (env: StreamEnvironment): void =>
    env
      .checkpoint({ interval: 100 })
      .restart({ kind: "none" })
      .source("numbers", paced(1, 100))
      .keyBy((n) => n % 3, t.int32)
      .process("keyed", {
        state,
        process: (_n, context) => write(context.state as unknown as Record<string, never>),
      })
      .sink("out", collect<unknown>());
}

interface Handles {
  readonly value: { set(value: unknown): void };
  readonly list: { add(value: unknown): void };
  readonly map: { set(key: unknown, value: unknown): void };
}

const STATES = {
  value: valueState(t.struct({ a: t.int32, b: t.string })),
  list: listState(t.int32),
  map: mapState(t.string, t.int32),
};

function fill(handles: Record<string, never>): void {
  const { value, list, map } = handles as unknown as Handles;
  value.set({ a: 1, b: "x" });
  list.add(1);
  map.set("k", 1);
}

const CHANGED: readonly [what: string, state: Record<string, StateDescriptor>, RegExp][] = [
  [
    "a field of another type",
    { ...STATES, value: valueState(t.struct({ a: t.string, b: t.string })) },
    /"value" \(value struct\{a: int32, b: string\}\) .* at "a", int32 is string now/,
  ],
  ["a value of another type", { ...STATES, value: valueState(t.int32) }, /is value int32 now/],
  ["a list that was a value", { ...STATES, value: listState(t.int32) }, /is list int32 now/],
  [
    "elements of another type",
    { ...STATES, list: listState(t.string) },
    /"list" .* is list string/,
  ],
  [
    "map keys of another type",
    { ...STATES, map: mapState(t.int32, t.int32) },
    /"map" \(map map<string, int32>\) .* is map map<int32, int32> now/,
  ],
  [
    "a state that is gone",
    { value: STATES.value, list: STATES.list },
    /"map" .* is not declared now/,
  ],
];

for (const [what, state, message] of CHANGED) {
  test(`a changed program with ${what} is refused, with state and both types`, async () => {
    const bench = new JobBench();
    await bench.running(withStates(STATES, fill), KEPT);
    await bench.until(() => bench.count("checkpoint") > 2);
    bench.restart();
    const error = await bench.refused(
      withStates(state, () => undefined),
      KEPT,
    );
    assert.match(error.message, /The operator "keyed" has the state/);
    assert.match(error.message, message);
  });
}

test("a state that is new beside the old ones starts empty", async () => {
  const bench = new JobBench();
  await bench.running(withStates(STATES, fill), KEPT);
  await bench.until(() => bench.count("checkpoint") > 2);
  bench.restart();
  const seen = new Set<unknown>();
  const states = { ...STATES, added: valueState(t.int32, { default: 7 }) };
  const handle = await bench.running(
    withStates(states, (handles) => {
      const { added, value } = handles as unknown as Record<string, { get(): unknown }>;
      seen.add(`${JSON.stringify(value?.get())} ${String(added?.get())}`);
    }),
    KEPT,
  );
  await bench.advance(500);
  await bench.world.scheduler.runUntil(handle.cancel());
  assert.deepEqual(seen, new Set([`{"a":1,"b":"x"} 7`]));
});

test("an operator that is of another kind under its uid is refused", async () => {
  const bench = new JobBench();
  await bench.running(withStates(STATES, fill), KEPT);
  await bench.until(() => bench.count("checkpoint") > 2);
  bench.restart();
  const error = await bench.refused((env) => {
    env
      .restart({ kind: "none" })
      .source("numbers", paced(1, 100))
      .keyBy((n) => n % 3, t.int32)
      .aggregate("keyed", { count: count() })
      .sink("out", collect<unknown>());
  }, KEPT);
  assert.match(
    error.message,
    /"keyed" was of the kind keyedProcess .* is of the kind aggregate now/,
  );
});
