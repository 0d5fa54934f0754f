// Values that are not of their declared type, wherever a record brings them: told with the
// operator and the record.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import type { StreamEnvironment } from "../api/environment.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { errorCode } from "../errors.ts";
import type { OxbowError } from "../errors.ts";
import { broadcastState } from "../state/broadcast-state.ts";
import { mapState, valueState } from "../state/descriptors.ts";
import { t } from "../types/t.ts";
import { aggregateFunction, collect, maxBy } from "../window/record-aggregates.ts";
import { session, sliding, tumbling } from "../window/assigner.ts";
import { countTrigger } from "../window/triggers.ts";
import { JobBench } from "./job.fixture.ts";

const Order = t.struct({ key: t.string, price: t.int32, at: t.timestamp });
type Order = Readonly<{ key: string; price: number; at: number }>;

/** Of the third the price is no int32. */
const ORDERS = [1, 2, "x"].map((price, index) => ({ key: "a", price, at: 60_000 + index }));

const REFUSED = /field (value\.)?price is declared as int32, but is the string "x"/;
const THIRD = /record 3 of its input \(counted from 1\) at 1970-01-01T00:01:00.002Z/;
const SHOWN = 'The record: {"key":"a","price":"x","at":60002}';

/** Orders that are declared to be what the third one is not. */
function orders(env: StreamEnvironment, uid = "in"): DataStream<Order> {
  return env
    .source(uid, collection(ORDERS, { splits: 1 }))
    .map((order) => order as Order, { uid: `typed-${uid}`, type: Order })
    .watermarks({ timestamp: "at" });
}

function byKey(env: StreamEnvironment, uid?: string) {
  return orders(env, uid).keyBy("key");
}

/** The operator is called "here". */
type Build = (env: StreamEnvironment) => DataStream<unknown>;

const PLACES: Readonly<Record<string, Build>> = {
  "in process": (env) =>
    byKey(env).process("here", {
      state: { last: valueState(Order) },
      process: (order, { state }) => state.last.set(order),
    }),
  "in process, of two inputs": (env) =>
    byKey(env)
      .connect(byKey(env, "other"))
      .process("here", {
        state: { all: mapState(t.string, Order) },
        processFirst: (order, { state }) => state.all.set(order.key, order),
        processSecond: () => undefined,
      }),
  "in processBroadcast": (env) =>
    orders(env, "other")
      .connect(orders(env).broadcast({ all: broadcastState(t.string, Order) }))
      .process("here", {
        process: () => undefined,
        processBroadcast: (order, { broadcastState: { all } }) => all.set(order.key, order),
      }),
  "in reduce": (env) => byKey(env).reduce("here", (_, order) => order),
  "in aggregate": (env) => byKey(env).aggregate("here", { all: collect<Order>() }),
  "in topN": (env) => byKey(env).topN("here", { n: 5, by: "at" }),
  "in interval join (left record)": (env) =>
    byKey(env)
      .intervalJoin(byKey(env, "other"), { lower: 0, upper: 0 })
      .process("here", () => undefined),
  "in window": (env) =>
    byKey(env)
      .window(tumbling("1h"))
      .process("here", () => undefined),
  "in window, of panes that windows share": (env) =>
    byKey(env)
      .window(sliding("1h", "30m"))
      .aggregate("here", { best: maxBy((order: Order) => order.at) }),
  "in window, of sessions": (env) =>
    byKey(env)
      .window(session("1h"))
      .process("here", () => undefined),
  "in window, with a trigger": (env) =>
    byKey(env)
      .window(tumbling("1h"))
      .trigger(countTrigger(9))
      .process("here", () => undefined),
  "in window, by a function": (env) =>
    byKey(env)
      .window(tumbling("1h"))
      .aggregate("here", {
        last: aggregateFunction({
          create: () => ({ price: 0 }),
          add: (_, { price }: Order) => ({ price }),
          result: ({ price }) => price,
          type: t.struct({ price: t.int32 }),
        }),
      }),
  "in join": (env) =>
    byKey(env)
      .connect(byKey(env, "other"))
      .window(tumbling("1h"))
      .join("here", () => undefined),
  "in key": (env) =>
    orders(env)
      .keyBy(({ price }) => ({ price }), t.struct({ price: t.int32 }))
      .process("here", { process: () => undefined }),
};

for (const [place, build] of Object.entries(PLACES)) {
  test(`a value that is not of its type is told with operator and record: ${place}`, async () => {
    const { message, details } = await refusal(build);
    const [what = ""] = place.split(",");
    assert.ok(message.startsWith(`Operator "here" (subtask 0), ${what} on record 3`), message);
    assert.match(message, THIRD);
    assert.match(message, REFUSED);
    assert.ok(message.endsWith(SHOWN), message);
    const { uid, recordNumber, timestamp } = details;
    assert.deepEqual([uid, recordNumber, timestamp], ["here", 3, 60_002]);
  });
}

test("a key that its producer refuses is told with its record, without a number", async () => {
  const { message } = await refusal(PLACES["in key"], 2);
  assert.ok(message.startsWith('Operator "here", in key on a record at 1970-01'), message);
  assert.ok(message.endsWith(SHOWN), message);
});

test("a value that a timer or the end brings is told with the operator", async () => {
  const onTimer = await refusal((env) =>
    byKey(env).process("here", {
      state: { price: valueState(t.int32) },
      process: (order, { timers }) => timers.registerEventTime(order.at),
      onTimer: (_, { state }) => state.price.set("x" as never),
    }),
  );
  assert.match(
    onTimer.message,
    /^Operator "here" \(subtask 0\), in onTimer \(key a, event time 60000\): A value is declared/,
  );
});

test("what cannot be stored as any value is told in the same way", async () => {
  const { code, message } = await refusal((env) =>
    byKey(env).process("here", {
      state: { any: valueState(t.any) },
      process: (order, { state }) => state.any.set({ order, of: () => order }),
    }),
  );
  assert.equal(code, "RECORD_NOT_TRANSFERABLE");
  assert.match(message, /^Operator "here" \(subtask 0\), in process on record 1 of its input/);
});

/** What a job fails with. */
async function refusal(build: Build, parallelism = 1): Promise<OxbowError> {
  const end = await new JobBench().run(
    (env) => {
      env.restart({ kind: "none" });
      build(env).sink("out", discard());
    },
    { parallelism },
  );
  assert.equal(end.status, "FAILED");
  const { cause } = end.error as Error;
  if (parallelism === 1) assert.ok(errorCode(cause)?.match(/VALUE_TYPE_MISMATCH|TRANSFERABLE/));
  return cause as OxbowError;
}
