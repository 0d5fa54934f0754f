// The files of a simulated machine as a value: taken, changed, and put on another machine.
import type { SimDisk } from "../testing/sim-disk.ts";

/** Paths and bytes of all files. Never changed: a changed image is another one. */
export type DiskImage = ReadonlyMap<string, Uint8Array>;

export function imageOf(disk: SimDisk): DiskImage {
  return new Map(disk.paths().map((path) => [path, disk.content(path)]));
}

/** Puts the files on an empty disk, durably. */
export function putOn(disk: SimDisk, image: DiskImage): void {
  for (const [path, bytes] of image) {
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (parent !== "") disk.createDirectory(parent, 0);
    const file = disk.createFile(path, 0);
    disk.append(file, bytes, 0);
    disk.syncFile(file, true);
  }
  for (const directory of directoriesOf(image)) disk.syncDirectory(directory);
}

/** The image with another content of a file; undefined: without the file. */
export function withFile(image: DiskImage, path: string, bytes: Uint8Array | undefined): DiskImage {
  const changed = new Map(image);
  if (bytes === undefined) changed.delete(path);
  else changed.set(path, bytes);
  return changed;
}

/** Paths of which content or existence differ. */
export function differences(before: DiskImage, after: DiskImage): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => {
    const [a, b] = [before.get(path), after.get(path)];
    return a === undefined || b === undefined || !Buffer.from(a).equals(b);
  });
}

function directoriesOf(image: DiskImage): Set<string> {
  const directories = new Set<string>(["/"]);
  for (const path of image.keys()) {
    const parts = path.split("/").slice(1, -1);
    parts.forEach((_, index) => directories.add(`/${parts.slice(0, index + 1).join("/")}`));
  }
  return directories;
}
