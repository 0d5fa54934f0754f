// Lists of a Top-N beside their rows: more keys than are held, checkpoints, refused records.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import { Batch } from "../columns/batch.ts";
import { KeyExtractor } from "../columns/key-extractor.ts";
import { errorCode } from "../errors.ts";
import { contextFor } from "../runtime/task.fixture.ts";
import { chunkReader } from "../state/chunk-reader.ts";
import type { CheckpointId } from "../state/barrier.ts";
import type { RowChunk, RowColumns } from "../state/row-chunk.ts";
import { step, verifyOperator } from "../testing.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { t } from "../types/t.ts";
import { backendFor } from "./keyed-operator.ts";
import type { OperatorContext } from "./operator.ts";
import { HELD_LISTS_MAX, HELD_RECORDS_MAX, TopNLogic } from "./top-n-logic.ts";
import { topNOf } from "./top-n.ts";
import type { AnyTopNOptions, RankChange } from "./top-n.ts";

interface Score {
  readonly key: number;
  readonly points: number;
  readonly id: number;
}
const SCORE = t.struct({ key: t.int32, points: t.int32, id: t.int32 });

type Change = RankChange<number, Score>;

/** One subtask as it is where nothing is verified. */
class Tops {
  readonly changes: Change[] = [];
  readonly logic: TopNLogic;
  readonly #keys = new KeyExtractor({ by: "key", type: t.int32 }, "top");

  constructor(options: AnyTopNOptions) {
    const { env } = new SimWorld({ seed: 1 }).startProcess();
    const output = {
      emit: (batch: Batch) => void this.changes.push(...(batch.records() as Change[])),
    };
    const context = {
      ...contextFor(env, "top", output),
      env: { ...env, verify: false },
      maxParallelism: 16,
      keyGroupStart: 0,
      keyGroupEnd: 16,
    } as unknown as OperatorContext;
    const topN = topNOf("top", options, SCORE);
    this.logic = new TopNLogic(context, backendFor(context, t.int32, topN.state), topN);
  }

  process(records: readonly Score[]): void {
    const batch = Batch.ofRecords(records, records.length, undefined);
    this.logic.processKeyed(batch, this.#keys.extract(batch));
  }

  /** Rows of a checkpoint; a delta on `base`. */
  checkpoint(id: CheckpointId, base?: CheckpointId): RowColumns[] {
    this.logic.prepareBarrier();
    const { backend } = this.logic;
    const frozen = backend.freeze({ id, kind: "checkpoint", timestamp: 0, base });
    assert.equal(frozen.isDelta, base !== undefined);
    const chunks: RowChunk[] = [];
    while (!frozen.copySlice(100, { emit: (chunk) => chunks.push(chunk), hasRoom: () => true }));
    return chunks.map((chunk) => chunkReader(frozen.layouts[chunk.layoutIndex], 16)(chunk));
  }

  restore(rows: readonly RowColumns[], id: CheckpointId): void {
    const { backend } = this.logic;
    for (const part of rows) backend.load(part);
    backend.finishLoad(id);
  }
}

/** What the last changes of each rank say: key → records, best first. */
function lists(changes: readonly Change[]): Map<number, Score[]> {
  const found = new Map<number, Score[]>();
  for (const { key, rank, record } of changes) {
    const list = found.get(key) ?? [];
    found.set(key, list);
    list[rank - 1] = record;
  }
  return found;
}

function sorted(records: readonly Score[], n: number): Map<number, Score[]> {
  const all = Map.groupBy(records, ({ key }) => key);
  for (const [key, list] of all) {
    all.set(key, list.toSorted((a, b) => b.points - a.points).slice(0, n));
  }
  return all;
}

/** Each key many times, in an order without pattern; points that are equal too. */
function scores(keysCount: number, count: number): Score[] {
  return Array.from({ length: count }, (_, id) => ({
    key: (Math.imul(id, 0x9e3779b1) >>> 5) & (keysCount - 1),
    points: (Math.imul(id, 0x85ebca6b) >>> 8) % 50,
    id,
  }));
}

const sizeOf = (rows: readonly RowColumns[]): number =>
  rows.reduce((sum, part) => sum + (part.kind === "dropped" ? 0 : part.count), 0);

test("lists of more keys than are held go to their rows and come back", () => {
  // With long lists few are held, with short ones as many as there may be.
  const cases = [
    { n: 700, keysCount: 64, heldCount: Math.floor(HELD_RECORDS_MAX / 700) },
    { n: 3, keysCount: HELD_LISTS_MAX * 4, heldCount: HELD_LISTS_MAX },
  ];
  for (const { n, keysCount, heldCount } of cases) {
    assert.ok(keysCount > heldCount);
    const records = scores(keysCount, 20_000);
    const tops = new Tops({ n, by: "points" });
    for (let from = 0; from < records.length; from += 500) {
      tops.process(records.slice(from, from + 500));
    }
    assert.deepEqual(lists(tops.changes), sorted(records, n));
  }
});

test("records without a rank make no row, and those beside them are ranked", () => {
  const tops = new Tops({ n: 2, by: "points" });
  const none = (key: number): Score => ({ key, points: NaN, id: 0 });
  const some = { key: 2, points: 5, id: 1 };
  tops.process([none(1), some, none(2), none(3)]);
  tops.process([none(1), some, none(1)]);
  assert.equal(tops.logic.backend.memory().rowsCount, 1);
  assert.deepEqual(lists(tops.changes), new Map([[2, [some, some]]]));
});

test("a checkpoint has what is held, and an incremental one only what changed", () => {
  const records = scores(64, 1000);
  const before = new Tops({ n: 5, by: "points" });
  before.process(records);
  const full = before.checkpoint(1);
  assert.equal(sizeOf(full), 64);
  const best = { key: 7, points: 1000, id: 1000 };
  const behind = { key: 8, points: -1, id: 1001 };
  before.process([best, behind]);
  const delta = before.checkpoint(2, 1);
  assert.equal(sizeOf(delta), 1);
  assert.equal(sizeOf(before.checkpoint(3, 2)), 0);

  const after = new Tops({ n: 5, by: "points" });
  after.restore([...full, ...delta], 2);
  const more = scores(64, 500).map((score) => ({ ...score, id: score.id + 2000 }));
  after.process(more);
  const changes = [...before.changes, ...after.changes];
  assert.deepEqual(lists(changes), sorted([...records, best, behind, ...more], 5));
});

test("a record that is not of its type is refused where it comes, not with its list", async () => {
  const failing = verifyOperator({
    build: (all: DataStream<Score>) => all.keyBy("key").topN("top", { n: 2, by: "points" }),
    input: [step.record({ key: 1, points: 1, id: 1 }), step.record({ key: 1, points: 2, id: 0.5 })],
    types: { first: SCORE },
  });
  await assert.rejects(failing, ({ cause }: Error) => {
    assert.equal(errorCode(cause), "VALUE_TYPE_MISMATCH");
    assert.match(
      (cause as Error).message,
      /^Operator "top" \(subtask 0\), in topN on record 2 .* field id is declared as int32/,
    );
    return true;
  });
});

test("what a function that ranks records throws is told with the record", () => {
  const by = ({ points }: Score): number => {
    if (points === 3) throw new Error("three");
    return points;
  };
  const tops = new Tops({ n: 2, by });
  const record = (points: number): Score => ({ key: 1, points, id: points });
  tops.process([record(1)]);
  assert.throws(() => tops.process([record(2), record(3)]), {
    code: "USER_FUNCTION_FAILED",
    message: /^The by function of "top".* threw on record 3 of its input .*three/,
  });
});
