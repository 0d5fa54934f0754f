// How many records may be queued in front of a subtask, by what was measured of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_LIMIT } from "../exchange/channel.ts";
import { DEBLOAT_TARGET_MS, Debloater } from "./debloater.ts";
import type { Limited } from "./debloater.ts";

/** A subtask that takes batches off channels, which are only told how much may be queued. */
class SlowSubtask {
  /** What each channel was told last, and how often any was told something. */
  readonly limits: number[];
  toldCount = 0;
  readonly #debloater: Debloater;
  #nowMs = 1_000;

  constructor(channelsCount = 1) {
    this.limits = Array.from({ length: channelsCount }, () => NO_LIMIT);
    const channels = this.limits.map((_, index): Limited => ({
      limit: (count) => {
        this.limits[index] = count;
        this.toldCount++;
      },
    }));
    this.#debloater = new Debloater(channels, DEBLOAT_TARGET_MS);
  }

  /** Takes a batch, and is at work on it or held up for so long. */
  take(recordsCount: number, ms: number): void {
    this.#debloater.beforeLook(this.#nowMs);
    this.#debloater.countRecords(recordsCount);
    this.#nowMs += ms;
  }

  /** Takes what is no batch. */
  takeTime(ms: number): void {
    this.#debloater.beforeLook(this.#nowMs);
    this.#nowMs += ms;
  }

  /** Finds nothing, and waits. */
  wait(ms: number): void {
    this.#debloater.beforeLook(this.#nowMs);
    this.#debloater.foundNothing(this.#nowMs);
    this.#nowMs += ms;
  }

  /** The limit of the first channel. */
  get limit(): number {
    return this.limits[0];
  }
}

/** Within the share by which limits may be off before they are told anew. */
function assertAbout(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) * 8 <= expected, `${actual} is not about ${expected}`);
}

test("what is queued takes the target time, whatever a record takes", () => {
  for (const recordMs of [1, 20, 0.01]) {
    const subtask = new SlowSubtask();
    const count = Math.ceil(50 / recordMs);
    for (let turn = 0; turn < 20; turn++) subtask.take(count, count * recordMs);
    assertAbout(subtask.limit, DEBLOAT_TARGET_MS / recordMs);
  }
  const slowest = new SlowSubtask();
  for (let turn = 0; turn < 3; turn++) slowest.take(1, 1_000);
  assert.equal(slowest.limit, 1);
  const fast = new SlowSubtask();
  for (let turn = 0; turn < 3; turn++) fast.take(1_000, 1);
  assert.equal(fast.limit, NO_LIMIT);
});

test("before anything is known little is queued; a first batch is enough to know", () => {
  const subtask = new SlowSubtask();
  assert.ok(subtask.limit <= 16);
  subtask.take(64, 640);
  subtask.wait(0);
  assertAbout(subtask.limit, DEBLOAT_TARGET_MS / 10);
});

test("waiting for input says nothing, however long and often", () => {
  const subtask = new SlowSubtask();
  for (let turn = 0; turn < 50; turn++) {
    subtask.take(10, 10);
    subtask.wait(turn % 2 === 0 ? 5_000 : 0.1);
  }
  assertAbout(subtask.limit, DEBLOAT_TARGET_MS);
});

test("channels have equal shares, down to one that keeps the consumer at work", () => {
  for (const [channelsCount, shareMs] of [
    [3, DEBLOAT_TARGET_MS / 3],
    [200, 20],
  ]) {
    const subtask = new SlowSubtask(channelsCount);
    for (let turn = 0; turn < 20; turn++) subtask.take(10, 10);
    for (const limit of subtask.limits) assertAbout(limit, shareMs);
  }
});

test("a subtask that has become slow, or stood still, is soon known as what it is again", () => {
  const subtask = new SlowSubtask();
  for (let turn = 0; turn < 100; turn++) subtask.take(1_000, 1);
  assert.equal(subtask.limit, NO_LIMIT);
  for (let ms = 0; ms < DEBLOAT_TARGET_MS * 12; ms += 50) subtask.take(50, 50);
  assertAbout(subtask.limit, DEBLOAT_TARGET_MS);
  for (let turn = 0; turn < 100; turn++) subtask.take(1_000, 1);
  assert.equal(subtask.limit, NO_LIMIT);
  // A million records a second, and then a window that fires for an hour.
  subtask.takeTime(3_600_000);
  subtask.wait(0);
  assert.ok(subtask.limit < 100);
  let ms = 0;
  for (; subtask.limit < 10_000; ms++) {
    assert.ok(ms < 50, `after ${ms} ms the limit is ${subtask.limit}`);
    subtask.take(1_000, 1);
  }
});

test("limits that hardly change are not told", () => {
  const subtask = new SlowSubtask(100);
  for (let turn = 0; turn < 20; turn++) subtask.take(10, 10);
  const before = subtask.toldCount;
  for (let turn = 0; turn < 1_000; turn++) subtask.take(10, 10 + (turn % 2) * 0.5);
  assert.equal(subtask.toldCount, before);
});
