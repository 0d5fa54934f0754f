/*
 * In which order a worker steps its tasks: what has come is used up before more of it is made, and
 * nobody waits until a queue is full.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { BATCH_COUNT } from "../columns/batch.ts";
import { forEach } from "../connectors/for-each.ts";
import { generator } from "../connectors/generator.ts";
import type { Source } from "../connectors/source.ts";
import { t } from "../types/t.ts";
import { JobBench, WorkClock } from "./job.fixture.ts";

const COUNT = 40 * BATCH_COUNT;

/** A job of one worker that counts, at each record that is made, how many are on their way. */
class CountedJob {
  /** Ms of the worker's clock that making a batch takes. */
  readonly #batchMs: number;
  readonly #clock = new WorkClock();
  #made = 0;
  #seen = 0;
  #most = 0;

  constructor(batchMs: number) {
    this.#batchMs = batchMs;
  }

  /** The most records that were on their way from the sources to the sink. */
  async run(sourcesCount: number): Promise<number> {
    const bench = new JobBench();
    await bench.run(
      (job) => {
        const sources = Array.from({ length: sourcesCount }, (_, index) =>
          job.source(`source ${index}`, this.#source()),
        );
        const [first, ...rest] = sources;
        first
          .union(...rest)
          .rebalance()
          .sink(
            "out",
            forEach(() => void this.#seen++),
          );
      },
      { env: this.#clock.envOf(bench.process.env) },
    );
    assert.equal(this.#seen, sourcesCount * COUNT);
    return this.#most;
  }

  #source(): Source<number> {
    return generator({
      count: COUNT,
      make: (index) => {
        if (index % BATCH_COUNT === 0) this.#clock.pass(this.#batchMs);
        this.#made += 1;
        this.#most = Math.max(this.#most, this.#made - this.#seen);
        return index;
      },
    });
  }
}

test("a task that is fed by three others keeps up with them", async () => {
  const most = await new CountedJob(0).run(3);
  assert.ok(most <= 5 * BATCH_COUNT, `${most} records were on their way`);
});

test("a task has its turn also where each step of its feeders takes a whole slice", async () => {
  const most = await new CountedJob(10).run(2);
  assert.ok(most <= 4 * BATCH_COUNT, `${most} records were on their way`);
});

test("a rare stream stays behind a full one by few batches", async () => {
  let behindMost = 0;
  let last = 0;
  await new JobBench().run((job) => {
    const numbers = job.source("numbers", generator({ count: COUNT, make: (index) => index }));
    const rare = numbers.filter((n) => n % 100 === 0).keyBy((n) => n, t.int32);
    const all = numbers.keyBy((n) => n, t.int32);
    rare
      .connect(all)
      .process("meet", {
        processFirst: (n) => void (behindMost = Math.max(behindMost, last - n)),
        processSecond: (n) => void (last = n),
      })
      .sink(
        "out",
        forEach(() => undefined),
      );
  });
  assert.equal(last, COUNT - 1);
  assert.ok(behindMost <= 2 * BATCH_COUNT, `it was ${behindMost} records behind`);
});
