// Exactly-once assignment of splits around checkpoints.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { collection } from "../connectors/collection.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { SourceCoordinator } from "./source-coordinator.ts";

const { env } = new SimWorld({ seed: "source" }).startProcess();

interface CoordinatorBench {
  readonly coordinator: SourceCoordinator;
  /** What readers got, in order: `reader: split` or `reader: none`. */
  readonly sent: string[];
}

/** A source of `splitsCount` splits range-0, range-1, … that are handed out on demand. */
function coordinatorOf(splitsCount: number, parallelism: number, restored?: unknown) {
  const numbers = Array.from({ length: splitsCount }, (_, n) => n);
  const sent: string[] = [];
  const coordinator = new SourceCoordinator({
    env,
    uid: "numbers",
    source: collection(numbers, { splits: splitsCount }),
    parallelism,
    restored: restored === undefined ? undefined : structuredClone(restored),
    send: (subtask, message) => {
      const what = message.kind === "splits" ? message.splits.map(({ id }) => id).join() : "none";
      sent.push(`${subtask}: ${what}`);
    },
    fail: (error) => {
      throw error;
    },
  });
  coordinator.start();
  const bench: CoordinatorBench = { coordinator, sent };
  return bench;
}

/** All that a coordinator restored from `snapshot` still hands out. */
function restOf(splitsCount: number, snapshot: unknown): string[] {
  const { coordinator, sent } = coordinatorOf(splitsCount, 1, snapshot);
  while (sent.at(-1) !== "0: none") coordinator.handleSplitRequest(0);
  return sent.slice(0, -1).map((text) => text.replace("0: ", ""));
}

test("splits go to whoever asks, in order, and then there are none", () => {
  const { coordinator, sent } = coordinatorOf(3, 2);
  for (const reader of [1, 0, 1, 0]) coordinator.handleSplitRequest(reader);
  assert.deepEqual(sent, ["1: range-0", "0: range-1", "1: range-2", "0: none"]);
});

test("from a snapshot on nothing is sent to a reader until it has taken the barrier", () => {
  const { coordinator, sent } = coordinatorOf(4, 2);
  coordinator.handleSplitRequest(0);
  const snapshot = coordinator.snapshot(1);
  coordinator.handleSplitRequest(0);
  coordinator.handleSplitRequest(1);
  assert.deepEqual(sent, ["0: range-0"]);
  coordinator.barrierTaken(1, 1);
  assert.deepEqual(sent, ["0: range-0", "1: range-2"]);
  coordinator.barrierTaken(0, 1);
  assert.deepEqual(sent, ["0: range-0", "1: range-2", "0: range-1"]);
  assert.deepEqual(restOf(4, snapshot), ["range-1", "range-2", "range-3"]);
});

test("an abort lets go what was held back, once", () => {
  const { coordinator, sent } = coordinatorOf(3, 1);
  coordinator.snapshot(1);
  coordinator.handleSplitRequest(0);
  coordinator.aborted(1);
  coordinator.barrierTaken(0, 1);
  assert.deepEqual(sent, ["0: range-0"]);
});

test("two checkpoints in flight: a reader waits for both, the second has held splits", () => {
  const { coordinator, sent } = coordinatorOf(4, 1);
  const first = coordinator.snapshot(1);
  coordinator.handleSplitRequest(0);
  const second = coordinator.snapshot(2);
  coordinator.barrierTaken(0, 1);
  assert.deepEqual(sent, []);
  assert.deepEqual(restOf(4, first), ["range-0", "range-1", "range-2", "range-3"]);
  assert.deepEqual(restOf(4, second), ["range-0", "range-1", "range-2", "range-3"]);
  coordinator.barrierTaken(0, 2);
  assert.deepEqual(sent, ["0: range-0"]);
});

test("held splits of several readers are all handed out again after a restore", () => {
  const { coordinator } = coordinatorOf(6, 3);
  coordinator.snapshot(1);
  for (const reader of [0, 1, 2]) coordinator.handleSplitRequest(reader);
  const snapshot = coordinator.snapshot(2);
  assert.deepEqual(
    new Set(restOf(6, snapshot)),
    new Set(["range-0", "range-1", "range-2", "range-3", "range-4", "range-5"]),
  );
});

test("whatever happens, a split is in the snapshot or with its reader, never both", () => {
  const SPLITS = 12;
  const action = fc.oneof(
    fc.record({ kind: fc.constant("request" as const), reader: fc.nat(2) }),
    fc.record({ kind: fc.constant("trigger" as const) }),
    fc.record({ kind: fc.constant("barrier" as const), reader: fc.nat(2) }),
    fc.record({ kind: fc.constant("abort" as const) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const { coordinator, sent } = coordinatorOf(SPLITS, 3);
      const snapshots: { id: number; state: unknown; readers: Map<number, string[]> }[] = [];
      const heldBy = (reader: number): string[] =>
        sent.filter((text) => text.startsWith(`${reader}: range`)).map((text) => text.slice(3));
      let lastId = 0;
      for (const each of actions) {
        if (each.kind === "request") coordinator.handleSplitRequest(each.reader);
        else if (each.kind === "trigger" && snapshots.length - lastId < 3) {
          snapshots.push({ id: ++lastId, state: coordinator.snapshot(lastId), readers: new Map() });
        } else if (each.kind === "barrier") {
          const next = snapshots.find(({ readers }) => !readers.has(each.reader));
          if (next === undefined) continue;
          next.readers.set(each.reader, heldBy(each.reader));
          coordinator.barrierTaken(each.reader, next.id);
        } else if (each.kind === "abort") {
          const open = snapshots.findIndex(({ readers }) => readers.size < 3);
          if (open < 0) continue;
          coordinator.aborted(snapshots[open].id);
          snapshots.splice(open, 1);
        }
      }
      for (const { state, readers } of snapshots) {
        if (readers.size < 3) continue;
        const all = [...restOf(SPLITS, state), ...[...readers.values()].flat()];
        assert.equal(all.length, SPLITS);
        assert.equal(new Set(all).size, SPLITS);
      }
    }),
    { numRuns: 300 },
  );
});
