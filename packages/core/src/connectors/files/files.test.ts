import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { t } from "../../types/t.ts";
import { SimWorld } from "../../testing/sim-env.ts";
import { csv } from "../formats/csv.ts";
import type { Format } from "../formats/format.ts";
import { json } from "../formats/json.ts";
import { type ConformanceCheck, sourceChecks } from "../source-conformance.ts";
import { SourceHarness, type SourceHarnessOptions } from "../source-harness.ts";
import { files, type FilesOptions } from "./files.ts";

const Item = t.struct({ id: t.int32, text: t.string });
const items = (from: number, count: number): { id: number; text: string }[] =>
  Array.from({ length: count }, (_, index) => ({
    id: from + index,
    text: "ä,".repeat((from + index) % 7),
  }));

type Content = Readonly<Record<string, string | Uint8Array>>;

/** A simulated machine with files on its disk. */
function machine(content: Content): { world: SimWorld; put: (more: Content) => void } {
  const world = new SimWorld({ seed: 11 });
  const put = (more: Content): void => {
    for (const [path, text] of Object.entries(more)) {
      const slash = path.lastIndexOf("/");
      world.disk.createDirectory(path.slice(0, slash), world.now());
      const file = world.disk.createFile(path, world.now());
      world.disk.append(file, Buffer.from(text), world.now());
    }
  };
  put(content);
  return { world, put };
}

function underTest(
  world: SimWorld,
  paths: string | readonly string[],
  format: Format<unknown>,
  options: FilesOptions = {},
): SourceHarnessOptions {
  return {
    env: world.startProcess().env,
    source: files(paths, format, options),
    progress: () => world.scheduler.runNext(),
  };
}

function textOf(format: Format<unknown>, records: readonly object[]): string {
  const encoder = format.createEncoder();
  return encoder.header() + records.map((record) => encoder.encode(record)).join("");
}

/** Several batches per split, so that snapshots fall into the middle of one. */
const COUNT = 5_000;
const JSON_TEXT = textOf(json(), items(0, COUNT));
/** The columns in another order than the type's, so that the header matters. */
const CSV_TEXT = textOf(csv({ type: Item, columns: ["text", "id"] }), items(300, COUNT));
const QUOTED = items(0, COUNT).map((item) => ({ ...item, text: `${item.text}\n"` }));

function register(checks: readonly ConformanceCheck[]): void {
  for (const check of checks) test(check.title, check.run);
}

register(
  sourceChecks({
    name: "JSON lines in ranges of 70 kB",
    make: () =>
      Promise.resolve(
        underTest(
          machine({ "/d/a.jsonl": JSON_TEXT, "/d/b.jsonl": JSON_TEXT }).world,
          "/d",
          json(Item),
          {
            splitBytes: 70_000,
          },
        ),
      ),
    expected: [...items(0, COUNT), ...items(0, COUNT)],
  }),
);
register(
  sourceChecks({
    name: "CSV with a header in ranges of 50 kB",
    make: () =>
      Promise.resolve(
        underTest(machine({ "/d/a.csv": CSV_TEXT }).world, "/d/*.csv", csv({ type: Item }), {
          splitBytes: 50_000,
        }),
      ),
    expected: items(300, COUNT),
  }),
);
register(
  sourceChecks({
    name: "CSV with line feeds in quotes",
    make: () =>
      Promise.resolve(
        underTest(
          machine({ "/d/a.csv": textOf(csv({ type: Item, splittable: false }), QUOTED) }).world,
          "/d/a.csv",
          csv({ type: Item, splittable: false }),
          { splitBytes: 50 },
        ),
      ),
    expected: QUOTED,
  }),
);

test("every record is read exactly once whatever the size of the ranges", async () => {
  const text = `${JSON_TEXT.slice(0, 900)}\n\r\n{"id":7,"text":"end"}`;
  const { world } = machine({ "/d/a.jsonl": text });
  const whole = new SourceHarness(underTest(world, "/d/a.jsonl", json(), { malformed: "skip" }));
  await whole.run();
  await whole.close();
  const expected = whole.records.map((one) => JSON.stringify(one.record));
  for (let splitBytes = 1; splitBytes <= 120; splitBytes++) {
    const { world: other } = machine({ "/d/a.jsonl": text });
    const options = { malformed: "skip" as const, splitBytes };
    const harness = new SourceHarness(underTest(other, "/d/a.jsonl", json(), options));
    await harness.run();
    assert.deepEqual(
      harness.records.map((one) => JSON.stringify(one.record)),
      expected,
      `splitBytes ${splitBytes}`,
    );
    assert.equal(harness.malformedCount, whole.malformedCount);
    await harness.close();
  }
});

test("a byte order mark is no part of the first record or the header", async () => {
  const { world } = machine({ "/d/a.jsonl": '\ufeff{"id":1}\n', "/d/b.csv": "\ufeffid\n2\n" });
  for (const [path, format] of [
    ["/d/a.jsonl", json()],
    ["/d/b.csv", csv()],
  ] as const) {
    const harness = new SourceHarness(underTest(world, path, format));
    await harness.run();
    assert.equal(JSON.stringify(harness.records[0]?.record).replaceAll(/\D/g, "").length, 1);
    await harness.close();
  }
});

test("malformed records fail the source with file, line, offset, reason and text", async () => {
  const lines = Array.from({ length: 200 }, (_, id) =>
    JSON.stringify({ id, text: "x".repeat(id % 9) }),
  );
  lines[150] = '{"id":"no","text":""}';
  const text = `${lines.join("\n")}\n`;
  for (const splitBytes of [Infinity, 100, 333]) {
    const { world } = machine({ "/d/a.jsonl": text });
    const harness = new SourceHarness(underTest(world, "/d/a.jsonl", json(Item), { splitBytes }));
    await assert.rejects(harness.run(), (error: unknown) => {
      const { code, details, message } = error as {
        code: string;
        details: object;
        message: string;
      };
      assert.equal(code, "RECORD_MALFORMED");
      assert.deepEqual(details, {
        file: "/d/a.jsonl",
        line: 151,
        offset: text.indexOf(lines[150]),
        reason: 'field id: expected an int32, found "no"',
        format: "json",
      });
      assert.match(message, /^\/d\/a\.jsonl:151: /);
      return true;
    });
    await harness.close();
  }
});

test("a header that does not fit is refused with file, columns and remedy", async () => {
  const declared = csv({ type: t.struct({ id: t.int32, text: t.string }) });
  for (const [text, format, message] of [
    [
      "id,txet\n1,a\n",
      declared,
      "/d/a.csv:1: the header has no column text. It has id, txet. A column that a file may lack " +
        "is t.optional(…) in the type; a file without a header is read with header: false. " +
        'Did you mean "txet"?',
    ],
    ["id,id\n1,2\n", csv(), "/d/a.csv:1: the header has the column id twice. It has id, id."],
    ['"id\n1\n', declared, "/d/a.csv:1: the header has a quote that is not closed."],
  ] as const) {
    const { world } = machine({ "/d/a.csv": text });
    const harness = new SourceHarness(underTest(world, "/d/a.csv", format));
    await assert.rejects(harness.run(), { code: "FILE_UNREADABLE", message });
    await harness.close();
  }
});

test("malformed records go to the side output with their line, once, also mid-file", async () => {
  const bad = new Set([3, 20, 2_000, 2_001, 4_500]);
  const lines = Array.from({ length: 5_000 }, (_, id) => (bad.has(id) ? `bad ${id}` : String(id)));
  const make = (): SourceHarnessOptions =>
    underTest(machine({ "/d/a.jsonl": lines.join("\n") }).world, "/d/a.jsonl", json(), {
      malformed: "side-output",
      splitBytes: 8_000,
    });
  const first = new SourceHarness(make());
  const snapshots: [snapshot: ReturnType<SourceHarness["snapshot"]>, good: number, bad: number][] =
    [];
  await first.run(() => {
    snapshots.push([first.snapshot(), first.records.length, first.malformed.length]);
    return false;
  });
  await first.close();
  const linesOf = (harness: SourceHarness): (number | undefined)[] =>
    harness.malformed.map((record) => record.line);
  assert.deepEqual(
    linesOf(first),
    lines.flatMap((line, index) => (line.startsWith("bad") ? [index + 1] : [])),
  );
  assert.equal(first.malformedCount, bad.size);
  assert.deepEqual(
    { ...first.malformed[0], reason: "" },
    {
      file: "/d/a.jsonl",
      line: 4,
      offset: 6,
      reason: "",
      text: "bad 3",
    },
  );
  for (const [restored, good, bad] of snapshots) {
    const resumed = new SourceHarness({ ...make(), restored });
    await resumed.run();
    assert.deepEqual(linesOf(resumed), linesOf(first).slice(bad));
    assert.deepEqual(resumed.records, first.records.slice(good));
    await resumed.close();
  }
});

test("a record beyond the bound fails the source", async () => {
  const { world } = machine({ "/d/a.jsonl": `1\n"${"x".repeat(600_000)}"\n` });
  const options = { recordBytesLimit: 100_000 };
  const harness = new SourceHarness(underTest(world, "/d/a.jsonl", json(), options));
  await assert.rejects(harness.run(), { code: "RECORD_TOO_LARGE" });
  await harness.close();
});

test("a file that changed since it was found fails the source", async () => {
  const { world } = machine({ "/d/a.jsonl": "1\n2\n" });
  const harness = new SourceHarness(underTest(world, "/d/a.jsonl", json()));
  await harness.run(() => harness.activeSplits.length > 0);
  world.disk.append(world.disk.file("append", "/d/a.jsonl"), Buffer.from("3\n"), world.now());
  await assert.rejects(harness.run(), { code: "FILE_CHANGED" });
  await harness.close();
});

test("a list keeps its order, a directory goes by names, empty files are fine", async () => {
  const { world } = machine({
    "/d/b": "2\n",
    "/d/a": "1\n",
    "/d/c": "",
    "/d/.h": "9\n",
    "/e/x": "0\n",
  });
  const harness = new SourceHarness(underTest(world, ["/e/x", "/d", "/e/*"], json()));
  await harness.run();
  assert.deepEqual(
    harness.records.map((one) => one.record),
    [0, 1, 2],
  );
  await harness.close();
});

test("a path that is not there and a pattern without a match fail the source", async () => {
  const { world } = machine({ "/d/a.jsonl": "1\n" });
  for (const path of ["/d/b.jsonl", "/x", "/d/*.csv", "/x/**"]) {
    const harness = new SourceHarness(underTest(world, path, json()));
    await assert.rejects(harness.run(), { code: "FILE_NOT_FOUND" });
    await harness.close();
  }
});

test("settings that cannot work are refused when the source is made", () => {
  assert.throws(() => files([], json()), { code: "CONNECTOR_INVALID" });
  for (const [make, message] of [
    [
      () => files("/d", undefined as never),
      "Source files needs a format, such as json() or csv(), but is given undefined.",
    ],
    [
      () => files("/d", json(), { malformd: "skip" } as never),
      'Source files has no option "malformd"; there are watch, malformed, splitBytes, ' +
        'compression, recordBytesLimit. Did you mean "malformed"?',
    ],
    [
      () => files("/d", json(), { malformed: "ignore" as never }),
      "Source files: malformed must be one of fail, skip, side-output, but is the string " +
        '"ignore".',
    ],
    [
      () => csv({ delimeter: ";" } as never),
      'Format csv has no option "delimeter"; there are type, columns, header, delimiter, quote, ' +
        'splittable. Did you mean "delimiter"?',
    ],
    [
      () => json({ id: t.int32 } as never),
      "Format json takes a type such as t.struct({ … }), but is given an object of class Object.",
    ],
  ] as const) {
    assert.throws(make, { code: "CONNECTOR_INVALID", message });
  }
  assert.throws(() => files("/d", json(), { splitBytes: 0 }), { code: "CONNECTOR_INVALID" });
  assert.throws(() => files("/d/{", json()), { code: "CONNECTOR_INVALID" });
  assert.throws(() => files("/d", json(), { watch: "soon" }), { code: "DURATION_INVALID" });
});

test("a relative path without a working directory fails the source", async () => {
  const { world } = machine({});
  const harness = new SourceHarness(underTest(world, "data/x", json()));
  await assert.rejects(harness.run(), { code: "CONNECTOR_INVALID" });
  await harness.close();
});

const COMPRESS = { gzip: gzipSync, zstd: zstdCompressSync };
const SUFFIX = { gzip: ".gz", zstd: ".zst" };

/** node:zlib's threads are outside of virtual time: idle means waiting for them. */
async function waitForThreads(world: SimWorld): Promise<boolean> {
  await new Promise((resolve) => setImmediate(resolve));
  await world.scheduler.runNext();
  return true;
}

for (const compression of ["gzip", "zstd"] as const) {
  const compress = COMPRESS[compression];
  const parts = [JSON_TEXT.slice(0, 77_777), JSON_TEXT.slice(77_777)].map((part) =>
    compress(Buffer.from(part)),
  );
  const path = `/d/a.jsonl${SUFFIX[compression]}`;
  const make = (bytes: Uint8Array): SourceHarnessOptions => {
    const { world } = machine({ [path]: bytes });
    return { ...underTest(world, "/d", json(Item)), progress: () => waitForThreads(world) };
  };
  register(
    sourceChecks({
      name: `${compression} in two members`,
      make: () => Promise.resolve(make(Buffer.concat(parts))),
      expected: items(0, COUNT),
    }),
  );

  test(`a ${compression} file that is cut off, or no such file, fails the source`, async () => {
    const whole = Buffer.concat(parts);
    for (const bytes of [
      whole.subarray(0, -5),
      Buffer.from("no such thing"),
      Buffer.concat([whole, Buffer.from("junk")]),
    ]) {
      const harness = new SourceHarness(make(bytes));
      await assert.rejects(harness.run(), { code: "FILE_UNREADABLE" });
      await harness.close();
    }
  });
}

test("a large compressed file is read through a bounded window", async () => {
  const large = items(0, 40_000);
  const { world } = machine({
    "/d/a.jsonl.zst": zstdCompressSync(Buffer.from(textOf(json(), large))),
  });
  const harness = new SourceHarness({
    ...underTest(world, "/d", json(Item)),
    progress: () => waitForThreads(world),
  });
  await harness.run();
  assert.equal(harness.records.length, large.length);
  await harness.close();
});

test("watching finds new files in the order of their times, each once", async () => {
  const { world, put } = machine({ "/d/z": "1\n" });
  const make = (restored?: SourceHarnessOptions["restored"]): SourceHarness => {
    const options = underTest(world, "/d", json(), { watch: "1s" });
    return new SourceHarness({ ...options, ...(restored === undefined ? {} : { restored }) });
  };
  const first = make();
  const until = (harness: SourceHarness, laterMs: number): Promise<void> => {
    const endMs = world.scheduler.nowMs + laterMs;
    return harness.run(() => world.scheduler.nowMs >= endMs);
  };
  await until(first, 500);
  assert.deepEqual(
    first.records.map((one) => one.record),
    [1],
  );
  put({ "/d/y": "2\n" });
  await world.scheduler.advanceTo(world.scheduler.nowMs + 100);
  put({ "/d/a": "3\n" });
  await until(first, 2_500);
  assert.deepEqual(
    first.records.map((one) => one.record),
    [1, 2, 3],
  );
  const restored = first.snapshot();
  assert.equal(first.isEnded, false);
  await first.close();
  put({ "/d/b": "4\n" });
  const second = make(restored);
  await until(second, 2_500);
  assert.deepEqual(
    second.records.map((one) => one.record),
    [4],
  );
  world.disk.remove("/d/b");
  await until(second, 2_500);
  put({ "/d/b": "5\n" });
  await until(second, 2_500);
  assert.deepEqual(
    second.records.map((one) => one.record),
    [4, 5],
  );
  await second.close();
});

test("what a reader had asked for is forgotten when its successor registers", async () => {
  const { world } = machine({ "/d/a": "1\n", "/d/b": "2\n" });
  const assigned: string[] = [];
  const enumerator = files("/d", json()).createEnumerator(
    {
      env: world.startProcess().env,
      uid: "in",
      parallelism: 1,
      assign: (_, splits) => assigned.push(...splits.map((split) => split.path)),
      signalNoMoreSplits: () => assert.fail("there are splits"),
      fail: (error) => assert.fail(String(error)),
    },
    undefined,
  );
  enumerator.start();
  enumerator.handleSplitRequest(0);
  enumerator.addReader(0);
  enumerator.handleSplitRequest(0);
  await world.scheduler.runAll();
  assert.deepEqual(assigned, ["/d/a"]);
  await enumerator.close();
});

test("watching a directory that is not there yet waits for it", async () => {
  const { world, put } = machine({});
  const harness = new SourceHarness(underTest(world, "/later/*", json(), { watch: 100 }));
  await harness.run(() => world.scheduler.nowMs > 1_000);
  put({ "/later/a": "1\n" });
  await harness.run(() => world.scheduler.nowMs > 2_000);
  assert.equal(harness.records.length, 1);
  await harness.close();
});
