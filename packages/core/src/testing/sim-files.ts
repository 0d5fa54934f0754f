/*
 * SimFiles: `Files` of one simulated process on a `SimDisk`. Every call takes virtual time and
 * completes as an event of the scheduler; failures are injected by rules and by chance.
 *
 * I1. An operation takes effect in the event that completes it. One that is under way when its
 *     process dies takes effect, wholly or (a write) in part, or not at all: the seed decides.
 * I2. Completions of a dead process never arrive.
 */
import { assert } from "../assert.ts";
import type { Random } from "../env/env.ts";
import type { Files, FileStatus, ReadableFile, WritableFile } from "../env/files.ts";
import { fileError } from "../env/node-files.ts";
import type { SimDisk, SimFile } from "./sim-disk.ts";
import type { SimScheduler } from "./sim-scheduler.ts";

/** Names of the methods of `Files`, `ReadableFile` and `WritableFile` that can be slow or fail. */
export type FileOperation = Exclude<keyof Files, never> | "read" | "write" | "sync" | "close";

/** An injected failure; all given conditions must hold. */
export interface FileFault {
  readonly operation?: FileOperation;
  /** Matches anywhere in the path. */
  readonly path?: RegExp;
  /** Matching operations that still succeed before it strikes; default 0. */
  readonly afterCount?: number;
  /** How often it strikes; default 1. */
  readonly count?: number;
  /** `io` fails with FILE_IO; `slow` adds `delayMs`. */
  readonly kind: "io" | "slow";
  readonly delayMs?: number;
}

/** Settings of a simulated process's files. */
export interface SimFilesOptions {
  readonly disk: SimDisk;
  readonly scheduler: SimScheduler;
  readonly random: Random;
  /** Wall clock, for modification times. */
  readonly now: () => number;
  /** Chance of FILE_IO per operation; default 0. */
  readonly failureRate?: number;
  /** Scales all latencies; default 1. */
  readonly latencyScale?: number;
}

interface Operation<T> {
  readonly name: FileOperation;
  readonly path: string;
  readonly sizeBytes: number;
  readonly apply: () => T;
  /** What a death in the middle leaves; default: all or nothing. */
  readonly applyPart?: (random: Random) => void;
  /** Called instead of `apply` when a failure is injected. */
  readonly onFailure?: () => void;
}

interface FaultState {
  readonly fault: FileFault;
  seenCount: number;
}

/** See the file header. */
export class SimFiles implements Files {
  readonly #options: SimFilesOptions;
  readonly #disk: SimDisk;
  readonly #underWay = new Set<Operation<unknown>>();
  #faults: FaultState[] = [];
  #completedCount = 0;
  #isDead = false;

  constructor(options: SimFilesOptions) {
    this.#options = options;
    this.#disk = options.disk;
  }

  /** Operations that have completed, well or not. */
  get completedCount(): number {
    return this.#completedCount;
  }

  /** Injects a failure; the function returned takes it back. */
  inject(fault: FileFault): () => void {
    const state = { fault, seenCount: 0 };
    this.#faults.push(state);
    return () => {
      this.#faults = this.#faults.filter((other) => other !== state);
    };
  }

  /** The process dies; see I1. The caller cancels its events. */
  die(): void {
    this.#isDead = true;
    const { random } = this.#options;
    for (const operation of this.#underWay) {
      if (random.int(2) === 0) continue;
      try {
        (operation.applyPart ?? operation.apply)(random);
      } catch {
        // It would have failed; nobody is left to hear of it.
      }
    }
    this.#underWay.clear();
  }

  open(path: string): Promise<ReadableFile> {
    const apply = (): ReadableFile => this.#reader(path, this.#disk.file("open", path));
    return this.#operate({ name: "open", path, sizeBytes: 0, apply });
  }

  create(path: string): Promise<WritableFile> {
    const apply = (): WritableFile => {
      return this.#writer(path, this.#disk.createFile(path, this.#options.now()));
    };
    return this.#operate({ name: "create", path, sizeBytes: 0, apply });
  }

  status(path: string): Promise<FileStatus | undefined> {
    const apply = (): FileStatus | undefined => {
      const node = this.#disk.find(path);
      if (node === undefined) return undefined;
      const sizeBytes = node.kind === "file" ? node.sizeBytes : 0;
      return { kind: node.kind, sizeBytes, modifiedAt: node.modifiedAt };
    };
    return this.#operate({ name: "status", path, sizeBytes: 0, apply });
  }

  list(directory: string): Promise<string[]> {
    const apply = (): string[] =>
      [...this.#disk.directory("list", directory).entries.keys()].sort();
    return this.#operate({ name: "list", path: directory, sizeBytes: 0, apply });
  }

  createDirectory(directory: string): Promise<void> {
    const apply = (): void => this.#disk.createDirectory(directory, this.#options.now());
    return this.#operate({ name: "createDirectory", path: directory, sizeBytes: 0, apply });
  }

  rename(from: string, to: string): Promise<void> {
    const apply = (): void => this.#disk.rename(from, to);
    return this.#operate({ name: "rename", path: from, sizeBytes: 0, apply });
  }

  replace(from: string, to: string): Promise<void> {
    const apply = (): void => this.#disk.replace(from, to);
    return this.#operate({ name: "replace", path: from, sizeBytes: 0, apply });
  }

  remove(path: string): Promise<void> {
    const apply = (): void => this.#disk.remove(path);
    return this.#operate({ name: "remove", path, sizeBytes: 0, apply });
  }

  removeTree(directory: string): Promise<void> {
    const apply = (): void => this.#disk.removeTree(directory);
    return this.#operate({ name: "removeTree", path: directory, sizeBytes: 0, apply });
  }

  syncDirectory(directory: string): Promise<void> {
    const apply = (): void => this.#disk.syncDirectory(directory);
    return this.#operate({ name: "syncDirectory", path: directory, sizeBytes: 0, apply });
  }

  #reader(path: string, file: SimFile): ReadableFile {
    const sizeBytes = file.sizeBytes;
    return {
      sizeBytes,
      read: (offset, length) => {
        const end = Math.min(sizeBytes, offset + length);
        const apply = (): Uint8Array => file.bytes.slice(offset, Math.max(offset, end));
        return this.#operate({ name: "read", path, sizeBytes: length, apply });
      },
      close: () => this.#operate({ name: "close", path, sizeBytes: 0, apply: nothing }),
    };
  }

  #writer(path: string, file: SimFile): WritableFile {
    let written = 0;
    let isBusy = false;
    const append = (bytes: Uint8Array): void => {
      const fits = this.#disk.append(file, bytes, this.#options.now());
      written += fits;
      isBusy = false;
      if (fits < bytes.length) throw fileError("FILE_IO", "write", path, FULL);
    };
    return {
      get sizeBytes() {
        return written;
      },
      write: (bytes) => {
        assert(!isBusy, () => `writes to ${path} overlap`);
        isBusy = true;
        return this.#operate({
          name: "write",
          path,
          sizeBytes: bytes.length,
          apply: () => append(bytes),
          applyPart: (random) => append(bytes.subarray(0, random.int(bytes.length + 1))),
          onFailure: () => {
            isBusy = false;
          },
        });
      },
      sync: () =>
        this.#operate({
          name: "sync",
          path,
          sizeBytes: file.sizeBytes - file.durable.length,
          apply: () => this.#disk.syncFile(file, true),
          onFailure: () => this.#disk.syncFile(file, false),
        }),
      close: () => this.#operate({ name: "close", path, sizeBytes: 0, apply: nothing }),
    };
  }

  #operate<T>(operation: Operation<T>): Promise<T> {
    if (this.#isDead) return new Promise(() => undefined);
    const { random, scheduler, failureRate = 0 } = this.#options;
    const { isFailing, extraMs } = this.#faultOf(operation);
    const fails = isFailing || random.next() < failureRate;
    return new Promise<T>((resolve, reject) => {
      this.#underWay.add(operation);
      const complete = (): void => {
        this.#underWay.delete(operation);
        this.#completedCount++;
        try {
          if (fails) {
            operation.onFailure?.();
            throw fileError("FILE_IO", operation.name, operation.path, "injected device error");
          }
          resolve(operation.apply());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      scheduler.schedule({
        delayMs: this.#latencyMs(operation) + extraMs,
        label: `${operation.name} ${operation.path}`,
        owner: this,
        run: complete,
      });
    });
  }

  #faultOf(operation: Operation<unknown>): {
    readonly isFailing: boolean;
    readonly extraMs: number;
  } {
    let isFailing = false;
    let extraMs = 0;
    for (const state of this.#faults) {
      const { operation: name, path, afterCount = 0, count = 1, kind, delayMs = 0 } = state.fault;
      if (name !== undefined && name !== operation.name) continue;
      if (path !== undefined && !path.test(operation.path)) continue;
      const seen = state.seenCount++;
      if (seen < afterCount || seen >= afterCount + count) continue;
      if (kind === "io") isFailing = true;
      else extraMs += delayMs;
    }
    return { isFailing, extraMs };
  }

  /** Skewed: mostly short, now and then ten times as long; syncs are slow. */
  #latencyMs(operation: Operation<unknown>): number {
    const { random, latencyScale = 1 } = this.#options;
    const isSync = operation.name === "sync" || operation.name === "syncDirectory";
    const base = isSync ? SYNC_MS : ACCESS_MS;
    const skew = random.int(16) === 0 ? 10 : 1;
    return (
      latencyScale * (base * (0.5 + random.next()) * skew + operation.sizeBytes / BYTES_PER_MS)
    );
  }
}

const ACCESS_MS = 0.1;
const SYNC_MS = 2;
const BYTES_PER_MS = 500_000;
const FULL = "the disk is full; free space";

function nothing(): void {
  // Closing has no effect on the model.
}
