// Conformance of `Files`: one suite, run against node:fs in a temporary directory and against the
// simulated disk. What a power loss leaves is tested on the simulated disk only.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Files } from "../env/files.ts";
import { nodeFiles } from "../env/node-files.ts";
import { errorCode } from "../errors.ts";
import { SimWorld } from "./sim-env.ts";

interface Subject {
  readonly files: Files;
  readonly root: string;
  run<T>(work: () => Promise<T>): Promise<T>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function put(files: Files, path: string, text: string): Promise<void> {
  const file = await files.create(path);
  await file.write(bytes(text));
  await file.sync();
  await file.close();
}

async function get(files: Files, path: string): Promise<string> {
  const file = await files.open(path);
  const content = await file.read(0, file.sizeBytes);
  await file.close();
  return new TextDecoder().decode(content);
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => "none",
    (error: unknown) => errorCode(error),
  );
}

const temporary = await mkdtemp(join(tmpdir(), "oxbow-files-"));
after(() => rm(temporary, { recursive: true }));
let subjects = 0;

function nodeSubject(): Subject {
  return { files: nodeFiles, root: join(temporary, String(subjects++)), run: (work) => work() };
}

function simSubject(): Subject {
  const world = new SimWorld({ seed: subjects++ });
  const { env } = world.startProcess();
  return { files: env.files, root: "/root", run: (work) => world.scheduler.runUntil(work()) };
}

for (const [name, make] of [
  ["node", nodeSubject],
  ["sim", simSubject],
] as const) {
  describe(`files (${name})`, () => {
    const test = (title: string, body: (subject: Subject) => Promise<void>): void => {
      it(title, async () => {
        const subject = make();
        await subject.run(async () => {
          await subject.files.createDirectory(subject.root);
          await body(subject);
        });
      });
    };

    test("what was appended in several writes is read back, also in parts", async (subject) => {
      const { files, root } = subject;
      const file = await files.create(`${root}/a`);
      assert.equal(file.sizeBytes, 0);
      await file.write(bytes("hello "));
      await file.write(bytes("world"));
      assert.equal(file.sizeBytes, 11);
      await file.sync();
      await file.close();
      await file.close();
      const reader = await files.open(`${root}/a`);
      assert.equal(reader.sizeBytes, 11);
      assert.deepEqual(await reader.read(6, 3), bytes("wor"));
      assert.deepEqual(await reader.read(9, 100), bytes("ld"));
      assert.deepEqual(await reader.read(50, 1), bytes(""));
      await reader.close();
      await reader.close();
    });

    test("status tells files from directories and from nothing", async ({ files, root }) => {
      await put(files, `${root}/a`, "12345");
      const status = await files.status(`${root}/a`);
      assert.equal(status?.kind, "file");
      assert.equal(status?.sizeBytes, 5);
      assert.ok(status.modifiedAt > 1e12);
      assert.equal((await files.status(root))?.kind, "directory");
      assert.equal((await files.status(root))?.sizeBytes, 0);
      assert.equal(await files.status(`${root}/b`), undefined);
      assert.equal(await files.status(`${root}/a/b`), undefined);
    });

    test("create refuses a taken name and a missing parent", async ({ files, root }) => {
      await put(files, `${root}/a`, "");
      assert.equal(await codeOf(files.create(`${root}/a`)), "FILE_EXISTS");
      assert.equal(await codeOf(files.create(`${root}/no/a`)), "FILE_NOT_FOUND");
      assert.equal(await codeOf(files.open(`${root}/b`)), "FILE_NOT_FOUND");
      assert.equal(await codeOf(files.open(root)), "FILE_IO");
    });

    test("errors carry path and operation", async ({ files, root }) => {
      await assert.rejects(files.open(`${root}/b`), (error: { details?: unknown }) => {
        const { path, operation } = error.details as Record<string, unknown>;
        return path === `${root}/b` && operation === "open";
      });
    });

    test("a file where a directory is needed is named", async ({ files, root }) => {
      await put(files, `${root}/a`, "");
      const reason = new RegExp(`${root}/a is a file, not a directory\\.$`);
      const expected = { code: "FILE_NOT_FOUND", message: reason };
      await assert.rejects(files.create(`${root}/a/b`), expected);
      await assert.rejects(files.open(`${root}/a/b/c`), expected);
      await assert.rejects(files.list(`${root}/a`), expected);
      await assert.rejects(files.createDirectory(`${root}/a/b/c`), expected);
      await put(files, `${root}/d`, "");
      await assert.rejects(files.rename(`${root}/d`, `${root}/a/d`), expected);
      assert.equal(await codeOf(files.createDirectory(`${root}/a`)), "FILE_EXISTS");
    });

    test("list is sorted by code units and fails where there is nothing", async (subject) => {
      const { files, root } = subject;
      for (const name of ["b", "a", "B", "10", "9"]) await put(files, `${root}/${name}`, "");
      assert.deepEqual(await files.list(root), ["10", "9", "B", "a", "b"]);
      assert.equal(await codeOf(files.list(`${root}/no`)), "FILE_NOT_FOUND");
      assert.equal(await codeOf(files.list(`${root}/a`)), "FILE_NOT_FOUND");
    });

    test("createDirectory makes parents and may be repeated", async ({ files, root }) => {
      await files.createDirectory(`${root}/x/y/z`);
      await files.createDirectory(`${root}/x/y/z`);
      assert.deepEqual(await files.list(`${root}/x/y`), ["z"]);
      await put(files, `${root}/a`, "");
      assert.equal(await codeOf(files.createDirectory(`${root}/a`)), "FILE_EXISTS");
      await files.syncDirectory(`${root}/x`);
      assert.equal(await codeOf(files.syncDirectory(`${root}/no`)), "FILE_NOT_FOUND");
    });

    test("rename moves and never overwrites", async ({ files, root }) => {
      await put(files, `${root}/a`, "a");
      await put(files, `${root}/b`, "b");
      assert.equal(await codeOf(files.rename(`${root}/a`, `${root}/b`)), "FILE_EXISTS");
      assert.equal(await get(files, `${root}/a`), "a");
      assert.equal(await get(files, `${root}/b`), "b");
      await files.rename(`${root}/a`, `${root}/c`);
      assert.deepEqual(await files.list(root), ["b", "c"]);
      assert.equal(await get(files, `${root}/c`), "a");
      assert.equal(await codeOf(files.rename(`${root}/a`, `${root}/d`)), "FILE_NOT_FOUND");
      assert.equal(await codeOf(files.rename(`${root}/c`, `${root}/no/d`)), "FILE_NOT_FOUND");
    });

    test("of many that rename to one name at once exactly one wins", async ({ files, root }) => {
      const names = Array.from({ length: 8 }, (_, i) => `${root}/from-${i}`);
      for (const name of names) await put(files, name, name);
      const codes = await Promise.all(
        names.map((name) => codeOf(files.rename(name, `${root}/to`))),
      );
      assert.equal(codes.filter((code) => code === "none").length, 1);
      assert.equal(codes.filter((code) => code === "FILE_EXISTS").length, 7);
      assert.equal(await get(files, `${root}/to`), names[codes.indexOf("none")]);
    });

    test("rename moves directories with what is in them, never onto others", async (subject) => {
      const { files, root } = subject;
      await files.createDirectory(`${root}/d/e`);
      await put(files, `${root}/d/e/a`, "a");
      await files.createDirectory(`${root}/empty`);
      assert.equal(await codeOf(files.rename(`${root}/d`, `${root}/empty`)), "FILE_EXISTS");
      await files.rename(`${root}/d`, `${root}/f`);
      assert.equal(await get(files, `${root}/f/e/a`), "a");
      assert.deepEqual(await files.list(root), ["empty", "f"]);
    });

    test("replace overwrites; open readers keep what they opened", async ({ files, root }) => {
      await put(files, `${root}/a`, "old");
      await put(files, `${root}/b`, "new");
      const reader = await files.open(`${root}/a`);
      await files.replace(`${root}/b`, `${root}/a`);
      assert.equal(await get(files, `${root}/a`), "new");
      assert.deepEqual(await reader.read(0, 3), bytes("old"));
      await reader.close();
      assert.deepEqual(await files.list(root), ["a"]);
      assert.equal(await codeOf(files.replace(`${root}/no`, `${root}/a`)), "FILE_NOT_FOUND");
    });

    test("remove and removeTree are fine where there is nothing", async ({ files, root }) => {
      await files.createDirectory(`${root}/d/e`);
      await put(files, `${root}/d/e/a`, "a");
      await put(files, `${root}/b`, "b");
      assert.equal(await codeOf(files.remove(`${root}/d`)), "FILE_IO");
      await files.remove(`${root}/b`);
      await files.remove(`${root}/b`);
      await files.remove(`${root}/no/b`);
      await files.removeTree(`${root}/d`);
      await files.removeTree(`${root}/d`);
      assert.deepEqual(await files.list(root), []);
    });
  });
}

const NEEDS_PROC = process.platform !== "linux" && "needs a file system that is not for files";

it(
  "a directory that the system denies although its parent is there is an error",
  {
    skip: NEEDS_PROC,
  },
  async () => {
    for (const path of ["/proc/none", "/proc/none/below"]) {
      assert.equal(await codeOf(nodeFiles.createDirectory(path)), "FILE_IO");
    }
  },
);
