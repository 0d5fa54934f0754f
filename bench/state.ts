/*
 * npm run bench -- state [--keys 10000,1000000]
 *
 * State tables beside `Map`: random updates of a count per key, batches of 1024 keys, one thread,
 * each in a process of its own. Prints millions of updates per second, what is held (by the
 * collector's and the table's own count, and as resident memory over an idle process), and the
 * slowest batch while the keys were put in.
 */
import { spawnSync } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { KeyColumn } from "../packages/core/src/columns/key-column.ts";
import { HashMapBackend } from "../packages/core/src/state/hashmap-backend.ts";
import type { Table } from "../packages/core/src/state/table.ts";
import { t } from "../packages/core/src/types/t.ts";
import type { Type } from "../packages/core/src/types/type.ts";
import { readArguments, readCount, refuseArguments } from "../scripts/arguments.ts";

const BATCH = 1024;
const RUN_MS = 1500;
const KEY_KINDS = ["int32", "string"] as const;
const CONTESTANTS = ["table", "map"] as const;
/** More distinct strings of the benchmark itself do not fit beside a Map. */
const MAP_STRINGS_MAX = 5_000_000;

const USAGE = `Usage: npm run bench -- state [--keys N,…]

Measures tables of keyed state, beside a Map.

  --keys N,…    how many keys; integers, and strings of up to 12 bytes
                (default: 10000,1000000,10000000)
`;

/** One run: a contestant with so many keys of a kind. */
interface Run {
  readonly contestant: (typeof CONTESTANTS)[number];
  readonly kind: (typeof KEY_KINDS)[number];
  readonly keys: number;
}

type Count = (table: Table, rows: Int32Array, count: number) => void;

function backendOf(keyType: Type<unknown>): { table: Table; count: Count; memory: () => number } {
  const backend = new HashMapBackend({
    uid: "bench",
    keyType,
    maxParallelism: 128,
    keyGroupStart: 0,
    keyGroupEnd: 128,
    states: {},
    clockNow: () => 0,
  });
  backend.columns([{ name: "count", type: t.int64 }]);
  const table = backend.main;
  const { pageShift, strideBytes, columns } = table.layout;
  const rowMask = (1 << pageShift) - 1;
  const words = strideBytes / 4;
  const at = columns[0].offset / 8;
  const { changes } = table;
  // What operators generate, with the layout's numbers as variables.
  const count: Count = (of, rows, rowsCount) => {
    for (let index = 0; index < rowsCount; index++) {
      const row = rows[index];
      const page = of.pages[row >>> pageShift];
      const base = (row & rowMask) * words;
      if (page.i32[base + 1] < changes.floor) of.touchSlow(row);
      page.f64[(base >> 1) + at] += 1;
    }
  };
  return { table, count, memory: () => backend.memory().sizeBytes };
}

interface Keys {
  readonly type: Type<unknown>;
  readonly column: KeyColumn;
  /** Puts the key with number `n` at `index`. */
  put(index: number, n: number): void;
}

function intKeys(): Keys {
  const column = new KeyColumn("number", "integer");
  column.reset(BATCH);
  return { type: t.int32, column, put: (index, n) => void (column.numbers[index] = n * 7) };
}

function stringKeys(): Keys {
  const column = new KeyColumn("string");
  column.reset(BATCH);
  const strings: string[] = Array.from({ length: BATCH }, () => "");
  column.strings = strings;
  return { type: t.string, column, put: (index, n) => void (strings[index] = freshKey(n)) };
}

const DECODER = Buffer.alloc(32);

/** A string of its own, as a decoded record has: flat, its hash not known yet. */
function freshKey(n: number): string {
  return DECODER.toString("latin1", 0, DECODER.write(`user-${n * 7}`, "latin1"));
}

/** A permutation of 0 … count − 1, so that rows are not in the order of keys. */
function shuffled(count: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, n) => n);
  let seed = 12345;
  for (let n = count - 1; n > 0; n--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    const m = Math.floor(((seed >>> 0) / 4294967296) * (n + 1));
    [order[n], order[m]] = [order[m], order[n]];
  }
  return order;
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Resident memory that it holds more than an idle process, bytes. */
function residentBytes(): number {
  collectGarbage();
  return process.memoryUsage.rss();
}

/** Millions of updates per second: `put` puts a random key at an index, `update` takes all. */
function speedOf(
  keysCount: number,
  put: (index: number, n: number) => void,
  update: () => void,
): string {
  let seed = 1;
  let updates = 0;
  let spentMs = 0;
  const until = performance.now() + RUN_MS;
  while (performance.now() < until) {
    for (let index = 0; index < BATCH; index++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      put(index, Math.floor(((seed >>> 0) / 4294967296) * keysCount));
    }
    const began = performance.now();
    update();
    spentMs += performance.now() - began;
    updates += BATCH;
  }
  return `${(updates / spentMs / 1000).toFixed(1)} M/s`;
}

function table(keys: Keys, rowsCount: number): string {
  const before = heapBytes();
  const residentBefore = residentBytes();
  const { table: rowsTable, count, memory } = backendOf(keys.type);
  const rows = new Int32Array(BATCH);
  const order = shuffled(rowsCount);
  let worstMs = 0;
  for (let start = 0; start < rowsCount; start += BATCH) {
    const size = Math.min(BATCH, rowsCount - start);
    for (let i = 0; i < size; i++) keys.put(i, order[start + i]);
    const began = performance.now();
    rowsTable.lookup(keys.column, size, rows, "upsert");
    count(rowsTable, rows, size);
    // The first batches are compiled while they run.
    if (start > BATCH * 50) worstMs = Math.max(worstMs, performance.now() - began);
  }
  const heldBytes = heapBytes() - before - order.byteLength;
  const resident = residentBytes() - residentBefore - order.byteLength;
  const speed = speedOf(rowsCount, keys.put, () => {
    rowsTable.lookup(keys.column, BATCH, rows, "upsert");
    count(rowsTable, rows, BATCH);
  });
  return (
    `${speed}  ${mb(heldBytes)} MB held` +
    ` (${mb(memory())} counted, ${mb(resident)} resident)  worst batch ${worstMs.toFixed(1)} ms`
  );
}

function map(isInt: boolean, rowsCount: number): string {
  const before = heapBytes();
  const residentBefore = residentBytes();
  const state = new Map<number | string, { count: number }>();
  const keyOf = (n: number): number | string => (isInt ? n * 7 : freshKey(n));
  for (let n = 0; n < rowsCount; n++) state.set(keyOf(n), { count: 1 });
  const heldBytes = heapBytes() - before;
  const resident = residentBytes() - residentBefore;
  const batch: (number | string)[] = Array.from({ length: BATCH }, () => 0);
  const put = (index: number, n: number): void => void (batch[index] = keyOf(n));
  const speed = speedOf(rowsCount, put, () => {
    for (let i = 0; i < BATCH; i++) {
      const value = state.get(batch[i]);
      if (value === undefined) state.set(batch[i], { count: 1 });
      else value.count += 1;
    }
  });
  return `${speed}  ${mb(heldBytes)} MB held (${mb(resident)} resident)`;
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

main();

function main(): void {
  const { values } = readArguments(USAGE, {
    options: {
      keys: { type: "string", default: "10000,1000000,10000000" },
      // What the study calls itself with.
      run: { type: "string" },
    },
  });
  if (values.run !== undefined) {
    process.stdout.write(`${measure(JSON.parse(values.run) as Run)}\n`);
    return;
  }
  const sizes = values.keys.split(",").map((text) => readCount(USAGE, "--keys", text, 1));
  if (Math.max(...sizes) > 100_000_000) refuseArguments(USAGE, "--keys takes at most 100000000");
  for (const keys of sizes) {
    for (const kind of KEY_KINDS) {
      for (const contestant of CONTESTANTS) {
        const isStringMap = contestant === "map" && kind === "string";
        const run = {
          contestant,
          kind,
          keys: isStringMap ? Math.min(keys, MAP_STRINGS_MAX) : keys,
        };
        const name = `${run.keys} ${kind} keys`.padEnd(22);
        process.stdout.write(`${name}${contestant.padEnd(7)}${runAlone(run)}`);
      }
    }
  }
}

function measure({ contestant, kind, keys }: Run): string {
  if (contestant === "map") return map(kind === "int32", keys);
  return table(kind === "int32" ? intKeys() : stringKeys(), keys);
}

function runAlone(run: Run): string {
  const args = [...process.execArgv, import.meta.filename, "--run", JSON.stringify(run)];
  const child = spawnSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.status !== 0) throw new Error(`A run failed: ${JSON.stringify(run)}`);
  return child.stdout;
}
