// Snapshots that earlier versions have written go on with exactly the state that they had; and what
// is written now an earlier version can read, or it has a new version number.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import manifest from "../../packages/core/package.json" with { type: "json" };
import { shapeOf } from "./shape.ts";
import { goOn, KINDS, readFolder, resume, takeSnapshots } from "./snapshots.ts";

const FOLDERS_BYTES_MAX = 300_000;

const versions = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

const folderOf = (version: string, kind: string): string =>
  path.join(import.meta.dirname, version, kind);
const expectedOf = (version: string, kind: string): string =>
  readFileSync(`${folderOf(version, kind)}.txt`, "utf8");

test("there are snapshots of this version", () => {
  assert.ok(versions.includes(manifest.version), `write them: see docs/formats/README.md`);
});

for (const version of versions) {
  for (const kind of KINDS) {
    test(`the ${kind} of ${version} goes on with the state that it had`, async () => {
      const files = readFolder(folderOf(version, kind));
      assert.equal(await goOn(kind, files), expectedOf(version, kind));
    });
  }

  test(`the run of ${version} goes on by its own command`, async () => {
    const files = readFolder(folderOf(version, "run"));
    assert.equal(await resume(files), expectedOf(version, "run"));
  });

  test(`the snapshots of ${version} are small`, () => {
    const sizes = KINDS.flatMap((kind) => [...readFolder(folderOf(version, kind)).values()]);
    const sizeBytes = sizes.reduce((sum, { length }) => sum + length, 0);
    assert.ok(sizeBytes < FOLDERS_BYTES_MAX, `${sizeBytes} bytes`);
  });
}

test("what is written now, the newest version that wrote snapshots can read", async () => {
  const newest = versions.at(-1)!;
  const now = await takeSnapshots();
  for (const kind of KINDS) {
    const shape = new Set(await shapeOf(now[kind]));
    const gone = (await shapeOf(readFolder(folderOf(newest, kind)))).filter(
      (line) => !shape.has(line),
    );
    assert.deepEqual(
      gone,
      [],
      `${newest} would trip over a ${kind} of now: give the format a new version and write ` +
        `snapshots of it, see docs/formats/README.md`,
    );
  }
});
