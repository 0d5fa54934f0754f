import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { OxbowError } from "../errors.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { decodeCheckedText, encodeCheckedText } from "./checked-text.ts";
import { decodeMetadata, encodeMetadata, readMetadata, writeMetadata } from "./metadata-file.ts";
import type { CheckpointMetadata } from "./metadata.ts";
import { fromPlainJson, toPlainJson } from "./plain-json.ts";

const METADATA: CheckpointMetadata = {
  version: 1,
  checkpointId: 7,
  kind: "checkpoint",
  triggeredAt: 1_767_225_600_000,
  completedAt: 1_767_225_600_250,
  jobId: "0123456789abcdef0123456789abcdef",
  jobName: "delays \ud800",
  epoch: 2,
  operators: [
    {
      operatorId: "4bf8d2bc87c26ee57ff0b4b2ca4e3e5a",
      uid: "count",
      kind: "keyed-process",
      parallelism: 2,
      maxParallelism: 128,
      stateSchemas: { count: { version: 1, type: "int64" } },
      enumerator: undefined,
      subtasks: [
        {
          segments: [
            {
              file: "shared/count-0-2-1-7.seg",
              sizeBytes: 4096,
              checksum: 0xfeedbeef,
              kind: "delta",
              rowsCount: 100,
              tombstonesCount: 3,
              keyGroupStart: 0,
              keyGroupEnd: 64,
              createdBy: 7,
            },
          ],
          states: [
            {
              name: "splits",
              mode: "split",
              schema: { type: "any" },
              elements: [new Uint8Array([0, 1, 255]), new Uint8Array(0)],
            },
          ],
          watermark: -1,
          hasEnded: false,
        },
        { segments: [], states: [], watermark: undefined, hasEnded: true },
      ],
    },
  ],
  edges: [{ from: "source", to: "count", partitioner: "hash" }],
  hasCommittables: false,
};

const GOLDEN = new URL("./golden/metadata-v1.txt", import.meta.url);

function codeOf(body: () => unknown): { code: string; details: Record<string, unknown> } {
  try {
    body();
  } catch (error) {
    if (error instanceof OxbowError) return { code: error.code, details: error.details };
    throw error;
  }
  return { code: "none", details: {} };
}

describe("metadata file", () => {
  it("reads back what was written", () => {
    assert.deepEqual(decodeMetadata("f", encodeMetadata(METADATA)), METADATA);
  });

  it("has the bytes that it had in version 1", () => {
    const bytes = encodeMetadata(METADATA);
    if (process.env["UPDATE_GOLDEN"] !== undefined) writeFileSync(GOLDEN, bytes);
    assert.equal(new TextDecoder().decode(bytes), readFileSync(GOLDEN, "utf8"));
  });

  it("detects every changed byte, with file and offset", () => {
    const good = encodeMetadata(METADATA);
    for (let at = 0; at < good.length; at++) {
      for (const mask of [0x01, 0x20, 0x80, 0xff]) {
        const bad = good.slice();
        bad[at] ^= mask;
        const { code, details } = codeOf(() => decodeMetadata("f", bad));
        assert.equal(code, "METADATA_CORRUPTED", `byte ${at} ^ ${mask}`);
        assert.equal(details["file"], "f");
        assert.equal(typeof details["offset"], "number");
      }
    }
  });

  it("detects every truncation and any appended byte", () => {
    const good = encodeMetadata(METADATA);
    for (let size = 0; size < good.length; size++) {
      const { code } = codeOf(() => decodeMetadata("f", good.subarray(0, size)));
      assert.equal(code, "METADATA_CORRUPTED", `${size} bytes`);
    }
    const longer = new Uint8Array(good.length + 1);
    longer.set(good);
    assert.equal(codeOf(() => decodeMetadata("f", longer)).code, "METADATA_CORRUPTED");
  });

  it("refuses a newer version as such, and only if its checksum is right", () => {
    const newer = encodeCheckedText({ magic: "oxbow-metadata", version: 2 }, { anything: 1 });
    const { code, details } = codeOf(() => decodeMetadata("f", newer));
    assert.equal(code, "METADATA_VERSION_UNSUPPORTED");
    assert.equal(details["version"], 2);
    newer[newer.length - 3] ^= 1;
    assert.equal(codeOf(() => decodeMetadata("f", newer)).code, "METADATA_CORRUPTED");
  });

  it("refuses what is not metadata although its checksum is right, naming the member", () => {
    const format = { magic: "oxbow-metadata", version: 1 };
    const wrong = (change: object): string => {
      const bytes = encodeCheckedText(format, { ...METADATA, ...change });
      try {
        decodeMetadata("f", bytes);
      } catch (error) {
        return (error as Error).message;
      }
      return "none";
    };
    assert.match(wrong({ epoch: "2" }), /metadata\.epoch/);
    const [operator] = METADATA.operators;
    const [subtask] = operator.subtasks;
    const segments = [{ ...subtask.segments[0], file: "../elsewhere" }];
    const operators = [{ ...operator, subtasks: [{ ...subtask, segments }] }];
    assert.match(wrong({ operators }), /subtasks\[0\]\.segments\[0\]\.file leads out/);
  });

  it("is complete or not there, whatever operation the machine dies in", async () => {
    let complete = 0;
    for (let stop = 0; stop < 14; stop++) {
      for (let seed = 0; seed < 20; seed++) {
        const world = new SimWorld({ seed });
        const first = world.startProcess();
        await world.scheduler.runUntil(first.env.files.createDirectory("/chk"));
        await world.scheduler.runUntil(first.env.files.syncDirectory("/"));
        let isDone = false;
        const target = { directory: "/chk", tag: "1" };
        void writeMetadata(first.env.files, target, METADATA).then(() => (isDone = true));
        for (let i = 0; i < stop; i++) await world.scheduler.runNext();
        world.crashMachine();
        const { files } = world.startProcess().env;
        const found = await world.scheduler.runUntil(
          readMetadata(files, "/chk").catch((error: OxbowError) => error.code),
        );
        if (isDone) assert.deepEqual(found, METADATA, `seed ${seed}, stop ${stop}`);
        else if (typeof found === "string") assert.equal(found, "FILE_NOT_FOUND");
        if (isDone) complete++;
      }
    }
    assert.ok(complete > 0);
  });
});

describe("plain JSON", () => {
  const plain = fc.letrec((tie) => ({
    value: fc.oneof(
      fc.constantFrom(null, undefined, true, false, -0, Number.NaN, Infinity, -Infinity, 1e300),
      fc.double(),
      fc.bigInt(),
      fc.string({ unit: "binary" }),
      fc.constantFrom("\ud800", "$bytes", "__proto__"),
      fc.uint8Array(),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(
        fc.oneof(fc.string(), fc.constantFrom("$bytes", "$$x", "__proto__", "$number")),
        tie("value"),
        { maxKeys: 4, noNullPrototype: true },
      ),
    ),
  })).value;

  it("keeps every plain value", () => {
    fc.assert(
      fc.property(plain, (value) => {
        const json = JSON.parse(JSON.stringify(toPlainJson(value))) as unknown;
        assert.deepStrictEqual(fromPlainJson(json), value);
      }),
      { numRuns: 500 },
    );
  });

  it("refuses what is not plain data, with the path to it", () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const wrong: [unknown, RegExp][] = [
      [{ a: [1, new Map()] }, /value\.a\[1\].*Map/],
      [() => 1, /function/],
      [{ d: new Date(0) }, /value\.d.*Date/],
      [cycle, /nested deeper/],
    ];
    for (const [value, message] of wrong) assert.throws(() => toPlainJson(value), message);
    assert.throws(() => fromPlainJson({ $other: 1 }), /unknown tag/);
    assert.throws(() => fromPlainJson({ $bytes: "AA==", more: 1 }), /unknown tag/);
  });

  it("is what a person can read", () => {
    const bytes = encodeCheckedText({ magic: "oxbow-run", version: 1 }, { jobName: "x", n: 1 });
    const text = new TextDecoder().decode(bytes);
    assert.equal(text, 'oxbow-run 1 29 7c41d97c\n{\n "jobName": "x",\n "n": 1\n}\n');
    const { value } = decodeCheckedText({ magic: "oxbow-run", version: 1 }, "f", bytes);
    assert.deepEqual(value, { jobName: "x", n: 1 });
  });
});
