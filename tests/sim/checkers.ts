/*
 * Checkers: what must hold at every moment of a run, judged from outside of the engine: by the
 * disk, by the messages between master and workers, and by what user functions see.
 *
 * C1. A final file appears only after a durable `_metadata` names its transaction.
 * C2. The watermark of a subtask never regresses, within an attempt and across restores.
 * C3. After recovery, `shared` holds no segment that no retained checkpoint names.
 * C4. After the end nothing is left pending, and no checkpoint (unless deleting it failed or the
 *     process died over it: a run that is over is not touched again).
 */
import type { CheckpointStore } from "../../packages/core/src/snapshot/checkpoint-store.ts";
import type { CheckpointMetadata } from "../../packages/core/src/snapshot/metadata.ts";
import type { SimDirectory, SimNode } from "../../packages/core/src/testing/sim-disk.ts";
import type { SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import { codecOf, decodeValue } from "../../packages/core/src/types/codec.ts";
import { t } from "../../packages/core/src/types/t.ts";

const PENDING_FILE = /^rename (\/out\/.*\.pending)$/u;

/** See the file header. */
export class Checkers {
  readonly violations: string[] = [];
  readonly #world: SimWorld;
  /** Pending file → first checkpoint that names it. */
  readonly #named = new Map<string, number>();
  /** By uid and subtask. */
  #watermarks = new Map<string, number>();
  readonly #snapshotWatermarks = new Map<string, number>();

  constructor(world: SimWorld) {
    this.#world = world;
  }

  violation(text: string): void {
    this.violations.push(text);
  }

  /** A process holds the run, and has recovered its checkpoints. */
  recovered(store: CheckpointStore, runDirectory: string, mayHaveOrphans: () => boolean): void {
    for (const metadata of store.completed) this.#note(metadata);
    const named = new Set(
      store.completed.flatMap(({ operators }) =>
        operators.flatMap(({ subtasks }) =>
          subtasks.flatMap(({ segments }) => segments.map(({ file }) => file)),
        ),
      ),
    );
    const shared = `${runDirectory}/shared`;
    const orphans = this.#names(shared).filter((name) => !named.has(`shared/${name}`));
    // Those of checkpoints that were just given up are being deleted.
    void store.settled().then(() => {
      const left = this.#names(shared);
      for (const name of orphans) {
        if (left.includes(name) && !mayHaveOrphans()) this.violation(`orphan ${shared}/${name}`);
      }
    });
  }

  /** An attempt starts from a checkpoint or from nothing. */
  attemptStarts(restored: CheckpointMetadata | undefined): void {
    this.#watermarks = new Map();
    for (const { uid, subtasks } of restored?.operators ?? []) {
      subtasks.forEach(({ watermark }, index) => {
        if (watermark !== undefined) this.#watermarks.set(`${uid}/${index}`, watermark);
      });
    }
  }

  completed(metadata: CheckpointMetadata): void {
    this.#note(metadata);
    for (const { uid, subtasks } of metadata.operators) {
      subtasks.forEach(({ watermark }, index) => {
        const name = `${uid}/${index}`;
        const before = this.#snapshotWatermarks.get(name) ?? -Infinity;
        if (watermark === undefined) {
          if (before > -Infinity) this.violation(`${name}: a snapshot has lost its watermark`);
          return;
        }
        if (watermark < before) {
          this.violation(
            `${name}: the watermark of a snapshot goes from ${before} to ${watermark}`,
          );
        }
        this.#snapshotWatermarks.set(name, watermark);
      });
    }
  }

  watermark(uid: string, subtaskIndex: number, watermark: number): void {
    const name = `${uid}/${subtaskIndex}`;
    const before = this.#watermarks.get(name) ?? -Infinity;
    if (watermark < before)
      this.violation(`${name}: the watermark goes from ${before} to ${watermark}`);
    this.#watermarks.set(name, watermark);
  }

  /** Something happened on the machine. */
  onEvent(label: string): void {
    const pending = PENDING_FILE.exec(label)?.[1];
    if (pending === undefined || this.#world.disk.find(pending) !== undefined) return;
    const id = this.#named.get(pending);
    if (id === undefined) this.violation(`${pending} was committed, but no checkpoint names it`);
    else if (this.#newestDurableId() < id) {
      this.violation(`${pending} was committed before checkpoint ${id} was durable`);
    }
  }

  /** The run is over and nothing runs any more. */
  finished(runDirectory: string, mayHaveCheckpoints: boolean): void {
    for (const path of this.filesBelow("/out")) {
      if (path.includes("/.oxbow-pending/")) this.violation(`${path} is left pending`);
    }
    for (const name of mayHaveCheckpoints ? [] : this.#names(runDirectory)) {
      if (name.startsWith("chk-") || name.startsWith("damaged-")) {
        this.violation(`${name} is left in the run directory`);
      }
    }
  }

  /** Paths of all files below a directory. */
  filesBelow(path: string): string[] {
    return walk(this.#world.disk.find(path), path);
  }

  #note(metadata: CheckpointMetadata): void {
    for (const { subtasks } of metadata.operators) {
      for (const state of subtasks.flatMap(({ states }) => states)) {
        if (state.name !== "pending") continue;
        for (const element of state.elements) {
          const pending = pendingOf(element);
          if (pending !== undefined && !this.#named.has(pending)) {
            this.#named.set(pending, metadata.checkpointId);
          }
        }
      }
    }
  }

  #newestDurableId(): number {
    const runs = this.#world.disk.find("/run");
    let newest = 0;
    if (runs?.kind !== "directory") return newest;
    for (const run of runs.durable.values()) {
      if (run.kind !== "directory") continue;
      for (const [name, node] of run.durable) {
        if (!name.startsWith("chk-") || node.kind !== "directory") continue;
        const file = node.durable.get("_metadata");
        if (file?.kind === "file" && file.durable.length > 0) {
          newest = Math.max(newest, Number(name.slice(4)));
        }
      }
    }
    return newest;
  }

  #names(path: string): string[] {
    const node = this.#world.disk.find(path);
    return node?.kind === "directory" ? [...node.entries.keys()] : [];
  }
}

function pendingOf(element: Uint8Array): string | undefined {
  const value = decodeValue(codecOf(t.any), element) as
    | { readonly committable?: { readonly pending?: string } }
    | undefined;
  return value?.committable?.pending;
}

function walk(node: SimNode | undefined, path: string): string[] {
  if (node === undefined) return [];
  if (node.kind === "file") return [path];
  const entries: SimDirectory["entries"] = node.entries;
  return [...entries].flatMap(([name, child]) => walk(child, `${path}/${name}`));
}
