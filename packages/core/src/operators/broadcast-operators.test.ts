// Process functions with a broadcast side, with keys and without, in every mode and as jobs.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import type { StreamEnvironment } from "../api/environment.ts";
import { emits } from "../api/stream-base.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { errorCode } from "../errors.ts";
import { graphOf } from "../runtime/snapshots.fixture.ts";
import { broadcastState } from "../state/broadcast-state.ts";
import type { BroadcastState } from "../state/broadcast-state.ts";
import { listState, valueState } from "../state/descriptors.ts";
import { operatorListState } from "../state/operator-state.ts";
import { step, verifyOperator } from "../testing.ts";
import type { OperatorStep } from "../testing.ts";
import { t } from "../types/t.ts";

interface Payment {
  readonly user: string;
  readonly amount: number;
}

/** A rule that is gone from now on has no limit. */
interface Rule {
  readonly user: string;
  readonly limit: number | undefined;
}

const Limit = t.struct({ max: t.int32, version: t.int32 });

/** Payments of five users, and rules that come, change and go among them. */
const INPUT: readonly OperatorStep[] = Array.from({ length: 60 }, (_, index) => {
  const user = `u${(index * 7) % 5}`;
  if (index % 4 !== 1) return step.record({ user, amount: (index * 13) % 100 }, index * 10);
  const limit = index % 12 === 5 ? undefined : (index * 29) % 90;
  return step.second({ user, limit }, index * 10);
});

/** What the rules say, computed in order. */
function judged(): string[] {
  const limits = new Map<string, number>();
  return INPUT.flatMap((each) => {
    if (each.kind !== "record") return [];
    if (each.input === 1) {
      const { user, limit } = each.record as Rule;
      if (limit === undefined) limits.delete(user);
      else limits.set(user, limit);
      return [];
    }
    const { user, amount } = each.record as Payment;
    const limit = limits.get(user);
    const size = `of ${limits.size}`;
    return [`${user} ${amount} ${limit === undefined || amount <= limit ? "ok" : "over"} ${size}`];
  });
}

const rules = { limits: broadcastState(t.string, Limit) };

function keep(limits: BroadcastState<string, { max: number; version: number }>, rule: Rule): void {
  if (rule.limit === undefined) limits.delete(rule.user);
  else {
    const version = (limits.get(rule.user)?.version ?? 0) + 1;
    limits.set(rule.user, { max: rule.limit, version });
  }
}

test("records without keys are judged by the rules so far, in every subtask", async () => {
  const { modesCount } = await verifyOperator({
    build: (payments: DataStream<Payment>, second: DataStream<Rule>) =>
      payments.connect(second.broadcast(rules)).process(
        "judged",
        {
          process({ user, amount }, { broadcastState: { limits }, emit }) {
            const limit = limits.get(user);
            assert.equal(limit !== undefined, limits.has(user));
            const isOk = limit === undefined || amount <= limit.max;
            emit(`${user} ${amount} ${isOk ? "ok" : "over"} of ${limits.size}`);
          },
          processBroadcast: (rule, { broadcastState: { limits } }) => keep(limits, rule),
        },
        emits<string>(),
      ),
    input: INPUT,
    expect: judged(),
  });
  // Those with two and three subtasks, and with restores between them, are among the modes.
  assert.ok(modesCount > 15);
});

test("records with keys are judged by the rules so far, in whichever subtask", async () => {
  await verifyOperator({
    build: (payments: DataStream<Payment>, second: DataStream<Rule>) =>
      payments
        .keyBy("user")
        .connect(second.broadcast(rules))
        .process(
          "judged",
          {
            state: { count: valueState(t.int32, { default: 0 }) },
            process({ amount }, { broadcastState: { limits }, state: { count }, key, emit }) {
              count.set(count.get() + 1);
              const limit = limits.get(key);
              const isOk = limit === undefined || amount <= limit.max;
              emit(`${key} ${amount} ${isOk ? "ok" : "over"} of ${limits.size}`);
            },
            processBroadcast: (rule, { broadcastState: { limits } }) => keep(limits, rule),
          },
          emits<string>(),
        ),
    input: INPUT,
    expect: judged(),
    orderedBy: (text) => text.slice(0, 2),
  });
});

test("timers and the broadcast side see the same map", async () => {
  await verifyOperator({
    build: (numbers: DataStream<number>, second: DataStream<string>) =>
      numbers
        .keyBy((n) => n % 3, t.int32)
        .connect(second.broadcast({ words: broadcastState(t.int32, t.string) }))
        .process(
          "timed",
          {
            process: (n, { timers }) => timers.registerEventTime(n),
            onTimer({ timestamp }, { broadcastState: { words }, key, emit }) {
              emit(`${key} ${timestamp} ${[...words.values()].join()}`);
            },
            processBroadcast: (word, { broadcastState: { words } }) => words.set(words.size, word),
          },
          emits<string>(),
        ),
    input: [
      step.second("before"),
      step.record(4, 0),
      step.record(5, 0),
      step.second("between"),
      step.watermark(4),
      step.second("after"),
      step.watermark(5),
    ],
    expect: ["1 4 before,between", "2 5 before,between,after"],
  });
});

test("applyToKeyedState changes the state of every key that has any", async () => {
  await verifyOperator({
    build: (payments: DataStream<Payment>, second: DataStream<Rule>) =>
      payments
        .keyBy("user")
        .connect(second.broadcast(rules))
        .process(
          "settled",
          {
            state: { sum: valueState(t.int32, { default: 0 }), all: listState(t.int32) },
            process({ amount }, { state: { sum, all }, emit, key }) {
              sum.set(sum.get() + amount);
              all.add(amount);
              emit(`${key} ${sum.get()} ${[...all.get()].join()}`);
            },
            processBroadcast({ user, limit = 0 }, { applyToKeyedState }) {
              applyToKeyedState((key, { sum, all }) => {
                if (key === user) {
                  sum.clear();
                  all.clear();
                } else sum.set(sum.get() + limit);
              });
            },
          },
          emits<string>(),
        ),
    input: [
      step.second({ user: "nobody", limit: 7 }),
      step.record({ user: "ann", amount: 1 }),
      step.record({ user: "bob", amount: 2 }),
      step.second({ user: "ann", limit: 10 }),
      step.record({ user: "ann", amount: 3 }),
      step.record({ user: "bob", amount: 4 }),
      step.record({ user: "cy", amount: 5 }),
    ],
    expect: ["ann 1 1", "bob 2 2", "ann 3 3", "bob 16 2,4", "cy 5 5"],
  });
});

test("applyToKeyedState visits no key that has timers only; the watermark is known", async () => {
  await verifyOperator({
    build: (numbers: DataStream<number>, second: DataStream<string>) =>
      numbers
        .keyBy((n) => n, t.int32)
        .connect(second.broadcast({ words: broadcastState(t.int32, t.string) }))
        .process(
          "timed",
          {
            state: { large: valueState(t.bool) },
            process(n, { state, timers }) {
              timers.registerEventTime(n);
              if (n > 10) state.large.set(true);
            },
            processBroadcast(word, { applyToKeyedState, watermark, timestamp, emit }) {
              applyToKeyedState((key) => emit(`${word} ${key} ${watermark} ${timestamp}`));
            },
          },
          emits<string>(),
        ),
    // Each key is visited where it is, so the output is the same with any number of subtasks.
    input: [
      step.record(10, 0),
      step.record(20, 0),
      step.second("a", 3),
      step.watermark(15),
      step.second("b", 16),
    ],
    expect: ["a 20 -Infinity 3", "b 20 15 16"],
  });
});

test("what the broadcast side emits comes from every subtask, with the record's time", async () => {
  const build = (numbers: DataStream<number>, second: DataStream<string>) =>
    numbers.connect(second.broadcast({ words: broadcastState(t.string, t.bool) })).process(
      "said",
      {
        operatorState: { seen: operatorListState(t.int32) },
        process: (n, { operatorState: { seen } }) => seen.add(n),
        processBroadcast(word, { broadcastState: { words }, timestamp, watermark, emit }) {
          words.set(word, true);
          emit(`${word} ${timestamp} ${watermark} ${[...words.keys()].join("")}`);
        },
        end({ operatorState: { seen }, broadcastState: { words }, emit }) {
          emit(`${seen.get().join()} ${words.size}`);
        },
      },
      emits<string>(),
    );
  const input = [
    step.second("a", 5),
    step.record(1, 6),
    step.watermark(6),
    step.second("b", 7),
    step.record(2, 8),
  ];
  await verifyOperator({
    build,
    input,
    isRescalable: false,
    expect: ["a 5 -Infinity a", "b 7 6 ab", "1,2 2"],
    orderedBy: () => "all",
  });
  await assert.rejects(verifyOperator({ build, input }), /Mode "2 subtasks"/);
});

test("only the broadcast side writes, and what it writes is of the declared type", async () => {
  const failing = (
    process: (words: BroadcastState<string, number>) => void,
    processBroadcast: (words: BroadcastState<string, number>) => void,
  ) =>
    verifyOperator({
      build: (numbers: DataStream<number>, second: DataStream<number>) =>
        numbers.connect(second.broadcast({ words: broadcastState(t.string, t.int32) })).process(
          "said",
          {
            process: (_, { broadcastState: { words } }) => process(words as never),
            processBroadcast: (_, { broadcastState: { words } }) => processBroadcast(words),
          },
          emits<string>(),
        ),
      input: [step.second(1), step.record(1)],
    });
  const nothing = (): void => {};
  const writes: ((words: BroadcastState<string, number>) => void)[] = [
    (words) => words.set("a", 1),
    (words) => words.delete("a"),
    (words) => words.clear(),
  ];
  for (const write of writes) {
    await failing(nothing, write);
    await assert.rejects(failing(write, nothing), ({ cause }: Error) => {
      assert.equal(errorCode(cause), "INVALID_ARGUMENT");
      assert.match(
        (cause as Error).message,
        /"said": \w+ on the broadcast state "words" outside of processBroadcast/,
      );
      return true;
    });
  }
  const wrong = failing(nothing, (words) => words.set("a", "text" as unknown as number));
  await assert.rejects(wrong, ({ cause }: Error) => errorCode(cause) === "VALUE_TYPE_MISMATCH");
});

test("a broadcast function that throws is named", async () => {
  const failing = verifyOperator({
    build: (numbers: DataStream<number>, second: DataStream<number>) =>
      numbers
        .keyBy((n) => n, t.int32)
        .connect(second.broadcast({ words: broadcastState(t.string, t.int32) }))
        .process("mine", {
          process() {},
          processBroadcast() {
            throw new Error("no");
          },
        }),
    input: [step.second(1, 5)],
  });
  await assert.rejects(failing, ({ cause }: Error) => {
    assert.match((cause as Error).message, /The processBroadcast function of "mine" .* Error: no/);
    return true;
  });
});

function refusal(build: (numbers: DataStream<number>, env: StreamEnvironment) => unknown): string {
  try {
    graphOf((env) => {
      const numbers = env.source("numbers", collection([1]));
      (build(numbers, env) as DataStream<number>).sink("out", discard());
    });
  } catch (error) {
    assert.equal(errorCode(error), "GRAPH_INVALID");
    return (error as Error).message;
  }
  return assert.fail("the graph is not refused");
}

test("broadcasting without states, with other states or with half a function is refused", () => {
  const none = { process() {}, processBroadcast() {} };
  const words = { words: broadcastState(t.string, t.int32) };
  const states = (given: unknown) => (numbers: DataStream<number>) =>
    numbers.connect(numbers.broadcast(given as typeof words)).process("x", none);
  assert.match(refusal(states({})), /broadcast\(…\) after "numbers" .* instead of states by name/);
  assert.match(refusal(states("words")), /is given the string "words" instead of states/);
  assert.match(refusal(states({ words: t.string })), /"words" is no declared state; use broadcast/);
  assert.match(refusal(states({ words: valueState(t.string) })), /"words", a value state/);
  const bare = (numbers: DataStream<number>): unknown =>
    numbers.keyBy((n) => n).connect(numbers.broadcast() as never);
  assert.match(
    refusal(bare),
    /a stream without keys .*, or broadcast it with states: other\.broad/,
  );
  const half = (numbers: DataStream<number>): unknown =>
    numbers
      .connect(numbers.broadcast(words))
      .process("x", { process() {} } as unknown as typeof none);
  assert.match(refusal(half), /processBroadcast of "x" needs a function, but is given undefined/);
  const twice = (numbers: DataStream<number>): unknown =>
    numbers
      .keyBy((n) => n)
      .connect(numbers.broadcast(words))
      .process("x", { ...none, state: { words: valueState(t.string) } });
  assert.match(refusal(twice), /"x" has two states with the name "words", one of them broadcast/);
});
