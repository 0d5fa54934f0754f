import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseSubsumed, type Subsumable } from "./retention.ts";
import { SharedRegistry } from "./shared-registry.ts";
import type { SegmentHandle } from "./metadata.ts";

const checkpoint = (id: number): Subsumable => ({ id, isSavepoint: false, isSynchronous: false });
const savepoint = (id: number, isSynchronous = false): Subsumable => ({
  id,
  isSavepoint: true,
  isSynchronous,
});
const idsOf = (snapshots: readonly Subsumable[], capacity: number): number[] =>
  chooseSubsumed(snapshots, capacity).map((snapshot) => snapshot.id);

describe("subsuming", () => {
  it("drops the oldest checkpoints above the capacity", () => {
    assert.deepEqual(idsOf([checkpoint(1)], 1), []);
    assert.deepEqual(idsOf([checkpoint(1), checkpoint(2), checkpoint(3)], 1), [1, 2]);
    assert.deepEqual(idsOf([checkpoint(1), checkpoint(2), checkpoint(3)], 2), [1]);
  });

  it("keeps the newest checkpoint beside a newer savepoint", () => {
    assert.deepEqual(idsOf([checkpoint(1), checkpoint(2), savepoint(3)], 1), [1]);
  });

  it("drops savepoints behind a checkpoint that must stay", () => {
    assert.deepEqual(idsOf([savepoint(1), checkpoint(2), savepoint(3), savepoint(4)], 2), [1, 3]);
  });

  it("keeps nothing beside the savepoint of a stop", () => {
    assert.deepEqual(idsOf([checkpoint(1), checkpoint(2), savepoint(3, true)], 1), [1, 2]);
  });
});

const segment = (file: string, createdBy: number, checksum = 1): SegmentHandle => ({
  file,
  sizeBytes: 1,
  checksum,
  kind: "delta",
  rowsCount: 1,
  tombstonesCount: 0,
  keyGroupStart: 0,
  keyGroupEnd: 1,
  createdBy,
});

describe("shared registry", () => {
  it("drops a segment when its last user is older than the oldest kept", () => {
    const registry = new SharedRegistry();
    registry.register(1, [segment("shared/a", 1)]);
    registry.register(2, [segment("shared/a", 1), segment("shared/b", 2)]);
    assert.deepEqual(registry.dropUnused(2), []);
    registry.register(3, [segment("shared/b", 2)]);
    assert.deepEqual(registry.dropUnused(3), ["shared/a"]);
    assert.deepEqual(registry.dropUnused(4), ["shared/b"]);
    assert.equal(registry.size, 0);
  });

  it("ignores files of one snapshot alone, and refuses two files of one name", () => {
    const registry = new SharedRegistry();
    registry.register(1, [segment("chk-1/x", 1)]);
    assert.equal(registry.size, 0);
    registry.register(1, [segment("shared/a", 1)]);
    assert.throws(
      () => registry.register(2, [segment("shared/a", 1, 2)]),
      /Two different segments/,
    );
  });
});
