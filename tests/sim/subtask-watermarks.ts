/*
 * SubtaskWatermarks: the watermarks of all subtasks of a job, which only go forward, from those of
 * a snapshot on. A job of other tasks than those that the snapshot was taken of, with operators or
 * parallelisms of its own, may begin anywhere: a task has one watermark, the lowest of all
 * that come together in it.
 */
import type { CheckpointMetadata } from "../../packages/core/src/snapshot/metadata.ts";
import { scenarioUid } from "./disk-view.ts";

/** See the file header. */
export class SubtaskWatermarks {
  /** By uid and subtask. */
  readonly #known = new Map<string, number>();
  /** Of the snapshot, by uid. */
  readonly #restored = new Map<string, readonly number[]>();

  /** `parallelisms`: of the job, by uid. */
  constructor(parallelisms: ReadonlyMap<string, number>, restored: CheckpointMetadata | undefined) {
    const operators = restored?.operators ?? [];
    const before = new Map(operators.map((operator) => [scenarioUid(operator.uid), operator]));
    const isSame =
      [...before].every(([uid, { subtasks }]) => parallelisms.get(uid) === subtasks.length) &&
      [...parallelisms.keys()].every((uid) => before.has(uid));
    for (const { uid, subtasks } of isSame ? operators : []) {
      this.#restored.set(
        scenarioUid(uid),
        subtasks.map(({ watermark }) => watermark ?? -Infinity),
      );
    }
  }

  /** A subtask is at a watermark (undefined: at none); what is wrong with that. */
  note(uid: string, index: number, watermark: number | undefined): string | undefined {
    const name = `${uid}/${index}`;
    const before = this.#known.get(name) ?? this.#floorOf(uid, index);
    const now = watermark ?? -Infinity;
    this.#known.set(name, now);
    return now < before ? `${name}: the watermark goes from ${before} to ${watermark}` : undefined;
  }

  /** All subtasks are at those of a snapshot; what is wrong with that. */
  advance({ operators }: CheckpointMetadata): string | undefined {
    return operators
      .flatMap(({ uid, subtasks }) =>
        subtasks.map(({ watermark }, index) => this.note(scenarioUid(uid), index, watermark)),
      )
      .find((problem) => problem !== undefined);
  }

  /** The watermark from which a subtask began. */
  #floorOf(uid: string, index: number): number {
    return this.#restored.get(uid)?.[index] ?? -Infinity;
  }
}
