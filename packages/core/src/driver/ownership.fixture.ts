// Snapshots of runs, and who owns them: a machine on which things are done one after another, and
// a model that says which snapshots must then be there.
import assert from "node:assert/strict";
import type { StreamEnvironment } from "../api/environment.ts";
import { discard } from "../connectors/for-each.ts";
import { errorCode } from "../errors.ts";
import type { RetainOptions } from "../graph/checkpoint-options.ts";
import { segmentsOf } from "../snapshot/checkpoint-inventory.ts";
import { decodeMetadata } from "../snapshot/metadata-file.ts";
import { findSnapshot, verifySnapshot } from "../snapshot/savepoint-directory.ts";
import { t } from "../types/t.ts";
import { count } from "../window/aggregates.ts";
import { JobBench, endless } from "./job.fixture.ts";
import type { RestoreOptions } from "./restore-options.ts";
import type { JobHandle, JobStart } from "./run-job.ts";

/** One thing that is done. Snapshots are named by their position among those that are there. */
export type Step =
  | "checkpoint"
  | "savepoint"
  | "stop"
  | "cancel"
  | "kill"
  | "resume"
  | `${"claim" | "no-claim" | "delete"} ${number}`;

/** Events that may pass until all is deleted that has to be. */
const EVENTS_MAX = 4_000;

interface Run {
  /** Its own checkpoints, oldest first. */
  kept: string[];
  /** What it began from. */
  readonly origin: string | undefined;
  /** The origin is its own to delete. */
  hasClaim: boolean;
  restore: RestoreOptions | undefined;
  isOver: boolean;
}

/** See the file header. One run at a time works; the newest is the one that `resume` resumes. */
export class Machine {
  readonly #bench: JobBench;
  readonly #retain: RetainOptions & { readonly count: number };
  readonly #runs: Run[] = [];
  /** Savepoints that are the user's. */
  readonly #savepoints = new Set<string>();
  #handle: JobHandle | undefined;

  constructor(retain: RetainOptions & { readonly count: number }) {
    this.#bench = new JobBench("ownership");
    this.#retain = retain;
  }

  get bench(): JobBench {
    return this.#bench;
  }

  /** What must be there: directories of complete snapshots, in the order of their names. */
  get snapshots(): string[] {
    const claimed = this.#runs.flatMap(({ origin, hasClaim }) => (hasClaim ? [origin!] : []));
    const kept = this.#runs.flatMap((run) => run.kept);
    return [...new Set([...kept, ...claimed, ...this.#savepoints])].sort();
  }

  /**
   * The state as text, the same for states that differ only in names, ids and in what is over and
   * gone.
   */
  get key(): string {
    const { snapshots } = this;
    const numberOf = (path: string | undefined): number => snapshots.indexOf(path ?? "");
    const runs = this.#runs.map(({ kept, origin, hasClaim, isOver }) => ({
      kept: kept.map(numberOf),
      origin: numberOf(origin),
      hasOrigin: origin !== undefined,
      hasClaim,
      isOver,
    }));
    const newest = runs.pop();
    const others = runs.filter(({ kept, hasClaim }) => kept.length > 0 || hasClaim);
    const savepoints = [...this.#savepoints].map(numberOf).sort((a, b) => a - b);
    return JSON.stringify([others, newest, savepoints, this.#handle !== undefined]);
  }

  /** What can be done next. */
  steps(): Step[] {
    if (this.#handle !== undefined) return ["checkpoint", "savepoint", "stop", "cancel", "kill"];
    const { snapshots } = this;
    return [
      "resume",
      ...snapshots.flatMap((_, index): Step[] => [`no-claim ${index}`, `claim ${index}`]),
      ...snapshots.flatMap((path, index): Step[] =>
        this.#savepoints.has(path) ? [`delete ${index}`] : [],
      ),
    ];
  }

  /** Begins the first run. */
  async begin(): Promise<void> {
    await this.#start(undefined);
  }

  /** Does it and lets all happen that follows from it; throws where something else is there. */
  async step(step: Step): Promise<void> {
    await this.do(step);
    await this.settle(step);
  }

  /** Does it. What follows may still be on its way. */
  async do(step: Step): Promise<void> {
    const [name, position] = step.split(" ");
    switch (name) {
      case "checkpoint":
        return this.#checkpoint();
      case "savepoint":
        await this.#bench.advance(30);
        this.#savepoints.add((await this.#wait(this.#handle!.savepoint())).location);
        return;
      case "stop":
        this.#savepoints.add((await this.#wait(this.#handle!.stop())).location);
        return this.#over(() => false);
      case "cancel":
        await this.#wait(this.#handle!.cancel());
        return this.#over(() => this.#retain.onCancellation === "keep");
      case "kill":
        return this.kill();
      case "resume":
        return this.#resume();
      case "delete": {
        const path = this.snapshots[Number(position)];
        this.#savepoints.delete(path);
        return this.#wait(this.#bench.process.env.files.removeTree(path));
      }
      default: {
        const claimMode = name === "claim" ? "CLAIM" : "NO_CLAIM";
        return this.#start({ path: this.snapshots[Number(position)], claimMode });
      }
    }
  }

  /**
   * The process dies after so many events of a step of a job that runs, and the same command is
   * given again. What is there can be restored from all the time, what is not the run's own stays,
   * and nothing is left in the run that is nobody's.
   */
  async interrupted(step: Step, eventsCount: number): Promise<void> {
    await this.#bench.advance(30);
    const before = new Set(this.snapshots);
    this.#raw(step).catch(() => undefined);
    for (let count = 0; count < eventsCount; count++) await this.#bench.world.scheduler.runNext();
    this.kill();
    await this.verify();
    const run = this.#runs.at(-1)!;
    const mayGo = new Set([...run.kept, ...(run.hasClaim ? [run.origin!] : [])]);
    const gone = [...before].filter((path) => !mayGo.has(path) && !this.#found().includes(path));
    assert.deepEqual(gone, [], "what is not the run's own stays");
    const { restore } = run;
    const options = { ...KEPT, ...(restore && { restore }) };
    const start = await this.#bench.start(counting(this.#retain), options);
    if (start.kind === "started") {
      await this.#bench.advance(30);
      await this.#wait(start.job.checkpoint());
    }
    await this.#bench.advance(500);
    await this.verify();
    const isAllowed = (path: string): boolean =>
      // A few bytes of a record or a lock, of a run that nobody starts any more.
      (start.kind === "over" && path.includes(".tmp-")) ||
      // Of what another process had begun to delete, or to take, outside of its run.
      path.startsWith("/runs/savepoints/") ||
      (run.hasClaim && !path.startsWith(this.#own(start)));
    assert.deepEqual(
      this.orphans().filter((path) => !isAllowed(path)),
      [],
    );
  }

  #own(start: JobStart): string {
    return (start.kind === "started" ? start.job.runDirectory : start.runDirectory)!;
  }

  async #raw(step: Step): Promise<unknown> {
    const handle = this.#handle!;
    switch (step) {
      case "checkpoint":
        return handle.checkpoint();
      case "savepoint":
        return handle.savepoint();
      case "stop":
        return handle.stop();
      default:
        return handle.cancel();
    }
  }

  kill(): void {
    this.#bench.restart();
    this.#handle = undefined;
  }

  /** Waits until what must be there is there, and nothing else. */
  async settle(what: string): Promise<void> {
    const expected = this.snapshots.join("\n");
    const isSettled = (): boolean =>
      this.#found().join("\n") === expected && this.orphans().length === 0;
    await this.#bench.until(isSettled, EVENTS_MAX).catch(() => undefined);
    assert.deepEqual(this.#found(), this.snapshots, `after ${what}`);
    assert.deepEqual(this.orphans(), [], `after ${what}: nobody's`);
    await this.verify();
  }

  /** Everything that could be restored from can be. */
  async verify(): Promise<void> {
    const { files } = this.#bench.process.env;
    for (const path of this.#found()) {
      await this.#wait(findSnapshot(files, path).then((found) => verifySnapshot(files, found)));
    }
  }

  /** Files that no snapshot names, and that are not a run's own. */
  orphans(): string[] {
    const { disk } = this.#bench.world;
    const named = new Set<string>();
    for (const directory of this.#found()) {
      const path = `${directory}/_metadata`;
      const metadata = decodeMetadata(path, disk.content(path));
      const parent = directory.slice(0, directory.lastIndexOf("/"));
      const base = metadata.kind === "savepoint" ? directory : parent;
      named.add(path);
      for (const { file } of segmentsOf(metadata)) named.add(`${base}/${file}`);
      for (const note of disk.paths())
        if (note.startsWith(`${directory}/_restored/`)) named.add(note);
    }
    return disk
      .paths()
      .filter((path) => !named.has(path) && !/\/(run\.json|lock\/epoch-\d+)$/u.test(path));
  }

  /** Directories of complete snapshots on the disk. */
  #found(): string[] {
    return this.#bench.world.disk
      .paths()
      .filter((path) => path.endsWith("/_metadata"))
      .map((path) => path.slice(0, -"/_metadata".length))
      .sort();
  }

  async #checkpoint(): Promise<void> {
    await this.#bench.advance(30);
    const { location } = await this.#wait(this.#handle!.checkpoint());
    const run = this.#runs.at(-1)!;
    run.kept.push(location);
    // The claimed one is the oldest of the run.
    if (run.kept.length + (run.hasClaim ? 1 : 0) > this.#retain.count) {
      if (run.hasClaim) this.#dropClaim(run);
      else run.kept.shift();
    }
  }

  /** The newest run has ended. */
  #over(isKept: () => boolean): void {
    const run = this.#runs.at(-1)!;
    this.#handle = undefined;
    const keeps = isKept();
    run.isOver = !keeps || run.kept.length + (run.hasClaim ? 1 : 0) === 0;
    if (keeps) return;
    run.kept = [];
    this.#dropClaim(run);
  }

  #dropClaim(run: Run): void {
    if (!run.hasClaim) return;
    run.hasClaim = false;
    this.#savepoints.delete(run.origin!);
    for (const other of this.#runs) {
      other.kept = other.kept.filter((path) => path !== run.origin);
      if (other.origin === run.origin) other.hasClaim = false;
    }
  }

  async #start(restore: RestoreOptions | undefined): Promise<void> {
    const options = { ...KEPT, newRun: true, ...(restore && { restore }) };
    this.#handle = await this.#bench.running(counting(this.#retain), options);
    const origin = restore?.path;
    const hasClaim = restore?.claimMode === "CLAIM";
    if (hasClaim) {
      this.#savepoints.delete(origin!);
      for (const run of this.#runs) if (run.kept.includes(origin!)) run.isOver = true;
    }
    await this.#bench.advance(30);
    this.#runs.push({ kept: [], origin, hasClaim, restore, isOver: false });
  }

  async #resume(): Promise<void> {
    const run = this.#runs.at(-1)!;
    const { restore, origin } = run;
    const options = { ...KEPT, ...(restore && { restore }) };
    const isLost = run.kept.length === 0 && origin !== undefined;
    if (!run.isOver && isLost && !this.#found().includes(origin)) {
      const error = await this.#bench.refused(counting(this.#retain), options);
      assert.equal(errorCode(error), "SNAPSHOT_NOT_FOUND", error.message);
      return;
    }
    const start = await this.#bench.start(counting(this.#retain), options);
    assert.equal(start.kind, run.isOver ? "over" : "started");
    if (start.kind === "started") this.#handle = start.job;
    await this.#bench.advance(30);
  }

  #wait<T>(work: Promise<T>): Promise<T> {
    return this.#bench.world.scheduler.runUntil(work);
  }
}

const KEPT = { checkpointDirectory: "/runs" };

function counting(retain: RetainOptions) {
  return (env: StreamEnvironment): void =>
    env
      .checkpoint({ interval: "1h", retain })
      .source("numbers", endless())
      .keyBy((n) => n % 3, t.int32)
      .aggregate("counts", { n: count() })
      .sink("out", discard());
}
