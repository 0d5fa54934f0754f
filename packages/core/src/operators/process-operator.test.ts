// Process functions without keys, and those over two streams, in every mode.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import { emits } from "../api/stream-base.ts";
import { errorCode } from "../errors.ts";
import { mapState, valueState } from "../state/descriptors.ts";
import { operatorListState, unionListState } from "../state/operator-state.ts";
import { step, verifyOperator } from "../testing.ts";
import type { OperatorStep } from "../testing.ts";
import { t } from "../types/t.ts";
import { sideOutput } from "./process-function.ts";

const NUMBERS = Array.from({ length: 40 }, (_, n) => n);

test("a process function emits, splits and keeps operator lists", async () => {
  const big = sideOutput<string>("big");
  await verifyOperator({
    build: (numbers: DataStream<number>) =>
      numbers.process(
        "batches of three",
        {
          operatorState: { held: operatorListState(t.int32), seen: unionListState(t.string) },
          process(n, { operatorState: { held, seen }, emit, output }) {
            held.add(n);
            if (n >= 30) output(big, `big ${n}`);
            if (held.get().length < 3) return;
            seen.update([`last ${n}`]);
            emit(`${held.get().join(" ")} ${seen.get().join()}`);
            held.clear();
          },
          end: ({ operatorState: { held }, emit }) => emit(`left ${held.get().join(" ")}`),
        },
        emits<string>(),
      ),
    input: NUMBERS.map((n) => step.record(n)),
    expect: [
      ...Array.from({ length: 13 }, (_, index) => {
        const n = index * 3;
        return `${n} ${n + 1} ${n + 2} last ${n + 2}`;
      }),
      "left 39",
    ],
    sideOutputs: { big: NUMBERS.slice(30).map((n) => `big ${n}`) },
    orderedBy: () => "all",
  });
});

test("a process function sees timestamp, watermark, clock and subtask", async () => {
  await verifyOperator({
    build: (numbers: DataStream<number>) =>
      numbers.process(
        "see",
        {
          process(n, context) {
            const { timestamp, watermark, processingTime, subtaskIndex, parallelism } = context;
            context.emit([n, timestamp, watermark, processingTime, subtaskIndex, parallelism]);
          },
        },
        emits<unknown[]>(),
      ),
    input: [
      step.record(1, 10),
      step.watermark(20),
      step.processingTime(500),
      step.record(2, 30),
      step.record(3),
    ],
    expect: [
      [1, 10, -Infinity, 0, 0, 1],
      [2, 30, 20, 500, 0, 1],
      [3, undefined, 20, 500, 0, 1],
    ],
  });
});

test("open runs before the first record and after each restore, with the state", async () => {
  const { records } = await verifyOperator({
    build: (numbers: DataStream<number>) =>
      numbers.process(
        "opened",
        {
          operatorState: { opened: operatorListState(t.bool) },
          open({ operatorState: { opened } }) {
            if (opened.get().length === 0) opened.add(true);
          },
          process(n, { operatorState: { opened }, emit }) {
            emit(n * opened.get().length);
          },
        },
        emits<number>(),
      ),
    input: NUMBERS.map((n) => step.record(n)),
    expect: NUMBERS,
  });
  assert.deepEqual(records, NUMBERS);
});

test("open and end that throw are named with the operator", async () => {
  for (const where of ["open", "end"] as const) {
    const failing = verifyOperator({
      build: (numbers: DataStream<number>) =>
        numbers.process("mine", {
          process() {},
          [where]() {
            throw new Error(`no ${where}`);
          },
        }),
      input: [],
    });
    await assert.rejects(failing, (error: Error) => {
      assert.equal(errorCode(error.cause), "USER_FUNCTION_FAILED");
      assert.match((error.cause as Error).message, new RegExp(`The ${where} function of "mine"`));
      return true;
    });
  }
});

/** Alternating records of two inputs; an input's timestamps grow. */
const BOTH: readonly OperatorStep[] = NUMBERS.flatMap((n) => [
  n % 3 === 0 ? step.second(`word ${n % 5}`, n * 10) : step.record(n, n * 10),
  ...(n % 10 === 9 ? [step.watermark(n * 10 - 20)] : []),
]);

test("two streams without keys share the operator's lists, and the end comes once", async () => {
  await verifyOperator({
    build: (numbers: DataStream<number>, words: DataStream<string>) =>
      numbers.connect(words).process(
        "both",
        {
          operatorState: { last: operatorListState(t.string) },
          processFirst: (n, { operatorState: { last }, emit }) => emit(`${n} ${last.get()[0]}`),
          processSecond: (word, { operatorState: { last } }) => last.update([word]),
          end: ({ emit }) => emit("end"),
        },
        emits<string>(),
      ),
    input: BOTH,
    expect: [
      ...NUMBERS.filter((n) => n % 3 !== 0).map((n) => `${n} word ${(n - (n % 3)) % 5}`),
      "end",
    ],
    orderedBy: () => "all",
  });
});

test("two keyed streams share the state and timers of a key", async () => {
  interface Word {
    readonly id: number;
    readonly word: string;
  }
  const input: OperatorStep[] = NUMBERS.flatMap((n) => [
    n % 2 === 0
      ? step.second({ id: n % 4, word: `w${n}` }, n * 10)
      : step.record({ id: (n - 1) % 4, n }, n * 10),
  ]);
  await verifyOperator({
    build: (numbers: DataStream<{ id: number; n: number }>, words: DataStream<Word>) =>
      numbers
        .keyBy("id")
        .connect(words.keyBy(({ id }) => id, t.int32))
        .process(
          "join",
          {
            state: { word: valueState(t.string), seen: mapState(t.string, t.int32) },
            processFirst({ id, n }, { state, timers, emit, key }) {
              assert.equal(key, id);
              emit(`${id} ${n} ${state.word.get()}`);
              state.seen.set(state.word.get() ?? "", n);
              timers.registerEventTime(1000);
            },
            processSecond({ word }, { state }) {
              state.word.set(word);
            },
            onTimer: (_timer, { key, state, emit }) => emit(`${key} saw ${state.seen.size}`),
          },
          emits<string>(),
        ),
    types: { first: t.struct({ id: t.int32, n: t.int32 }) },
    input,
    expect: [
      ...NUMBERS.filter((n) => n % 2 === 1).map((n) => `${(n - 1) % 4} ${n} w${n - 1}`),
      "0 saw 10",
      "2 saw 10",
    ],
    orderedBy: (text) => text.split(" ")[0],
  });
});

test("a key type that one of two streams declares holds for the other as well", async () => {
  await verifyOperator({
    build: (numbers: DataStream<{ id: number }>, others: DataStream<{ id: number }>) =>
      numbers
        .keyBy("id")
        .connect(others.keyBy("id"))
        .process(
          "counts",
          {
            state: { count: valueState(t.int32, { default: 0 }) },
            processFirst: (_record, { state, emit, key }) => emit(`${key} ${state.count.get()}`),
            processSecond: (_record, { state }) => state.count.set(state.count.get() + 1),
          },
          emits<string>(),
        ),
    types: { first: t.struct({ id: t.int32 }) },
    input: NUMBERS.map((n) =>
      n % 4 === 3 ? step.record({ id: n % 3 }) : step.second({ id: n % 3 }),
    ),
    expect: NUMBERS.filter((n) => n % 4 === 3).map(
      (n) => `${n % 3} ${NUMBERS.slice(0, n).filter((o) => o % 3 === n % 3 && o % 4 !== 3).length}`,
    ),
  });
});

test("two streams whose declared key types differ are refused", async () => {
  await assert.rejects(
    verifyOperator({
      build: (numbers: DataStream<{ id: number }>, others: DataStream<{ id: number }>) =>
        numbers
          .keyBy(({ id }) => id, t.int32)
          .connect(others.keyBy(({ id }) => id, t.float64))
          .process("mixed", { processFirst() {}, processSecond() {} }),
      input: [],
    }),
    /keys of the first stream are int32, those of the second are float64.*keyBy\(fn, type\)/,
  );
});

test("two streams whose keys turn out to be of different types are refused", async () => {
  const failing = verifyOperator({
    build: (numbers: DataStream<number>, words: DataStream<string>) =>
      numbers
        .keyBy((n): unknown => n)
        .connect(words.keyBy((word): unknown => word))
        .process("mixed", { processFirst() {}, processSecond() {} }),
    input: [step.record(1), step.second("1")],
  });
  await assert.rejects(failing, (error: Error) => {
    assert.equal(errorCode(error.cause), "KEY_TYPE_CHANGED");
    assert.match((error.cause as Error).message, /keys of "mixed" are float64, .* string/);
    return true;
  });
});
