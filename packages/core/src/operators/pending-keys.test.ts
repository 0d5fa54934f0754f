// Keyed operators over a backend that must fetch keys first, and answers `pending` at random.
import { after, before, test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import { emits } from "../api/stream-base.ts";
import { seededRandom } from "../env/random.ts";
import { valueState } from "../state/descriptors.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import { step, verifyOperator } from "../testing.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";

const prepare = Object.getOwnPropertyDescriptor(HashMapBackend.prototype, "prepare");
const isAlwaysReady = Object.getOwnPropertyDescriptor(HashMapBackend.prototype, "isAlwaysReady");
const original = prepare?.value as (this: unknown, keys: unknown) => string;
const random = seededRandom(process.env["OXBOW_SEED"] ?? "pending").fork("keys");

before(() => {
  Object.defineProperty(HashMapBackend.prototype, "isAlwaysReady", { get: () => false });
  Object.defineProperty(HashMapBackend.prototype, "prepare", {
    configurable: true,
    value(this: unknown, keys: unknown) {
      if (random.next() < 0.7) return "pending";
      return original.call(this, keys);
    },
  });
});

after(() => {
  if (prepare) Object.defineProperty(HashMapBackend.prototype, "prepare", prepare);
  if (isAlwaysReady)
    Object.defineProperty(HashMapBackend.prototype, "isAlwaysReady", isAlwaysReady);
});

const NAMES = Array.from({ length: 80 }, (_, index) => `n${(index * 7) % 9}`);

test("a running aggregate is the same when keys have to be waited for", async () => {
  const seen = new Map<string, number>();
  const expect = NAMES.map((key) => {
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return { key, n: seen.get(key) };
  });
  await verifyOperator({
    build: (names: DataStream<{ name: string }>) =>
      names.keyBy("name").aggregate("counts", { n: count() }),
    input: NAMES.map((name, index) => step.record({ name }, index)),
    expect,
  });
});

test("a process function with timers is the same when keys have to be waited for", async () => {
  await verifyOperator({
    build: (names: DataStream<{ name: string }>) =>
      names.keyBy("name").process(
        "ends",
        {
          state: { n: valueState(t.int32, { default: 0 }) },
          process(_record, context) {
            context.state.n.set(context.state.n.get() + 1);
            context.timers.registerEventTime(1_000);
          },
          onTimer(_timer, context) {
            context.emit({ name: context.key, n: context.state.n.get() });
          },
        },
        emits<{ name: string; n: number }>(),
      ),
    input: [...NAMES.map((name, index) => step.record({ name }, index)), step.watermark(1_000)],
    expect: [...new Set(NAMES)].map((name) => ({
      name,
      n: NAMES.filter((other) => other === name).length,
    })),
  });
});
