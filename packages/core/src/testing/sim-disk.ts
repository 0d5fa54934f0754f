/*
 * SimDisk: the storage of a simulated machine as one synchronous model, with what a power loss
 * leaves of it. `sim-files.ts` puts latency, failures and the interface `Files` on top.
 *
 * Two states are kept: what running processes see, and what is durable.
 *
 * I1. File bytes are durable up to the last successful sync; at a power loss any prefix of the
 *     rest survives, and sectors of the rest may read as zeros or garbage.
 * I2. Names are durable after a sync of their directory; at a power loss any subset of the other
 *     changes survives, except that
 * I3. a replace and a directory's move survive whole or not at all, and of a file's move the
 *     removal of the old name only together with the new name (what journaling gives).
 * I4. After a failed sync the bytes that it should have saved are lost for good at a power loss,
 *     even if a later sync succeeds, as on Linux.
 */
import { assert } from "../assert.ts";
import type { Random } from "../env/env.ts";
import { fileError, notDirectory } from "../env/node-files.ts";
import { flipBytes, survivingContent } from "./sim-content.ts";

export interface SimFile {
  readonly kind: "file";
  bytes: Uint8Array;
  sizeBytes: number;
  durable: Uint8Array;
  modifiedAt: number;
  isPoisoned: boolean;
}

export interface SimDirectory {
  readonly kind: "directory";
  readonly entries: Map<string, SimNode>;
  readonly durable: Map<string, SimNode>;
  modifiedAt: number;
}

export type SimNode = SimFile | SimDirectory;

/** A change of names that is not durable yet. Changes with the same `group` share their fate. */
interface NameChange {
  readonly directory: SimDirectory;
  readonly name: string;
  /** The node the name now stands for; undefined: removed. */
  readonly node: SimNode | undefined;
  readonly group: number;
  /** This change survives only if that group does. */
  readonly requires: number | undefined;
}

/** See the file header. */
export class SimDisk {
  readonly root: SimDirectory = newDirectory(0);
  /** Bytes that fit; writing more fails as on a full disk. */
  capacityBytes = Infinity;
  #usedBytes = 0;
  #changes: NameChange[] = [];
  #groups = 0;

  /** Bytes of all files as processes see them. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  find(path: string): SimNode | undefined {
    let node: SimNode | undefined = this.root;
    for (const part of partsOf(path)) {
      if (node === undefined || node.kind !== "directory") return undefined;
      node = node.entries.get(part);
    }
    return node;
  }

  file(operation: string, path: string): SimFile {
    const node = this.find(path);
    if (node === undefined) {
      throw fileError("FILE_NOT_FOUND", operation, path, this.#whyMissing(path));
    }
    if (node.kind !== "file")
      throw fileError("FILE_IO", operation, path, "it is not a regular file");
    return node;
  }

  directory(operation: string, path: string): SimDirectory {
    const node = this.find(path);
    if (node?.kind === "directory") return node;
    throw fileError("FILE_NOT_FOUND", operation, path, this.#whyMissing(path));
  }

  createFile(path: string, nowMs: number): SimFile {
    const { parent, name } = this.#locate("create", path);
    if (parent.entries.has(name)) throw fileError("FILE_EXISTS", "create", path, TAKEN);
    const file: SimFile = {
      kind: "file",
      bytes: EMPTY,
      sizeBytes: 0,
      durable: EMPTY,
      modifiedAt: nowMs,
      isPoisoned: false,
    };
    this.#change([{ directory: parent, name, node: file }]);
    return file;
  }

  /** Appends what fits; returns how many bytes did. */
  append(file: SimFile, bytes: Uint8Array, nowMs: number): number {
    const fits = Math.max(0, Math.min(bytes.length, this.capacityBytes - this.#usedBytes));
    const end = file.sizeBytes + fits;
    if (end > file.bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * file.bytes.length));
      grown.set(file.bytes.subarray(0, file.sizeBytes));
      file.bytes = grown;
    }
    file.bytes.set(bytes.subarray(0, fits), file.sizeBytes);
    file.sizeBytes = end;
    file.modifiedAt = nowMs;
    this.#usedBytes += fits;
    return fits;
  }

  syncFile(file: SimFile, succeeds: boolean): void {
    if (!succeeds) file.isPoisoned = true;
    if (!file.isPoisoned) file.durable = file.bytes.slice(0, file.sizeBytes);
  }

  createDirectory(path: string, nowMs: number): void {
    let directory = this.root;
    for (const name of partsOf(path)) {
      let next = directory.entries.get(name);
      if (next === undefined) {
        next = newDirectory(nowMs);
        this.#change([{ directory, name, node: next }]);
      }
      if (next.kind !== "directory") throw this.#notCreated(path);
      directory = next;
    }
  }

  rename(from: string, to: string): void {
    const source = this.#locate("rename", from);
    const target = this.#locate("rename", to);
    const node = source.parent.entries.get(source.name);
    if (node === undefined) throw fileError("FILE_NOT_FOUND", "rename", from, NOTHING);
    if (target.parent.entries.has(target.name)) throw fileError("FILE_EXISTS", "rename", to, TAKEN);
    const link = { directory: target.parent, name: target.name, node };
    const unlink = { directory: source.parent, name: source.name, node: undefined };
    if (node.kind === "directory") this.#change([link, unlink]);
    else this.#change([unlink], this.#change([link]));
  }

  replace(from: string, to: string): void {
    const source = this.#locate("replace", from);
    const target = this.#locate("replace", to);
    const node = source.parent.entries.get(source.name);
    if (node?.kind !== "file") throw fileError("FILE_NOT_FOUND", "replace", from, NOTHING);
    if (from === to) return;
    this.#forget(target.parent.entries.get(target.name));
    const link = { directory: target.parent, name: target.name, node };
    this.#change([link, { directory: source.parent, name: source.name, node: undefined }]);
  }

  remove(path: string): void {
    const parts = partsOf(path);
    const parent = this.find(`/${parts.slice(0, -1).join("/")}`);
    const name = parts.at(-1)!;
    if (parent?.kind !== "directory" || !parent.entries.has(name)) return;
    const node = parent.entries.get(name);
    if (node?.kind === "directory") throw fileError("FILE_IO", "remove", path, "it is a directory");
    this.#forget(node);
    this.#change([{ directory: parent, name, node: undefined }]);
  }

  /** Removes one name after the other, children first, as a real removal does. */
  removeTree(path: string): void {
    const node = this.find(path);
    if (node === undefined) return;
    if (node.kind === "directory") {
      for (const name of [...node.entries.keys()]) this.removeTree(`${path}/${name}`);
    }
    const { parent, name } = this.#locate("removeTree", path);
    this.#forget(node);
    this.#change([{ directory: parent, name, node: undefined }]);
  }

  syncDirectory(path: string): void {
    const directory = this.directory("syncDirectory", path);
    const groups = new Set<number>();
    for (const change of this.#changes)
      if (change.directory === directory) addWithCauses(groups, change);
    this.#settle((change) => groups.has(change.group));
  }

  /** Power loss: what is not durable survives or not, as `random` decides. */
  loseUnsynced(random: Random): void {
    const survivalRate = [0, 1, 0.5, 0.9][random.int(4)];
    const survivors = new Set<number>();
    const fates = new Map<number, boolean>();
    for (const { group, requires } of this.#changes) {
      if (!fates.has(group)) fates.set(group, random.next() < survivalRate);
      if (fates.get(group)! && (requires === undefined || fates.get(requires) !== false))
        survivors.add(group);
    }
    this.#settle((change) => survivors.has(change.group));
    this.#changes = [];
    this.#usedBytes = 0;
    this.#restart(this.root, random);
  }

  /** Changes bytes of a file for good, as a failing device does. */
  corrupt(path: string, offset: number, mask: number, length = 1): void {
    const file = this.file("corrupt", path);
    flipBytes(file.bytes.subarray(0, file.sizeBytes), offset, mask, length);
    flipBytes(file.durable, offset, mask, length);
  }

  /** Cuts a file for good. */
  truncate(path: string, sizeBytes: number): void {
    const file = this.file("truncate", path);
    assert(sizeBytes <= file.sizeBytes, "truncate only shortens");
    this.#usedBytes -= file.sizeBytes - sizeBytes;
    file.sizeBytes = sizeBytes;
    file.durable = file.durable.slice(0, sizeBytes);
  }

  /** Bytes of a file now. */
  content(path: string): Uint8Array {
    const file = this.file("read", path);
    return file.bytes.slice(0, file.sizeBytes);
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    const found: string[] = [];
    const visit = (directory: SimDirectory, prefix: string): void => {
      for (const [name, node] of directory.entries) {
        if (node.kind === "file") found.push(`${prefix}/${name}`);
        else visit(node, `${prefix}/${name}`);
      }
    };
    visit(this.root, "");
    return found.sort();
  }

  #locate(
    operation: string,
    path: string,
  ): { readonly parent: SimDirectory; readonly name: string } {
    const parts = partsOf(path);
    const name = parts.at(-1);
    assert(name !== undefined, () => `${operation}: "${path}" has no name`);
    const parent = this.find(`/${parts.slice(0, -1).join("/")}`);
    if (parent?.kind === "directory") return { parent, name };
    throw fileError("FILE_NOT_FOUND", operation, path, this.#whyMissing(path));
  }

  #notCreated(directory: string): Error {
    const isTaken = this.find(directory)?.kind === "file";
    return isTaken
      ? fileError("FILE_EXISTS", "createDirectory", directory, TAKEN)
      : fileError("FILE_NOT_FOUND", "createDirectory", directory, this.#whyMissing(directory));
  }

  #whyMissing(path: string): string {
    let way = "";
    for (const part of partsOf(path)) {
      way += `/${part}`;
      const node = this.find(way);
      if (node === undefined) return NOTHING;
      if (node.kind === "file") return notDirectory(way);
    }
    return NOTHING;
  }

  #change(
    changes: readonly Pick<NameChange, "directory" | "name" | "node">[],
    requires?: number,
  ): number {
    const group = this.#groups++;
    for (const { directory, name, node } of changes) {
      if (node === undefined) directory.entries.delete(name);
      else directory.entries.set(name, node);
      this.#changes.push({ directory, name, node, group, requires });
    }
    return group;
  }

  /** Makes the chosen changes durable, in order, and keeps the others. */
  #settle(isChosen: (change: NameChange) => boolean): void {
    const rest: NameChange[] = [];
    for (const change of this.#changes) {
      if (!isChosen(change)) rest.push(change);
      else if (change.node === undefined) change.directory.durable.delete(change.name);
      else change.directory.durable.set(change.name, change.node);
    }
    this.#changes = rest;
  }

  #restart(directory: SimDirectory, random: Random): void {
    directory.entries.clear();
    for (const [name, node] of [...directory.durable].sort(byName)) {
      directory.entries.set(name, node);
      if (node.kind === "directory") {
        this.#restart(node, random);
        continue;
      }
      const content = survivingContent(node, random);
      node.bytes = content;
      node.durable = content.slice();
      node.sizeBytes = content.length;
      node.isPoisoned = false;
      this.#usedBytes += content.length;
    }
  }

  #forget(node: SimNode | undefined): void {
    if (node?.kind === "file") this.#usedBytes -= node.sizeBytes;
  }
}

const EMPTY = new Uint8Array(0);
const NOTHING = "there is nothing at this path";
const TAKEN = "the name is taken";

function newDirectory(nowMs: number): SimDirectory {
  return { kind: "directory", entries: new Map(), durable: new Map(), modifiedAt: nowMs };
}

function addWithCauses(groups: Set<number>, change: NameChange): void {
  groups.add(change.group);
  if (change.requires !== undefined) groups.add(change.requires);
}

function byName(a: readonly [string, SimNode], b: readonly [string, SimNode]): number {
  return a[0] < b[0] ? -1 : 1;
}

function partsOf(path: string): string[] {
  assert(path.startsWith("/"), () => `paths are absolute: "${path}"`);
  return path.split("/").filter((part) => part !== "");
}
