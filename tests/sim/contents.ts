/*
 * Contents: what sinks have committed in a history of runs, and what of it belongs before a
 * snapshot.
 *
 * A *history* is a run and all that it goes on from. Its results are what its runs committed into
 * their targets, and, where it was turned back to an older snapshot, what had been given before
 * that snapshot.
 */
import type { CheckpointMetadata } from "../../packages/core/src/snapshot/metadata.ts";
import { sinkDirectory } from "./build-job.ts";
import { pendingFilesOf } from "./disk-view.ts";
import type { DiskView } from "./disk-view.ts";
import type { Missed } from "./reference.ts";
import type { Scenario } from "./scenario.ts";

/** Records by the uid of their sink. */
export type Contents = ReadonlyMap<string, readonly unknown[]>;

export interface History {
  /** What was given before the snapshot to which time was turned back. */
  readonly before: Contents;
  /** Transactions up to this checkpoint are in `before`. */
  readonly beforeId: number;
  /** What operators that came later have missed. */
  readonly missed: Missed;
  /** Targets that are written since. */
  readonly targets: readonly number[];
}

/** See the file header. */
export class ContentsReader {
  readonly #view: DiskView;
  readonly #sinks: readonly string[];
  /** Of every transaction ever seen in a snapshot: final path → checkpoint. */
  readonly #checkpointIds = new Map<string, number>();

  constructor(view: DiskView, scenario: Scenario) {
    this.#view = view;
    this.#sinks = scenario.nodes
      .filter(({ operator }) => operator.kind === "sink")
      .map(({ uid }) => uid);
  }

  /** A snapshot is complete; what it names may become visible. */
  note(metadata: CheckpointMetadata): void {
    for (const { final, checkpointId } of pendingFilesOf(metadata)) {
      this.#checkpointIds.set(final, checkpointId);
    }
  }

  /** All that is visible of a history. */
  of(history: History): Contents {
    return this.#collect(history, () => true);
  }

  /**
   * What a history had given when a snapshot of its last run was taken: what was committed, and
   * what the snapshot holds.
   */
  before(history: History, metadata: CheckpointMetadata): Contents {
    this.note(metadata);
    const { checkpointId } = metadata;
    const committed = this.#collect(
      history,
      (path) => (this.#checkpointIds.get(path) ?? Infinity) <= checkpointId,
    );
    const all = new Map(committed);
    for (const file of pendingFilesOf(metadata)) {
      const { uid, pending, final } = file;
      if (file.checkpointId <= history.beforeId || this.#view.has(final)) continue;
      const records = this.#view.records(pending);
      if (records === undefined) throw new Error(`${pending} is gone, and ${final} is not there`);
      all.set(uid, [...(all.get(uid) ?? []), ...records]);
    }
    return all;
  }

  #collect({ before, targets }: History, isIn: (path: string) => boolean): Contents {
    return new Map(
      this.#sinks.map((uid) => {
        const files = targets
          .flatMap((target) => this.#view.filesBelow(sinkDirectory(target, uid)))
          .filter((path) => !path.includes("/.oxbow-pending/") && isIn(path));
        const visible = files.flatMap((path) => this.#view.records(path) ?? []);
        return [uid, [...(before.get(uid) ?? []), ...visible]];
      }),
    );
  }
}
