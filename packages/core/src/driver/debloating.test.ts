/*
 * How long a barrier waits where an operator is slow, on a clock that records move: what is before
 * it takes about the target time, not as long as it takes to use up full channels.
 */
import assert from "node:assert/strict";
import test from "node:test";
import type { StreamEnvironment } from "../api/environment.ts";
import { discard } from "../connectors/for-each.ts";
import { generator } from "../connectors/generator.ts";
import { DEBLOAT_TARGET_MS } from "../runtime/debloater.ts";
import { valueState } from "../state/descriptors.ts";
import { t } from "../types/t.ts";
import { JobBench, WorkClock } from "./job.fixture.ts";

const CHECKPOINTS_COUNT = 5;

/** A job of endless sources with a slow operator. */
class SlowJob {
  readonly clock = new WorkClock();
  readonly #bench = new JobBench();
  readonly #parallelism: number;
  readonly #recordMs: number;
  #seenCount = 0;

  constructor(parallelism: number, recordMs: number) {
    this.#parallelism = parallelism;
    this.#recordMs = recordMs;
  }

  /** What the slow operator does with a record. */
  work(): void {
    this.clock.pass(this.#recordMs);
    this.#seenCount++;
  }

  /** Ms that the barriers of some checkpoints took from the first subtask to the last. */
  async waits(build: (job: StreamEnvironment) => void): Promise<number[]> {
    const handle = await this.#bench.running(
      (job) => {
        job.checkpoint({ interval: "1h" });
        build(job);
      },
      {
        env: this.clock.envOf(this.#bench.process.env),
        checkpointDirectory: "/runs",
        parallelism: this.#parallelism,
      },
    );
    const waits: number[] = [];
    while (waits.length < CHECKPOINTS_COUNT) {
      await this.seen(5_000);
      const { checkpointId } = await this.#bench.world.scheduler.runUntil(handle.checkpoint());
      const record = handle.checkpoints()?.history.find(({ id }) => id === checkpointId);
      assert.ok(record !== undefined);
      const delays = record.subtasks.map((subtask) => subtask.startDelayMs + subtask.alignmentMs);
      waits.push(Math.max(...delays) - Math.min(...delays));
    }
    return waits;
  }

  /** The longest that a worker was at work before its event loop had a turn, ms. */
  async longestTurn(build: (job: StreamEnvironment) => void): Promise<number> {
    const env = this.clock.envOf(this.#bench.process.env);
    let longestMs = 0;
    const soon = (callback: () => void): void =>
      env.clock.soon(() => {
        const beganMs = this.clock.passedMs;
        callback();
        longestMs = Math.max(longestMs, this.clock.passedMs - beganMs);
      });
    await this.#bench.running(build, {
      env: { ...env, clock: { ...env.clock, soon } },
      parallelism: this.#parallelism,
    });
    await this.seen(5_000);
    return longestMs;
  }

  /** Runs until the slow operator has seen so many records more. */
  async seen(count: number): Promise<void> {
    const enough = this.#seenCount + count;
    await this.#bench.until(() => this.#seenCount >= enough);
  }
}

for (const parallelism of [1, 2, 4]) {
  for (const recordMs of [1, 20]) {
    const name = `${parallelism} subtasks of ${recordMs} ms per record`;
    test(`${name}: a barrier waits for about the target time`, async () => {
      const slow = new SlowJob(parallelism, recordMs);
      const waits = await slow.waits((job) => {
        // Three, since one would not fill up the channels.
        const [first, ...rest] = ["a", "b", "c"].map((uid) =>
          job.source(uid, generator({ make: (index) => index })),
        );
        first
          .union(...rest)
          .keyBy((index) => index % 1_000, t.int32)
          .process("slow", {
            state: { n: valueState(t.int32, { default: 0 }) },
            process: (_, { state }) => {
              state.n.set(state.n.get() + 1);
              slow.work();
            },
          })
          .sink("out", discard());
      });
      assert.ok(Math.max(...waits) <= DEBLOAT_TARGET_MS * 1.5, `it waited for ${waits.join()} ms`);
    });
  }
}

test("an operator that is slow behind a source is not given much at once", async () => {
  const slow = new SlowJob(2, 5);
  const longestMs = await slow.longestTurn((job) => {
    job
      .source("numbers", generator({ make: (index) => index }))
      .map(() => slow.work())
      .sink("out", discard());
  });
  assert.ok(longestMs <= DEBLOAT_TARGET_MS / 2, `a turn took ${longestMs} ms`);
});

test("a rare stream stays behind a full one by no more than what is in flight", async () => {
  const slow = new SlowJob(1, 1);
  let behindMost = 0;
  let rareCount = 0;
  let last = 0;
  await slow.longestTurn((job) => {
    const numbers = job.source("numbers", generator({ make: (index) => index }));
    const rare = numbers.filter((n) => n % 10 === 0).keyBy((n) => n, t.int32);
    const all = numbers.keyBy((n) => n, t.int32);
    rare
      .connect(all)
      .process("meet", {
        processFirst: (n) => {
          rareCount++;
          behindMost = Math.max(behindMost, last - n);
        },
        processSecond: (n) => {
          slow.work();
          last = n;
        },
      })
      .sink("out", discard());
  });
  assert.ok(rareCount > 300);
  assert.ok(behindMost <= DEBLOAT_TARGET_MS / 2, `it was ${behindMost} records behind`);
});
