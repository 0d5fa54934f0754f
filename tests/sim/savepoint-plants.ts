/* Planted bugs in savepoints, stops and restores; see `plants.ts`. */
import { Task } from "../../packages/core/src/runtime/task.ts";
import { TaskSnapshots } from "../../packages/core/src/runtime/task-snapshots.ts";
import { PENDING_STATE } from "../../packages/core/src/runtime/sink-operator.ts";
import { SegmentReader } from "../../packages/core/src/snapshot/segment-reader.ts";
import { HashMapBackend } from "../../packages/core/src/state/hashmap-backend.ts";
import { OperatorStateBackend } from "../../packages/core/src/state/operator-state.ts";
import { CheckpointStore } from "../../packages/core/src/snapshot/checkpoint-store.ts";
import { RunDirectory } from "../../packages/core/src/snapshot/run-directory.ts";
import { BackendFreezer } from "../../packages/core/src/state/backend-freeze.ts";
import type { CheckpointId } from "../../packages/core/src/state/barrier.ts";
import { HeapSnapshot } from "../../packages/core/src/state/heap-snapshot.ts";
import { codecOf, decodeValue } from "../../packages/core/src/types/codec.ts";
import { t } from "../../packages/core/src/types/t.ts";
import { replace } from "./plant.ts";
import type { Plant } from "./plant.ts";
import type { Scenario } from "./scenario.ts";
import type { UserAct } from "./story.ts";

export const SAVEPOINT_PLANTS: readonly Plant[] = [
  {
    name: "the barrier of a stop: tasks go on behind it",
    needs: hasStop,
    install: plantBehindStops,
  },
  {
    name: "the note of a stop: it is written while sinks commit already",
    needs: hasStop,
    install: () =>
      replace(
        RunDirectory.prototype,
        "stopWith",
        (stopWith) =>
          function (stoppedWith) {
            stopWith.call(this, stoppedWith).catch(() => undefined);
            return Promise.resolve();
          },
      ),
  },
  {
    name: "the dirty bits of a savepoint: it clears them as if it were a base",
    needs: ({ runs, checkpoint }) =>
      checkpoint.isIncremental && runs.some(({ acts }) => acts.some(isSavepoint)),
    install: plantInDirtyBits,
  },
  {
    name: "the claimed snapshot: it is deleted before the run has a checkpoint of its own",
    needs: ({ runs }) => runs.some(({ beginning }) => beginning?.claimMode === "CLAIM"),
    install: () =>
      replace(
        CheckpointStore.prototype,
        "claim",
        (claim) =>
          function (claimed) {
            claim.call(this, claimed);
            claimed.discard().catch(() => undefined);
          },
      ),
  },
  {
    name: "the key groups of a segment: a restored subtask takes rows of others, too",
    needs: isRescaled,
    install: plantInKeyGroups,
  },
  {
    name: "the transactions of a changed parallelism: only those of one old subtask are kept",
    needs: isRescaled,
    install: () =>
      replace(
        OperatorStateBackend.prototype,
        "restore",
        (restore) =>
          function (parts, mayDrop) {
            const kept = parts.map((part) =>
              part.name === PENDING_STATE
                ? { ...part, elements: ofOneWriter(part.elements) }
                : part,
            );
            restore.call(this, kept, mayDrop);
          },
      ),
  },
];

/** Transactions of one subtask's writer: the last but one number of a pending file's name. */
function ofOneWriter(elements: readonly Uint8Array[]): readonly Uint8Array[] {
  const writers = elements.map((element) => {
    const text = JSON.stringify(decodeValue(codecOf(t.any), element));
    return /\.(\d+)\.\d+\.pending"/u.exec(text)?.[1];
  });
  return elements.filter((_, index) => writers[index] === writers.at(-1));
}

function isRescaled({ runs }: Scenario): boolean {
  return runs.some(({ rescaling }) => rescaling !== "never");
}

function plantInKeyGroups(): () => void {
  const repairs = [
    replace(
      SegmentReader.prototype,
      "rows",
      (rows) =>
        function () {
          return rows.call(this, { start: 0, end: this.footer.maxParallelism });
        },
    ),
    replace(
      HashMapBackend.prototype,
      "load",
      (load) =>
        function (rows) {
          const { keyGroupStart, keyGroupEnd, maxParallelism } = this;
          Object.assign(this, { keyGroupStart: 0, keyGroupEnd: maxParallelism });
          load.call(this, rows);
          Object.assign(this, { keyGroupStart, keyGroupEnd });
        },
    ),
  ];
  return () => {
    for (const repair of repairs) repair();
  };
}

function hasStop({ runs }: Scenario): boolean {
  return runs.some(({ acts }) => acts.some(({ kind }) => kind === "suspend" || kind === "drain"));
}

function isSavepoint({ kind }: UserAct): boolean {
  return kind === "savepoint";
}

/** The savepoint of a stop counts as aborted, but its snapshots are written. */
function plantBehindStops(): () => void {
  let stopId: CheckpointId | undefined;
  let isKept = false;
  const repairs = [
    replace(
      TaskSnapshots.prototype,
      "begin",
      (begin) =>
        function (point) {
          begin.call(this, point);
          if (point.barrier.stop !== undefined) stopId = point.barrier.id;
        },
    ),
    replace(
      TaskSnapshots.prototype,
      "abort",
      (abort) =>
        function (checkpointId) {
          if (!isKept) abort.call(this, checkpointId);
        },
    ),
    replace(
      Task.prototype,
      "step",
      (step) =>
        function () {
          stopId = undefined;
          const result = step.call(this);
          isKept = true;
          if (stopId !== undefined) this.aborted(stopId, undefined);
          isKept = false;
          return result;
        },
    ),
  ];
  return () => {
    for (const repair of repairs) repair();
  };
}

function plantInDirtyBits(): () => void {
  let isSavepoint = false;
  const repairs = [
    replace(
      BackendFreezer.prototype,
      "freeze",
      (freeze) =>
        function (barrier) {
          isSavepoint = barrier.kind === "savepoint";
          return freeze.call(this, barrier);
        },
    ),
    replace(
      HeapSnapshot.prototype,
      "add",
      (add) =>
        function (table, rows) {
          add.call(this, table, rows);
          if (!isSavepoint) return;
          table.log.endInterval(table.changes.interval);
          table.log.dropUpTo(table.changes.interval);
        },
    ),
  ];
  return () => {
    for (const repair of repairs) repair();
  };
}
