/*
 * NextRun: which snapshots there are, and with which of them, and how, a story's next run begins.
 * Also what users do with snapshots in between: they move and delete them.
 */
import type { RestoreOptions } from "../../packages/core/src/driver/restore-options.ts";
import type { CheckpointMetadata } from "../../packages/core/src/snapshot/metadata.ts";
import type { SimWorld } from "../../packages/core/src/testing/sim-env.ts";
import type { Contents, History } from "./contents.ts";
import type { Counts } from "./counts.ts";
import { pendingFilesOf, scenarioUid } from "./disk-view.ts";
import type { DiskView } from "./disk-view.ts";
import type { Missed } from "./reference.ts";
import type { Scenario } from "./scenario.ts";
import type { RunCommand } from "./sim-process.ts";
import type { Beginning } from "./story.ts";
import type { Trace } from "./trace.ts";

/** A complete snapshot that the user knows of. */
export interface KnownSnapshot {
  /** Changes when it is moved. */
  directory: string;
  readonly metadata: CheckpointMetadata;
  /** Of the run that took it. */
  readonly history: History;
  readonly runDirectory: string;
  /** What the history had given when it was taken. */
  readonly contents: Contents;
  /** Deleted, or about to be, by whoever owns it. */
  isGone: boolean;
  /** Whether a run has begun from it whose sinks committed what it holds. */
  isCommitted: boolean;
}

/** How a run begins. */
export interface RunStart {
  readonly command: RunCommand;
  readonly history: History;
  /** Directory number of sinks. */
  readonly target: number;
  readonly origin: KnownSnapshot | undefined;
}

/** A run of a story from nothing. */
export const FIRST_START: RunStart = {
  command: { jobId: undefined, restore: undefined },
  history: { before: new Map(), beforeId: 0, missed: new Map(), targets: [0] },
  target: 0,
  origin: undefined,
};

export interface NextRunParts {
  readonly scenario: Scenario;
  readonly world: SimWorld;
  readonly view: DiskView;
  readonly trace: Trace;
  readonly counts: Counts;
}

/** See the file header. */
export class NextRun {
  readonly #parts: NextRunParts;
  readonly #known: KnownSnapshot[] = [];
  readonly #usedPaths = new Set<string>();
  #isRunDeleted = false;

  constructor(parts: NextRunParts) {
    this.#parts = parts;
  }

  /** A snapshot is there to begin from. */
  add(snapshot: KnownSnapshot): void {
    if (this.#known.some(({ directory }) => directory === snapshot.directory)) return;
    this.#known.push(snapshot);
  }

  find(directory: string): KnownSnapshot | undefined {
    return this.#known.find((known) => known.directory === directory);
  }

  /**
   * The start of run `index`; undefined if there is nothing to begin from. `last`: where the run
   * before it ended, if one can go on from there, and that run's start.
   */
  async choose(
    beginning: Beginning,
    index: number,
    last: { readonly snapshot: KnownSnapshot | undefined; readonly start: RunStart },
  ): Promise<RunStart | undefined> {
    const all = this.#known.filter(({ isGone, metadata }) => !isGone && metadata.stop !== "drain");
    const isLast = beginning.from === "last" && last.snapshot?.isGone === false;
    const origin = isLast ? last.snapshot : all[Math.floor(beginning.choice * all.length)];
    if (origin === undefined) return undefined;
    if (beginning.isMoved && origin.metadata.kind === "savepoint") {
      await this.#move(origin, `/moved/${index}`);
    }
    const isContinuation = origin === last.snapshot && !origin.isCommitted;
    const isCommitting = beginning.sinks === "commit" && (isContinuation || this.#isWhole(origin));
    const isSame = isContinuation && isCommitting && !beginning.hasNewTargets;
    const target = isSame ? last.start.target : index;
    const missed = this.#missedOf(origin, index);
    const history =
      isContinuation && isCommitting
        ? { ...origin.history, missed, targets: [...new Set([...origin.history.targets, target])] }
        : {
            before: origin.contents,
            beforeId: origin.metadata.checkpointId,
            missed,
            targets: [target],
          };
    const path = this.#pathOf(origin, beginning);
    const restore: RestoreOptions = {
      path,
      claimMode: beginning.claimMode,
      // Later programs have fewer states.
      allowNonRestoredState: true,
      // Where it is plain what to do the engine decides.
      ...(isContinuation && isCommitting ? {} : { sinks: isCommitting ? "commit" : "discard" }),
    };
    const jobId = this.#jobIdOf(beginning, path, index);
    this.#note(origin, beginning, isCommitting);
    return { command: { jobId, restore }, history, target, origin };
  }

  /** The user deletes a snapshot, and with a checkpoint its run; in the background. */
  delete(snapshot: KnownSnapshot): void {
    const { world, counts } = this.#parts;
    const isSavepoint = snapshot.metadata.kind === "savepoint";
    const directory = isSavepoint ? snapshot.directory : snapshot.runDirectory;
    this.#parts.trace.say(`user: deletes ${directory}`);
    counts.deleted++;
    if (!isSavepoint) this.#isRunDeleted = true;
    for (const known of this.#known) {
      if (known === snapshot || known.directory.startsWith(`${directory}/`)) known.isGone = true;
    }
    const process = world.startProcess();
    const end = (): void => process.kill();
    process.env.files.removeTree(directory).then(end, end);
  }

  #note(origin: KnownSnapshot, { claimMode }: Beginning, isCommitting: boolean): void {
    const { counts } = this.#parts;
    if (isCommitting) origin.isCommitted = true;
    else counts.discarding++;
    if (claimMode === "CLAIM") {
      origin.isGone = true;
      counts.claimed++;
    }
    const { kind, stop } = origin.metadata;
    if (kind === "checkpoint") counts.fromCheckpoints++;
    else if (stop === undefined) counts.fromSavepoints++;
    else counts.fromStops++;
  }

  /** What the operators of a run have missed that the snapshot does not have. */
  #missedOf({ metadata, history, contents }: KnownSnapshot, index: number): Missed {
    const { scenario } = this.#parts;
    const known = new Set(metadata.operators.map(({ uid }) => scenarioUid(uid)));
    const missed = new Map(history.missed);
    for (const { uid, kind, run } of scenario.changes) {
      if (kind === "added" && index >= run && !known.has(uid)) missed.set(uid, contents);
    }
    return missed;
  }

  /** All that it holds can be committed: the run that took it has not taken it back. */
  #isWhole({ metadata }: KnownSnapshot): boolean {
    const { view } = this.#parts;
    return pendingFilesOf(metadata).every(
      ({ pending, final }) => view.has(pending) || view.has(final),
    );
  }

  /** Any way to name the snapshot. */
  #pathOf({ directory }: KnownSnapshot, { choice }: Beginning): string {
    const ways = ["", "/", "/_metadata"];
    return `${directory}${ways[Math.floor(choice * 1_000) % ways.length]}`;
  }

  /**
   * Two runs of one path can be told apart by their ids only. And where a run was deleted, the next
   * one without an id would get its id, and with it the names of its files.
   */
  #jobIdOf({ hasOwnId }: Beginning, path: string, index: number): string | undefined {
    const isUsed = this.#usedPaths.has(path);
    this.#usedPaths.add(path);
    return hasOwnId || isUsed || this.#isRunDeleted ? `run-${index}` : undefined;
  }

  async #move(snapshot: KnownSnapshot, to: string): Promise<void> {
    const { world, trace, counts } = this.#parts;
    const process = world.startProcess();
    const { files } = process.env;
    const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));
    const move = async (): Promise<void> => {
      await files.createDirectory(parentOf(to));
      await files.syncDirectory("/");
      await files.rename(snapshot.directory, to);
      await files.syncDirectory(parentOf(to));
      await files.syncDirectory(parentOf(snapshot.directory));
    };
    await world.scheduler.runUntil(move());
    process.kill();
    trace.say(`user: moves ${snapshot.directory} to ${to}`);
    counts.moved++;
    snapshot.directory = to;
  }
}
