/*
 * Checkers: what must hold at every moment of a run, judged from outside of the engine: by the
 * disk, by the messages between master and workers, and by what user functions see.
 *
 * C1. A final file appears only after its transaction is named by a durable `_metadata` of a
 *     checkpoint of the run, or by the savepoint of a stop that `run.json` durably says, or by the
 *     snapshot that the run began from with the choice to commit.
 * C2. The watermark of a subtask never regresses, within an attempt and across restores.
 * C3. After recovery, `shared` holds no segment that no retained checkpoint names.
 * C4. After the end nothing of the run is left pending, and no checkpoint (unless deleting it
 *     failed or the process died over it: a run that is over is not touched again).
 * C5. The snapshot that a run began from stays until the run has a complete checkpoint of its own
 *     or is over, and for ever unless it was claimed.
 * C6. Behind the barrier of a stop no function is called, unless that savepoint is aborted.
 */
import type { StartPoint } from "../../packages/core/src/runtime/attempt.ts";
import type { MasterMessage, WorkerMessage } from "../../packages/core/src/runtime/messages.ts";
import type { CheckpointStore } from "../../packages/core/src/snapshot/checkpoint-store.ts";
import type { CheckpointMetadata } from "../../packages/core/src/snapshot/metadata.ts";
import type { SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import { DiskView, pendingFilesOf, scenarioUid } from "./disk-view.ts";
import type { PendingFile } from "./disk-view.ts";
import type { NodeSpec } from "./scenario.ts";
import { SubtaskWatermarks } from "./subtask-watermarks.ts";

const PENDING_FILE = /^rename (\/out\/.*\.pending)$/u;

/** Why a transaction may be committed. */
type Permit =
  | { readonly kind: "checkpoint"; readonly checkpointId: number }
  | { readonly kind: "stop"; readonly savepoint: string }
  | { readonly kind: "restored" };

/** The snapshot that the run began from, as C5 sees it. */
export interface CheckedOrigin {
  readonly directory: string;
  readonly isClaimed: boolean;
  /** Whether the user has begun to delete it. */
  readonly isDeletedByUser: () => boolean;
}

/** See the file header. */
export class Checkers {
  readonly violations: string[] = [];
  readonly view: DiskView;
  /** By pending file. */
  #permits = new Map<string, Permit[]>();
  #runDirectory: string | undefined;
  #origin: CheckedOrigin | undefined;
  /** That of a run that no process has held yet. */
  #coming: CheckedOrigin | undefined;
  #parallelisms: ReadonlyMap<string, number> = new Map();
  #watermarks = new SubtaskWatermarks(new Map(), undefined);
  #snapshotWatermarks = new SubtaskWatermarks(new Map(), undefined);
  /** The barrier of the stop under way; uids and subtasks that have acknowledged it. */
  #stopId: number | undefined;
  #stopped = new Set<string>();

  constructor(world: SimWorld) {
    this.view = new DiskView(world);
  }

  violation(text: string): void {
    this.violations.push(text);
  }

  /** Another run begins. */
  runBegins(origin: CheckedOrigin | undefined): void {
    this.#permits = new Map();
    this.#runDirectory = undefined;
    this.#origin = undefined;
    this.#coming = origin;
  }

  /** Another process of the run begins, with a job of these nodes. */
  processBegins(nodes: readonly NodeSpec[]): void {
    const detours = nodes.flatMap(({ uid, inputs }) =>
      inputs.flatMap(({ detour }, index) =>
        detour === undefined ? [] : [[`${uid}-detour-${index}`, detour] as const],
      ),
    );
    const own = nodes.map(({ uid, parallelism }) => [uid, parallelism] as const);
    this.#parallelisms = new Map([...own, ...detours]);
  }

  /** The run is over, or given up: what it began from is the user's business again. */
  runEnds(): void {
    this.#origin = undefined;
    this.#coming = undefined;
  }

  /** A process holds the run, and has recovered its checkpoints. */
  recovered(
    held: {
      readonly store: CheckpointStore;
      readonly directory: string;
      readonly begunFrom: StartPoint | undefined;
    },
    mayHaveOrphans: () => boolean,
  ): void {
    const { store, directory, begunFrom } = held;
    this.#runDirectory = directory;
    // Before it has begun, a snapshot that nobody made durable may go with the power.
    this.#origin = this.#coming ?? this.#origin;
    this.#coming = undefined;
    this.#stopId = undefined;
    const restored = store.latest ?? begunFrom?.metadata;
    this.#snapshotWatermarks = new SubtaskWatermarks(this.#parallelisms, restored);
    for (const metadata of store.completed) this.#noteCheckpoint(metadata);
    if (begunFrom !== undefined) {
      const { metadata, discardingSinks } = begunFrom;
      this.#permit(metadata, { kind: "restored" }, ({ uid }) => !discardingSinks.includes(uid));
    }
    const named = new Set(
      store.completed.flatMap(({ operators }) =>
        operators.flatMap(({ subtasks }) =>
          subtasks.flatMap(({ segments }) => segments.map(({ file }) => file)),
        ),
      ),
    );
    const shared = `${directory}/shared`;
    const orphans = this.view.names(shared).filter((name) => !named.has(`shared/${name}`));
    // Those of checkpoints that were just given up are being deleted.
    void store.settled().then(() => {
      const left = this.view.names(shared);
      for (const name of orphans) {
        if (left.includes(name) && !mayHaveOrphans()) this.violation(`orphan ${shared}/${name}`);
      }
    });
  }

  /** An attempt starts from a snapshot or from nothing. */
  attemptStarts(restored: CheckpointMetadata | undefined): void {
    this.#stopId = undefined;
    this.#watermarks = new SubtaskWatermarks(this.#parallelisms, restored);
  }

  /** A checkpoint is complete. */
  completed(metadata: CheckpointMetadata): void {
    this.#noteCheckpoint(metadata);
    const problem = this.#snapshotWatermarks.advance(metadata);
    if (problem !== undefined) this.violation(`snapshots: ${problem}`);
  }

  /** A savepoint is complete; only that of a stop lets sinks commit. */
  savepointCompleted(metadata: CheckpointMetadata, directory: string): void {
    if (metadata.stop === undefined) return;
    this.#permit(metadata, { kind: "stop", savepoint: directory }, () => true);
  }

  watermark(uid: string, subtaskIndex: number, watermark: number): void {
    const name = `${uid}/${subtaskIndex}`;
    if (this.#stopId !== undefined && this.#stopped.has(name)) {
      this.violation(`${name} is called behind the barrier of the stop ${this.#stopId}`);
    }
    const problem = this.#watermarks.note(uid, subtaskIndex, watermark);
    if (problem !== undefined) this.violation(problem);
  }

  /** Whether the barrier of a stop is under way or has arrived. */
  get isStopping(): boolean {
    return this.#stopId !== undefined;
  }

  /** The master says something to its workers. */
  onMasterMessage(message: MasterMessage): void {
    if (message.kind === "trigger" && message.barrier.stop !== undefined) {
      this.#stopId = message.barrier.id;
      this.#stopped = new Set();
    }
    if (message.kind === "aborted" && message.checkpointId === this.#stopId) {
      this.#stopId = undefined;
    }
  }

  /** A worker says something to its master. */
  onWorkerMessage(message: WorkerMessage): void {
    if (message.kind !== "ack" || message.checkpointId !== this.#stopId) return;
    for (const uid of Object.keys(message.operators))
      this.#stopped.add(`${scenarioUid(uid)}/${message.subtask}`);
  }

  /** Something happened on the machine. */
  onEvent(label: string): void {
    this.#checkOrigin();
    const pending = PENDING_FILE.exec(label)?.[1];
    if (pending === undefined || this.view.has(pending)) return;
    const permits = this.#permits.get(pending);
    if (permits === undefined) this.violation(`${pending} was committed, but nothing names it`);
    else if (!permits.some((permit) => this.#holds(permit))) {
      this.violation(`${pending} was committed before ${JSON.stringify(permits)} was durable`);
    }
  }

  /** The run is over, well, and nothing runs any more. */
  finished(runDirectory: string, mayHaveCheckpoints: boolean): void {
    const jobId = runDirectory.slice(runDirectory.lastIndexOf("/") + 1);
    for (const path of this.view.filesBelow("/out")) {
      if (path.includes(`/.oxbow-pending/${jobId}.`)) this.violation(`${path} is left pending`);
    }
    if (mayHaveCheckpoints) return;
    for (const name of this.view.names(runDirectory)) {
      if (name.startsWith("chk-") || name.startsWith("damaged-")) {
        this.violation(`${name} is left in the run directory`);
      }
    }
    if (this.#origin?.isClaimed === true && this.view.has(`${this.#origin.directory}/_metadata`)) {
      this.violation(`${this.#origin.directory}, which the run has claimed, is left`);
    }
  }

  #checkOrigin(): void {
    const origin = this.#origin;
    if (origin === undefined || this.view.has(`${origin.directory}/_metadata`)) return;
    this.#origin = undefined;
    if (origin.isDeletedByUser()) return;
    const { directory, isClaimed } = origin;
    if (!isClaimed) this.violation(`${directory} was deleted, which is the user's`);
    else if (this.#newestDurableId() === 0 && !this.#isOver()) {
      this.violation(`${directory} was deleted before the run had a checkpoint of its own`);
    }
  }

  #isOver(): boolean {
    const record = this.view.durableText(`${this.#runDirectory}/run.json`);
    return record?.includes('"isResumable": false') === true;
  }

  #noteCheckpoint(metadata: CheckpointMetadata): void {
    const { checkpointId } = metadata;
    this.#permit(metadata, { kind: "checkpoint", checkpointId }, () => true);
  }

  #permit(
    metadata: CheckpointMetadata,
    permit: Permit,
    isMeant: (file: PendingFile) => boolean,
  ): void {
    for (const file of pendingFilesOf(metadata).filter(isMeant)) {
      const permits = this.#permits.get(file.pending) ?? [];
      // The first checkpoint that names it counts.
      if (permits.some(({ kind }) => kind === permit.kind && kind !== "stop")) continue;
      this.#permits.set(file.pending, [...permits, permit]);
    }
  }

  #holds(permit: Permit): boolean {
    switch (permit.kind) {
      case "checkpoint":
        return this.#newestDurableId() >= permit.checkpointId;
      case "stop": {
        const record = this.view.durableText(`${this.#runDirectory}/run.json`);
        const metadata = this.view.durableText(`${permit.savepoint}/_metadata`);
        return record?.includes(permit.savepoint) === true && (metadata ?? "") !== "";
      }
      case "restored":
        return true;
    }
  }

  #newestDurableId(): number {
    const run = this.#runDirectory;
    if (run === undefined) return 0;
    let newest = 0;
    for (const name of this.view.names(run)) {
      if (!name.startsWith("chk-")) continue;
      const text = this.view.durableText(`${run}/${name}/_metadata`);
      if (text !== undefined && text !== "") newest = Math.max(newest, Number(name.slice(4)));
    }
    return newest;
  }
}
