/*
 * Test vectors made by a JVM with Flink's own classes: `vectors/KeyVectors.java`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { hashOfBytes } from "./java-hash.ts";
import { murmurOfHash } from "./key-group.ts";
import {
  defaultMaxParallelism,
  keyCodecOf,
  keyGroupOf,
  keyGroupRange,
  subtaskOf,
  subtaskTable,
} from "./key.ts";
import { operatorId } from "./operator-id.ts";
import { t } from "./t.ts";
import type { Type } from "./type.ts";

interface Vectors {
  readonly hashes: readonly { type: string; value: string; hash: number }[];
  readonly composites: readonly { value: unknown[]; hash: number }[];
  readonly byteArrays: readonly { bytes: number[]; hash: number }[];
  readonly keyGroups: readonly {
    hash: number;
    murmur: number;
    groupsOf1_7_128_4096_32768: number[];
  }[];
  readonly ranges: readonly {
    parallelism: number;
    maxParallelism: number;
    ranges: [number, number][];
    ownersOfFirstGroups: number[];
  }[];
  readonly defaultMaxParallelism: readonly { parallelism: number; maxParallelism: number }[];
  readonly operatorIds: readonly { uid: string; operatorId: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL("./vectors/key-vectors.json", import.meta.url), "utf8"),
) as Vectors;

function keyOf(type: string, text: string): { type: Type<unknown>; key: unknown } {
  switch (type) {
    case "bool":
      return { type: t.bool, key: text === "true" };
    case "int32":
      return { type: t.int32, key: Number(text) };
    case "int64":
      return { type: t.int64, key: Number(text) };
    case "bigint64":
      return { type: t.bigint64, key: BigInt(text) };
    case "float64":
      return { type: t.float64, key: Number(text) };
    case "string":
      return { type: t.string, key: text };
    default:
      throw new Error(`unknown type ${type} in the vectors`);
  }
}

test("keys hash as their Java boxes do", () => {
  assert.ok(vectors.hashes.length > 100);
  for (const { type, value, hash } of vectors.hashes) {
    const { type: keyType, key } = keyOf(type, value);
    assert.equal(keyCodecOf(keyType, "op").hashCode(key), hash, `${type} ${value}`);
  }
});

test("a timestamp key hashes as a long, an enum key as its string", () => {
  assert.equal(
    keyCodecOf(t.timestamp, "op").hashCode(1763689635123),
    keyCodecOf(t.int64, "op").hashCode(1763689635123),
  );
  assert.equal(
    keyCodecOf(t.enum("JFK", "SFO"), "op").hashCode("JFK"),
    keyCodecOf(t.string, "op").hashCode("JFK"),
  );
});

test("a composite key hashes as a Java list of its fields, undefined as null", () => {
  const pair = t.struct({ a: t.string, b: t.optional(t.int32) });
  for (const { value, hash } of vectors.composites) {
    const [a, b] = value as [string, number | null];
    const struct = value.length === 0 ? t.struct({}) : pair;
    const key = value.length === 0 ? {} : { a, b: b ?? undefined };
    assert.equal(keyCodecOf(struct, "op").hashCode(key), hash, JSON.stringify(value));
  }
  assert.equal(
    keyCodecOf(t.list(t.string), "op").hashCode(["JFK", "SFO"]),
    keyCodecOf(t.struct({ x: t.string, y: t.string }), "op").hashCode({ x: "JFK", y: "SFO" }),
  );
});

test("bytes hash as Java byte arrays", () => {
  for (const { bytes, hash } of vectors.byteArrays) {
    assert.equal(hashOfBytes(Uint8Array.from(bytes)), hash);
  }
});

test("key groups are Flink's", () => {
  for (const vector of vectors.keyGroups) {
    assert.equal(murmurOfHash(vector.hash), vector.murmur);
    [1, 7, 128, 4096, 32768].forEach((maxParallelism, index) => {
      const group = vector.groupsOf1_7_128_4096_32768[index];
      assert.equal(keyGroupOf(vector.hash, maxParallelism), group);
    });
  }
});

test("key group ranges and owners are Flink's, and partition the key groups", () => {
  for (const { parallelism, maxParallelism, ranges, ownersOfFirstGroups } of vectors.ranges) {
    const table = subtaskTable(parallelism, maxParallelism);
    let end = 0;
    ranges.forEach(([start, rangeEnd], index) => {
      assert.deepEqual(keyGroupRange(index, parallelism, maxParallelism), { start, end: rangeEnd });
      assert.equal(start, end);
      for (let group = start; group < rangeEnd; group++) assert.equal(table[group], index);
      end = rangeEnd;
    });
    assert.equal(end, maxParallelism);
    ownersOfFirstGroups.forEach((owner, group) => {
      assert.equal(subtaskOf(group, parallelism, maxParallelism), owner);
    });
  }
});

test("the default max parallelism is Flink's", () => {
  for (const { parallelism, maxParallelism } of vectors.defaultMaxParallelism) {
    assert.equal(defaultMaxParallelism(parallelism), maxParallelism, `parallelism ${parallelism}`);
  }
});

test("operator ids are Flink's", () => {
  for (const vector of vectors.operatorIds) assert.equal(operatorId(vector.uid), vector.operatorId);
});
