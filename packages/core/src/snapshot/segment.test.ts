import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { OxbowError } from "../errors.ts";
import type { RowColumns } from "../state/row-chunk.ts";
import { schemaOf } from "../types/schema.ts";
import { t } from "../types/t.ts";
import { SimWorld, type SimProcess } from "../testing/sim-env.ts";
import { murmur3 } from "./key-hash.ts";
import type { SegmentHandle } from "./metadata.ts";
import {
  columnsOf,
  compareRows,
  hex,
  KIND_ORDER,
  ROW,
  rowArbitrary,
  rowsOf,
  show,
  slicesOf,
  SOME_ROWS,
  sorted,
  type Row,
} from "./segment-rows.fixture.ts";
import { openSegment, openSegmentFile, type KeyGroups } from "./segment-reader.ts";
import { SegmentWriter, type SegmentTarget } from "./segment-writer.ts";

const TARGET: SegmentTarget = {
  directory: "/run",
  file: "shared/a.seg",
  kind: "delta",
  uid: "count",
  checkpointId: 7,
  keyGroupStart: 0,
  keyGroupEnd: 128,
  maxParallelism: 128,
  keySchema: schemaOf(t.int64),
  schemas: { count: { version: 1 } },
  compress: false,
};

interface WriteOptions {
  readonly target?: Partial<SegmentTarget>;
  /** Rows added at a time, and rows after which a run is cut. */
  readonly chunk?: number;
  readonly flushEvery?: number;
}

async function write(process: SimProcess, rows: readonly Row[], options: WriteOptions = {}) {
  const { files } = process.env;
  await files.createDirectory("/run/shared");
  const writer = new SegmentWriter(files, { ...TARGET, ...options.target });
  const groups = Map.groupBy(rows, (row) => `${row.kind} ${row.table}`);
  let added = 0;
  for (const group of groups.values()) {
    const chunk = options.chunk ?? 100;
    for (let i = 0; i < group.length; i += chunk) {
      writer.add(columnsOf(group.slice(i, i + chunk)));
      if (options.flushEvery !== undefined && ++added % options.flushEvery === 0)
        await writer.flush();
    }
  }
  return writer.finish();
}

async function read(process: SimProcess, handle?: SegmentHandle, range?: KeyGroups) {
  const reader = await openSegmentFile(process.env.files, "/run/shared/a.seg", handle);
  const batches: RowColumns[] = [];
  for await (const rows of reader.rows(range)) batches.push(rows);
  if (handle !== undefined) await reader.verify(handle.checksum);
  await reader.close();
  return { footer: reader.footer, batches, rows: batches.flatMap(rowsOf) };
}

async function withProcess<T>(
  body: (process: SimProcess, world: SimWorld) => Promise<T>,
): Promise<T> {
  const world = new SimWorld({ seed: 1, latencyScale: 0.01 });
  return world.scheduler.runUntil(body(world.startProcess(), world));
}

const rowsArbitrary = fc.array(rowArbitrary, { maxLength: 120 });

describe("murmur3", () => {
  it("is MurmurHash3_x86_32", () => {
    const of = (text: string, seed: number): number => {
      const bytes = new TextEncoder().encode(text);
      return murmur3(bytes, 0, bytes.length, seed);
    };
    assert.equal(of("", 0), 0);
    assert.equal(of("", 1), 0x514e28b7);
    assert.equal(of("test", 0x9747b28c), 0x704b81dc);
    assert.equal(of("Hello, world!", 0x9747b28c), 0x24884cba);
    assert.equal(of("The quick brown fox jumps over the lazy dog", 0x9747b28c), 0x2fa826cd);
  });
});

describe("segment", () => {
  it("gives back all rows, in the order in which they apply and are sorted", async () => {
    await fc.assert(
      fc.asyncProperty(
        rowsArbitrary,
        fc.integer({ min: 1, max: 50 }),
        fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
        fc.boolean(),
        async (rows, chunk, flushEvery, compress) => {
          await withProcess(async (process) => {
            const options = { chunk, target: { compress } };
            const handle = await write(
              process,
              rows,
              flushEvery === undefined ? options : { ...options, flushEvery },
            );
            if (rows.length === 0) return assert.equal(handle, undefined);
            assert.ok(handle !== undefined);
            const puts = rows.filter((row) => row.kind === "puts").length;
            assert.equal(handle.rowsCount, puts);
            assert.equal(handle.tombstonesCount, rows.length - puts);
            const found = await read(process, handle);
            assert.deepEqual(found.rows.map(show).sort(), sorted(rows));
            let kind = 0;
            for (const batch of found.batches) {
              assert.ok(KIND_ORDER.indexOf(batch.kind) >= kind, "tombstones come before puts");
              kind = KIND_ORDER.indexOf(batch.kind);
              const inOrder = rowsOf(batch);
              assert.deepEqual(inOrder.map(show), inOrder.toSorted(compareRows).map(show));
            }
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it("gives exactly the rows of the key groups asked for, and all range tombstones", async () => {
    const range = fc.tuple(fc.integer({ min: 0, max: 130 }), fc.integer({ min: 0, max: 130 }));
    await fc.assert(
      fc.asyncProperty(rowsArbitrary, range, async (rows, [start, end]) => {
        await withProcess(async (process) => {
          if ((await write(process, rows, { flushEvery: 3, chunk: 20 })) === undefined) return;
          const found = await read(process, undefined, { start, end });
          const isEmpty = start >= Math.min(end, 128);
          const wanted = rows.filter(
            (row) =>
              !isEmpty && (row.kind === "dropped" || (row.keyGroup >= start && row.keyGroup < end)),
          );
          assert.deepEqual(found.rows.map(show).sort(), sorted(wanted));
        });
      }),
      { numRuns: 100 },
    );
  });

  it("orders rows of one key by namespace and map key, thousands of them", () =>
    withProcess(async (process) => {
      const rows = Array.from({ length: 3000 }, (_, i): Row => ({
        ...ROW,
        table: "both",
        start: (i * 7919) % 10,
        end: 10,
        mapKey: Uint8Array.from([(i * 31) & 255, i >> 8]),
      }));
      await write(process, rows);
      const found = await read(process);
      assert.equal(found.rows.length, 3000);
      assert.deepEqual(found.rows.map(show), found.rows.toSorted(compareRows).map(show));
    }));

  it("cuts blocks of long rows, so that none is read as a whole file", () =>
    withProcess(async (process) => {
      const text = new Uint8Array(50_000).fill(5);
      const rows = Array.from({ length: 60 }, (_, i): Row => ({ ...ROW, keyGroup: i, text }));
      await write(process, rows);
      const found = await read(process);
      assert.equal(found.rows.length, 60);
      assert.ok(found.batches.length >= 3, `${found.batches.length} blocks`);
    }));

  it("describes itself", () =>
    withProcess(async (process) => {
      await write(process, [ROW, { ...ROW, kind: "dropped", table: "panes" }]);
      const { footer } = await read(process);
      assert.equal(footer.uid, "count");
      assert.deepEqual(footer.schemas, { count: { version: 1 } });
      assert.deepEqual(footer.tables.map((table) => table.name).sort(), ["main", "panes"]);
      assert.equal(footer.runsCount, 1);
    }));

  it("leaves no file when it is aborted or has no rows", () =>
    withProcess(async (process, world) => {
      const { files } = process.env;
      await files.createDirectory("/run/shared");
      const writer = new SegmentWriter(files, TARGET);
      writer.add(columnsOf([ROW]));
      await writer.flush();
      await writer.abort();
      await writer.abort();
      assert.equal(await write(process, []), undefined);
      assert.deepEqual(world.disk.paths(), []);
    }));

  it("fails, and can be aborted, where the disk fails", () =>
    withProcess(async (process, world) => {
      for (const operation of ["create", "write", "sync"] as const) {
        const { files } = process.env;
        await files.createDirectory("/run/shared");
        const takeBack = files.inject({ operation, kind: "io" });
        const writer = new SegmentWriter(files, TARGET);
        writer.add(columnsOf([ROW]));
        await assert.rejects(writer.finish(), { code: "FILE_IO" });
        takeBack();
        await writer.abort();
        assert.deepEqual(world.disk.paths(), [], operation);
      }
    }));
});

/** What became of reading a damaged file: the error's code, or the rows. */
async function outcomeOf(process: SimProcess): Promise<{ code: string; rows: string[] }> {
  try {
    return { code: "none", rows: (await read(process)).rows.map(show).sort() };
  } catch (error) {
    assert.ok(error instanceof OxbowError, String(error));
    assert.equal(error.details["file"], "/run/shared/a.seg");
    assert.equal(error.message.split("/run/shared/a.seg").length, 2, "the file is named once");
    if (error.code === "SEGMENT_CORRUPTED") assert.equal(typeof error.details["offset"], "number");
    return { code: error.code, rows: [] };
  }
}

describe("damage to a segment", () => {
  for (const flushEvery of [100, 1]) {
    it(`is detected at every byte, with file and offset (${flushEvery} chunks a run)`, () =>
      withProcess(async (process, world) => {
        await write(process, SOME_ROWS, { flushEvery });
        const path = "/run/shared/a.seg";
        const { length } = world.disk.content(path);
        for (let at = 0; at < length; at++) {
          const mask = at % 3 === 0 ? 0xff : 1 << (at & 7);
          world.disk.corrupt(path, at, mask);
          assert.equal(
            (await outcomeOf(process)).code,
            "SEGMENT_CORRUPTED",
            `byte ${at} of ${length}`,
          );
          world.disk.corrupt(path, at, mask);
        }
        assert.deepEqual((await outcomeOf(process)).rows, sorted(SOME_ROWS));
      }));
  }

  it("is detected at every truncation, and where the file is missing", () =>
    withProcess(async (process, world) => {
      const handle = await write(process, SOME_ROWS, { flushEvery: 3 });
      const path = "/run/shared/a.seg";
      const { length } = world.disk.content(path);
      for (let size = length - 1; size >= 0; size -= size > length - 200 ? 1 : 37) {
        world.disk.truncate(path, size);
        assert.equal((await outcomeOf(process)).code, "SEGMENT_CORRUPTED", `${size} bytes`);
        await assert.rejects(read(process, handle), { code: "SEGMENT_CORRUPTED" });
      }
      await process.env.files.remove(path);
      assert.equal((await outcomeOf(process)).code, "SEGMENT_CORRUPTED");
    }));

  it("by exchange with another segment is found by what both say of it", () =>
    withProcess(async (process) => {
      const handle = await write(process, SOME_ROWS);
      assert.ok(handle !== undefined);
      const others: (Partial<SegmentHandle> & { readonly uid?: string })[] = [
        { uid: "other" },
        { createdBy: 8 },
        { kind: "full" },
        { keyGroupStart: 1 },
        { keyGroupEnd: 64 },
        { rowsCount: handle.rowsCount + 1 },
        { tombstonesCount: handle.tombstonesCount + 1 },
      ];
      for (const { uid = "count", ...other } of others) {
        const source = { directory: "/run", handle: { ...handle, ...other }, uid };
        await assert.rejects(openSegment(process.env.files, source), {
          code: "SEGMENT_CORRUPTED",
          message: /a\.seg is damaged at byte 0: it is another segment; .* the snapshot says /,
        });
      }
      const right = { directory: "/run", handle, uid: "count" };
      await (await openSegment(process.env.files, right)).close();
    }));

  it("by exchange with another valid segment is found by verify", () =>
    withProcess(async (process) => {
      const handle = await write(process, SOME_ROWS);
      assert.ok(handle !== undefined);
      const reader = await openSegment(process.env.files, { directory: "/run", handle });
      assert.equal(reader.keyType, t.int64);
      await assert.rejects(reader.verify(handle.checksum ^ 1), { code: "SEGMENT_CORRUPTED" });
      await reader.verify(handle.checksum);
    }));
});

describe("segment bytes of version 1", () => {
  const golden: [name: string, rows: readonly Row[], options: WriteOptions][] = [
    ["some-rows", SOME_ROWS, {}],
    ["two-runs", SOME_ROWS, { flushEvery: 8 }],
  ];
  for (const [name, rows, options] of golden) {
    it(`are what they were, and are read: ${name}`, () =>
      withProcess(async (process, world) => {
        const file = new URL(`./golden/segment-v1-${name}.seg`, import.meta.url);
        await write(process, rows, options);
        const bytes = world.disk.content("/run/shared/a.seg");
        if (process.env.verify && globalThis.process.env["UPDATE_GOLDEN"] !== undefined) {
          writeFileSync(file, bytes);
        }
        assert.ok(existsSync(file));
        assert.deepEqual(hex(bytes), readFileSync(file).toString("hex"));
      }));
  }

  it("of the documented example are those of the document", () =>
    withProcess(async (process, world) => {
      const writer = new SegmentWriter(process.env.files, { ...TARGET, kind: "full" });
      await process.env.files.createDirectory("/run/shared");
      writer.add({
        table: "main",
        kind: "puts",
        count: 1,
        keyGroups: Uint16Array.of(3),
        keys: slicesOf([ROW.key]),
        namespaces: undefined,
        mapKeys: undefined,
        columns: [{ name: "count", values: Float64Array.of(5), present: undefined }],
      });
      await writer.finish();
      const bytes = world.disk.content("/run/shared/a.seg");
      const file = new URL("./golden/segment-v1-one-row.seg", import.meta.url);
      if (globalThis.process.env["UPDATE_GOLDEN"] !== undefined) writeFileSync(file, bytes);
      assert.deepEqual(hex(bytes), readFileSync(file).toString("hex"));
      const path = "../../../../docs/formats/segment.md";
      const text = readFileSync(new URL(path, import.meta.url), "utf8");
      const lines = [...text.matchAll(/^([0-9a-f]{4}) {2}((?:[0-9a-f]{2} ?|-- crc ----)+)/gm)];
      assert.equal(lines.length, 5);
      for (const [, offset, documented] of lines) {
        const at = parseInt(offset, 16);
        const wanted = documented.trim().replace("-- crc ----", "?? ?? ?? ??").split(" ");
        wanted.forEach((byte, i) => {
          if (byte !== "??")
            assert.equal(hex(bytes.subarray(at + i, at + i + 1)), byte, `byte ${at + i}`);
        });
      }
    }));
});
