// The whole way of keyed state: backend → chunks → writing service → segments on disk → backend.
import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { listState, mapState, valueState } from "../state/descriptors.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import { ChunkPool } from "../state/row-chunk.ts";
import { SimWorld, type SimProcess } from "../testing/sim-env.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import type { SegmentHandle } from "./metadata.ts";
import { openSegment } from "./segment-reader.ts";
import { inlineSegmentWriter, type SegmentWriterClient } from "./segment-writer-client.ts";

const STATES = {
  value: valueState(t.int32),
  stats: valueState(t.struct({ sum: t.float64, label: t.optional(t.string) })),
  list: listState(t.string),
  map: mapState(t.string, t.int64),
};
const MAX_PARALLELISM = 16;

interface Command {
  readonly kind: "value" | "stats" | "list" | "map" | "unmap" | "unlist" | "timer" | "clear";
  readonly key: number;
  readonly number: number;
  readonly text: string;
}

const command: fc.Arbitrary<Command> = fc.record({
  kind: fc.constantFrom("value", "stats", "list", "map", "unmap", "unlist", "timer", "clear"),
  key: fc.integer({ min: 0, max: 12 }),
  number: fc.integer({ min: -5, max: 1_000_000 }),
  text: fc.oneof(fc.string({ maxLength: 3 }), fc.constantFrom("a", "\ud800", "wide \u2603")),
});

function backendOf(pool: ChunkPool, keyType: Type<unknown>, range = { start: 0, end: 16 }) {
  return new HashMapBackend({
    uid: "all",
    keyType,
    maxParallelism: MAX_PARALLELISM,
    keyGroupStart: range.start,
    keyGroupEnd: range.end,
    states: STATES,
    clockNow: () => 0,
    pool,
    verify: true,
  });
}

type Backend = ReturnType<typeof backendOf>;

function apply(backend: Backend, keys: readonly unknown[], step: Command): void {
  const { value, stats, list, map } = backend.states;
  backend.setCurrentKey(keys[step.key]);
  switch (step.kind) {
    case "value":
      return value.set(step.number);
    case "stats":
      return stats.set({
        sum: step.number / 3,
        label: step.number > 500_000 ? undefined : step.text,
      });
    case "list":
      return list.add(step.text);
    case "map":
      return map.set(step.text, step.number);
    case "unmap":
      return void map.delete(step.text);
    case "unlist":
      return list.clear();
    case "timer":
      return backend.eventTimers.register(step.number % 50, { start: step.number % 3, end: 7 });
    case "clear":
      value.clear();
      stats.clear();
      list.clear();
      return map.clear();
  }
}

const show = (key: unknown): string => (Object.is(key, -0) ? "-0" : JSON.stringify(key));

/** Everything in it, as text; timers are fired, so it is over afterwards. */
function drain(backend: Backend, into: string[]): void {
  const { value, stats, list, map } = backend.states;
  backend.forEachKey((key) => {
    const entries = [...map.entries()].map((entry) => entry.join(": ")).sort();
    into.push(JSON.stringify([show(key), value.get(), stats.get(), [...list.get()], entries]));
  });
  backend.eventTimers.popDue(Infinity, 1e9, (timestamp, { start, end }) => {
    into.push(JSON.stringify(["timer", show(backend.currentKey()), timestamp, start, end]));
  });
}

async function snapshot(
  client: SegmentWriterClient,
  backend: Backend,
  barrier: { readonly id: number; readonly base: number | undefined },
): Promise<SegmentHandle | undefined> {
  const taken = backend.freeze({ ...barrier, kind: "checkpoint", timestamp: 0 });
  const session = client.open({
    file: `shared/${barrier.id}.seg`,
    checkpointId: barrier.id,
    kind: taken.isDelta ? "delta" : "full",
    keyGroupStart: backend.keyGroupStart,
    keyGroupEnd: backend.keyGroupEnd,
    keyType: backend.keyType,
    maxParallelism: MAX_PARALLELISM,
    layouts: taken.layouts,
    schemas: backend.schemas,
    uid: backend.uid,
  });
  while (!taken.copySlice(3, session));
  return session.finish();
}

async function load(process: SimProcess, backend: Backend, segments: readonly SegmentHandle[]) {
  for (const handle of segments) {
    const reader = await openSegment(process.env.files, { directory: "/run", handle });
    const range = { start: backend.keyGroupStart, end: backend.keyGroupEnd };
    for await (const rows of reader.rows(range)) backend.load(rows);
    await reader.close();
  }
  backend.finishLoad(undefined);
}

const KEYS: readonly [string, Type<unknown>, (i: number) => unknown][] = [
  ["int64", t.int64, (i) => i * 2 ** 40 - i],
  ["int32", t.int32, (i) => i - 6],
  ["float64", t.float64, (i) => (i === 1 ? -0 : i / 2)],
  ["string", t.string, (i) => "k".repeat(i % 4) + String.fromCharCode(250 + i)],
  ["struct", t.struct({ a: t.string, b: t.int32 }), (i) => ({ a: `${i % 3}`, b: i })],
];

for (const [name, keyType, keyOf] of KEYS) {
  it(`state with ${name} keys survives base, deltas and rescaling through segments`, async () => {
    const keys = Array.from({ length: 13 }, (_, i) => keyOf(i));
    const steps = fc.array(command, { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        steps,
        steps,
        steps,
        fc.integer({ min: 0, max: 16 }),
        async (a, b, c, cut) => {
          const world = new SimWorld({ seed: 1, latencyScale: 0.01 });
          const process = world.startProcess();
          const pool = new ChunkPool();
          const { env } = process;
          const client = inlineSegmentWriter({ env, directory: "/run", pool });
          const body = async (): Promise<void> => {
            await env.files.createDirectory("/run/shared");
            const backend = backendOf(pool, keyType);
            const segments: SegmentHandle[] = [];
            for (const [index, part] of [a, b, c].entries()) {
              for (const step of part) apply(backend, keys, step);
              const base = index === 0 ? undefined : index;
              const handle = await snapshot(client, backend, { id: index + 1, base });
              if (handle !== undefined) segments.push(handle);
            }
            const restored: string[] = [];
            for (const range of [
              { start: 0, end: cut },
              { start: cut, end: 16 },
            ]) {
              if (range.start === range.end) continue;
              const part = backendOf(pool, keyType, range);
              await load(process, part, segments);
              drain(part, restored);
            }
            const original: string[] = [];
            drain(backend, original);
            assert.deepEqual(restored.sort(), original.sort());
            await client.close();
            assert.equal(pool.takenBytes, 0);
          };
          await world.scheduler.runUntil(body());
        },
      ),
      { numRuns: 60 },
    );
  });
}
