/**
 * TaskSnapshots: the snapshots in flight of one subtask, from the barrier to the acknowledgement.
 *
 * At the barrier (`begin`) every operator's state is frozen, which is quick; then slices of rows
 * are copied between batches and go to the segment writer on another thread; when all segments are
 * durable, and what operators flush outside of state is too, the subtask acknowledges.
 *
 * I1. Nothing is acknowledged before everything that it names is durable.
 * I2. A snapshot that fails is declined once, with its reason; the task goes on.
 * I3. At most `IN_FLIGHT_COUNT_MAX` snapshots at a time; the coordinator's bound is lower.
 */
import { assert } from "../assert.ts";
import type { Clock } from "../env/env.ts";
import type { OperatorSubtaskSnapshot, SegmentHandle } from "../snapshot/metadata.ts";
import { segmentFileName } from "../snapshot/segment-writer.ts";
import { SHARED_PREFIX } from "../snapshot/shared-registry.ts";
import type { SegmentSession, SegmentWriterClient } from "../snapshot/segment-writer-client.ts";
import type { Barrier, CheckpointId } from "../state/barrier.ts";
import type { BackendSnapshot, KeyedBackend } from "../state/keyed-backend.ts";
import type { OperatorStateSnapshot } from "../state/operator-state.ts";
import type { SnapshotFigures } from "./messages.ts";
import type { SubtaskMetrics } from "./subtask-metrics.ts";
import { schemaOf } from "../types/schema.ts";
import { SegmentHistory } from "./segment-history.ts";

export const IN_FLIGHT_COUNT_MAX = 16;

/** One operator (or source head) as snapshots see it. */
export interface SnapshotMember {
  readonly uid: string;
  readonly operatorId: string;
  /** Keyed state, as soon as there is any. */
  keyed(): KeyedBackend | undefined;
  /** Operator state as of now. */
  states(checkpointId: CheckpointId): readonly OperatorStateSnapshot[];
  /** What must be durable besides segments. */
  flushed(): Promise<void> | undefined;
  /** Whether the state holds transactions of a sink. */
  hasCommittables(): boolean;
}

export interface SnapshotResult {
  readonly checkpointId: CheckpointId;
  readonly operators: Readonly<Record<string, OperatorSubtaskSnapshot>>;
  readonly hasCommittables: boolean;
  readonly figures: SnapshotFigures;
}

export interface TaskSnapshotsOptions {
  readonly clock: Clock;
  readonly members: readonly SnapshotMember[];
  /** Undefined where checkpoints are off; then `begin` is never called. */
  readonly writer: SegmentWriterClient | undefined;
  readonly metrics: Pick<SubtaskMetrics, "setCheckpoint">;
  /** The run directory. */
  readonly directory: string;
  /** Who writes; with operator and checkpoint it makes file names unique in the run. */
  readonly author: {
    readonly epoch: number;
    readonly attempt: number;
    readonly subtaskIndex: number;
  };
  readonly acknowledge: (result: SnapshotResult) => void;
  readonly decline: (checkpointId: CheckpointId, error: unknown) => void;
  readonly barrierTaken: (checkpointId: CheckpointId) => void;
  readonly wake: () => void;
}

/** The moment of a barrier. */
export interface SnapshotPoint {
  readonly barrier: Barrier;
  readonly alignmentMs: number;
  readonly watermark: number | undefined;
  readonly hasEnded: boolean;
}

interface KeyedPart {
  readonly uid: string;
  readonly snapshot: BackendSnapshot;
  readonly session: SegmentSession;
  readonly base: readonly SegmentHandle[];
  readonly keySchema: unknown;
  isCopied: boolean;
}

interface InFlight {
  readonly point: SnapshotPoint;
  readonly beganMs: number;
  readonly startDelayMs: number;
  readonly parts: readonly KeyedPart[];
  readonly states: ReadonlyMap<string, readonly OperatorStateSnapshot[]>;
  readonly hasCommittables: boolean;
  readonly flushed: Promise<unknown>;
  readonly written: Promise<SegmentHandle | undefined>[];
  syncMs: number;
}

/** See the file header. */
export class TaskSnapshots {
  readonly #options: TaskSnapshotsOptions;
  readonly #histories = new Map<string, SegmentHistory>();
  /** By checkpoint, oldest first. */
  readonly #inFlight = new Map<CheckpointId, InFlight>();

  constructor(options: TaskSnapshotsOptions) {
    this.#options = options;
  }

  /** The checkpoint that the task was restored from, and its segments: a possible base. */
  restored(checkpointId: CheckpointId, uid: string, segments: readonly SegmentHandle[]): void {
    this.#history(uid).note(checkpointId, segments);
  }

  /** Freezes everything. The barrier has just been sent on. */
  begin(point: SnapshotPoint): void {
    const { clock, members } = this.#options;
    const { barrier } = point;
    assert(this.#inFlight.size < IN_FLIGHT_COUNT_MAX, "too many snapshots in flight");
    assert(!this.#inFlight.has(barrier.id), "a barrier is taken once");
    const beganMs = clock.monotonicMs();
    const inFlight: InFlight = {
      point,
      beganMs,
      startDelayMs: Math.max(0, clock.now() - barrier.timestamp - point.alignmentMs),
      parts: members.flatMap((member) => this.#freeze(member, barrier)),
      states: new Map(members.map((member) => [member.uid, member.states(barrier.id)])),
      hasCommittables: members.some((member) => member.hasCommittables()),
      flushed: Promise.all(members.flatMap((member) => member.flushed() ?? [])),
      written: [],
      syncMs: clock.monotonicMs() - beganMs,
    };
    inFlight.flushed.catch(() => undefined);
    this.#options.metrics.setCheckpoint(point.alignmentMs, inFlight.startDelayMs);
    this.#inFlight.set(barrier.id, inFlight);
    this.#options.barrierTaken(barrier.id);
    this.#finishIfCopied(inFlight);
  }

  /** Copies up to about `rowsMax` rows; false if there was nothing to copy or no room for it. */
  copySlice(rowsMax: number): boolean {
    if (this.#inFlight.size === 0) return false;
    for (const inFlight of this.#inFlight.values()) {
      for (const part of inFlight.parts) {
        if (part.isCopied) continue;
        if (!part.session.hasRoom()) return false;
        const before = this.#options.clock.monotonicMs();
        if (part.snapshot.copySlice(rowsMax, part.session)) {
          part.isCopied = true;
          const written = part.session.finish();
          // Heard of when all are under way; until then it must not count as unhandled.
          written.catch(() => undefined);
          inFlight.written.push(written);
        }
        inFlight.syncMs += this.#options.clock.monotonicMs() - before;
        this.#finishIfCopied(inFlight);
        return true;
      }
    }
    return false;
  }

  /** Gives a snapshot up; harmless if there is none. */
  abort(checkpointId: CheckpointId): void {
    const inFlight = this.#inFlight.get(checkpointId);
    if (inFlight === undefined) return;
    this.#inFlight.delete(checkpointId);
    for (const { snapshot, session } of inFlight.parts) {
      snapshot.abort();
      session.abort();
    }
    for (const written of inFlight.written) written.catch(() => undefined);
  }

  close(): void {
    for (const id of [...this.#inFlight.keys()]) this.abort(id);
  }

  #history(uid: string): SegmentHistory {
    let history = this.#histories.get(uid);
    if (history === undefined) this.#histories.set(uid, (history = new SegmentHistory()));
    return history;
  }

  #freeze(member: SnapshotMember, barrier: Barrier): KeyedPart[] {
    const backend = member.keyed();
    if (backend === undefined) return [];
    const { writer } = this.#options;
    assert(writer !== undefined, "a job that takes snapshots has a segment writer");
    const { storedRowsCount } = backend.memory();
    const base = this.#history(member.uid).baseFor(barrier, storedRowsCount);
    const snapshot = backend.freeze(base === undefined ? { ...barrier, base: undefined } : barrier);
    const { author, directory } = this.#options;
    const { operatorId } = member;
    const name = segmentFileName({ ...author, operatorId, checkpointId: barrier.id });
    const session = writer.open({
      ...(barrier.target === undefined
        ? { directory, file: `${SHARED_PREFIX}${name}` }
        : { directory: barrier.target, file: name, compress: true }),
      checkpointId: barrier.id,
      kind: snapshot.isDelta ? "delta" : "full",
      keyGroupStart: backend.keyGroupStart,
      keyGroupEnd: backend.keyGroupEnd,
      keyType: backend.keyType,
      maxParallelism: backend.maxParallelism,
      layouts: snapshot.layouts,
      schemas: backend.schemas,
      uid: member.uid,
      onRoom: this.#options.wake,
    });
    return [
      {
        uid: member.uid,
        snapshot,
        session,
        base: snapshot.isDelta ? (base ?? []) : [],
        keySchema: schemaOf(backend.keyType),
        isCopied: false,
      },
    ];
  }

  #finishIfCopied(inFlight: InFlight): void {
    if (inFlight.parts.some((part) => !part.isCopied)) return;
    const { id } = inFlight.point.barrier;
    Promise.all([Promise.all(inFlight.written), inFlight.flushed]).then(
      ([segments]) => this.#acknowledge(inFlight, segments),
      (error: unknown) => {
        if (!this.#inFlight.has(id)) return;
        this.abort(id);
        this.#options.decline(id, error);
      },
    );
  }

  #acknowledge(inFlight: InFlight, written: readonly (SegmentHandle | undefined)[]): void {
    const { point, parts } = inFlight;
    const { id } = point.barrier;
    if (!this.#inFlight.delete(id)) return;
    const segmentsOf = new Map<string, readonly SegmentHandle[]>();
    parts.forEach((part, index) => {
      const own = written[index];
      const segments = own === undefined ? part.base : [...part.base, own];
      segmentsOf.set(part.uid, segments);
      if (point.barrier.kind === "checkpoint") this.#history(part.uid).note(id, segments);
    });
    const { watermark, hasEnded } = point;
    const operators: Record<string, OperatorSubtaskSnapshot> = {};
    for (const [uid, states] of inFlight.states) {
      const segments = segmentsOf.get(uid) ?? [];
      const keyed = parts.find((part) => part.uid === uid);
      operators[uid] = {
        segments,
        states,
        watermark,
        hasEnded,
        ...(keyed === undefined ? {} : { keySchema: keyed.keySchema }),
      };
    }
    const figures = this.#figures(inFlight, written, [...segmentsOf.values()].flat());
    this.#options.acknowledge({
      checkpointId: id,
      operators,
      hasCommittables: inFlight.hasCommittables,
      figures,
    });
  }

  #figures(
    inFlight: InFlight,
    written: readonly (SegmentHandle | undefined)[],
    all: readonly SegmentHandle[],
  ): SnapshotFigures {
    return {
      syncMs: inFlight.syncMs,
      asyncMs: Math.max(0, this.#options.clock.monotonicMs() - inFlight.beganMs - inFlight.syncMs),
      alignmentMs: inFlight.point.alignmentMs,
      startDelayMs: inFlight.startDelayMs,
      checkpointedBytes: written.reduce((sum, segment) => sum + (segment?.sizeBytes ?? 0), 0),
      stateBytes: all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
  }
}
