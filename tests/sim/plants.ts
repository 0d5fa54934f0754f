/*
 * Planted bugs: mistakes of the kind that the engine's invariants are about, put into it from
 * outside, by replacing methods. The simulator must find each (`planted-bugs.test.ts`); what it
 * cannot find, it does not test.
 */
import { IntervalBuffer } from "../../packages/core/src/operators/interval-buffer.ts";
import { TopNLogic } from "../../packages/core/src/operators/top-n-logic.ts";
import { SourceCoordinator } from "../../packages/core/src/runtime/source-coordinator.ts";
import { WorkerHost } from "../../packages/core/src/runtime/worker-host.ts";
import { CheckpointStore } from "../../packages/core/src/snapshot/checkpoint-store.ts";
import { BroadcastHandle } from "../../packages/core/src/state/broadcast-state.ts";
import { Changes } from "../../packages/core/src/state/changes.ts";
import type { CopySet } from "../../packages/core/src/state/copy-set.ts";
import { HashMapBackend } from "../../packages/core/src/state/hashmap-backend.ts";
import { HeapFamily } from "../../packages/core/src/state/heap-family.ts";
import { replace } from "./plant.ts";
import type { Plant } from "./plant.ts";
import type { OperatorSpec, Scenario } from "./scenario.ts";
import { SAVEPOINT_PLANTS } from "./savepoint-plants.ts";
import { Table } from "../../packages/core/src/state/table.ts";

const CHECKPOINT_PLANTS: readonly Plant[] = [
  {
    name: "the barrier alignment: records behind a barrier are processed before its snapshot",
    install: () =>
      replace(
        WorkerHost.prototype,
        "handle",
        (handle) =>
          function (message) {
            const broken =
              message.kind === "deploy" ? { ...message, isExactlyOnce: false } : message;
            handle.call(this, broken);
          },
      ),
  },
  {
    name: "the touched-row copy: a row changes before a snapshot in flight has copied it",
    install: () => plantInCopies((isRemoving) => !isRemoving),
  },
  {
    name: "the reuse of a slot before it was copied: a row goes and another takes its place",
    install: () => plantInCopies((isRemoving) => isRemoving),
  },
  {
    name: "the union of intervals after an abort: a delta has the last interval only",
    install: () =>
      replace(
        Changes.prototype,
        "intervalOf",
        (intervalOf) =>
          function (base) {
            return Math.max(intervalOf.call(this, base), this.interval - 2);
          },
      ),
  },
  {
    name: "the dropped pane while frozen: its rows are gone before a snapshot has copied them",
    needs: (scenario) => scenario.slicesPutOffRate > 0 && hasOperator(scenario, "window"),
    install: () =>
      replace(
        HeapFamily.prototype,
        "drop",
        (drop) =>
          function (namespace) {
            const pane = this.get(namespace);
            for (const table of pane === undefined ? [] : [pane.table, ...pane.children]) {
              for (const copySet of table.copySets) empty(copySet);
            }
            drop.call(this, namespace);
          },
      ),
  },
  {
    name: "the state of an interval join: records go although others may still meet them",
    needs: (scenario) => hasOperator(scenario, "intervalJoin"),
    install: () =>
      replace(
        IntervalBuffer.prototype,
        "dropBefore",
        (dropBefore) =>
          function (time) {
            dropBefore.call(this, time + 100);
          },
      ),
  },
  {
    name: "the held lists of a Top-N: a barrier passes before they are in their rows",
    needs: (scenario) => isRestored(scenario) && hasOperator(scenario, "topN"),
    install: () =>
      replace(
        TopNLogic.prototype,
        "prepareBarrier",
        () =>
          function () {
            // The lists stay where they are.
          },
      ),
  },
  {
    name: "the state of a deduplication: it is not loaded, so that all keys are new",
    needs: (scenario) => isRestored(scenario) && hasOperator(scenario, "deduplicate"),
    install: () =>
      replace(
        HashMapBackend.prototype,
        "load",
        (load) =>
          function (rows) {
            const names = Object.keys(this.states);
            if (!names.includes("seen") && !names.includes("time")) load.call(this, rows);
          },
      ),
  },
  {
    name: "the copies of broadcast state: a snapshot lacks the entry that was set last",
    needs: ({ nodes, faults }) =>
      faults.deaths.length + faults.throws.length > 0 &&
      nodes.some(({ operator }) => operator.kind === "join" && operator.form !== "connect"),
    install: () =>
      replace(
        BroadcastHandle.prototype,
        "snapshot",
        (snapshot) =>
          function () {
            return snapshot.call(this).slice(0, -1);
          },
      ),
  },
  {
    name: "the assignment between enumerator snapshot and barrier: splits are not held back",
    // Seen only where a job goes on from a checkpoint that was taken while splits were assigned.
    needs: ({ nodes, faults }) =>
      faults.deaths.length + faults.throws.length > 0 &&
      nodes.some(({ operator }) => operator.kind === "source" && operator.splitsCount > 3),
    install: () =>
      replace(
        SourceCoordinator.prototype,
        "snapshot",
        (snapshot) =>
          function (checkpointId) {
            const state = snapshot.call(this, checkpointId);
            this.aborted(checkpointId);
            return state;
          },
      ),
  },
  {
    name: "the commit before `_metadata` is durable: a checkpoint counts while it is written",
    install: () =>
      replace(
        CheckpointStore.prototype,
        "complete",
        (complete) =>
          function (metadata) {
            complete.call(this, metadata).catch(() => undefined);
            return Promise.resolve();
          },
      ),
  },
];

export const PLANTS: readonly Plant[] = [...CHECKPOINT_PLANTS, ...SAVEPOINT_PLANTS];

function hasOperator({ nodes }: Scenario, kind: OperatorSpec["kind"]): boolean {
  return nodes.some(({ operator }) => operator.kind === kind);
}

/** Whether a job goes on from a snapshot at some time. */
function isRestored({ faults, runs }: Scenario): boolean {
  return faults.deaths.length + faults.throws.length > 0 || runs.length > 1;
}

/** Leaves out the copy of touched rows, or of removed ones. */
function plantInCopies(isLeftOut: (isRemoving: boolean) => boolean): () => void {
  let isRemoving = false;
  const repairRemove = replace(
    Table.prototype,
    "remove",
    (remove) =>
      function (row) {
        isRemoving = true;
        try {
          remove.call(this, row);
        } finally {
          isRemoving = false;
        }
      },
  );
  const repairCopy = replace(
    Table.prototype,
    "copyIfHeld",
    (copyIfHeld) =>
      function (row) {
        if (!isLeftOut(isRemoving)) copyIfHeld.call(this, row);
      },
  );
  return () => {
    repairCopy();
    repairRemove();
  };
}

/** A copy set that has nothing left to copy. */
function empty(copySet: CopySet): void {
  copySet.copySlice = () => 0;
  copySet.copyTouched = () => undefined;
  Object.defineProperty(copySet, "isDone", { get: () => true });
}
