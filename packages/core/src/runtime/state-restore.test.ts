// What becomes of rows of states that an operator does not have any more.
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCode } from "../errors.ts";
import { StatelessOperator } from "../operators/operator.ts";
import type { SegmentHandle } from "../snapshot/metadata.ts";
import { inlineSegmentWriter } from "../snapshot/segment-writer-client.ts";
import { listState, mapState, valueState } from "../state/descriptors.ts";
import type { StateDescriptors } from "../state/descriptors.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { SimWorld } from "../testing/sim-env.ts";
import { t } from "../types/t.ts";
import { restoreKeyed } from "./state-restore.ts";

const MAX_PARALLELISM = 16;
const STATES = {
  kept: valueState(t.int32),
  point: valueState(t.struct({ x: t.int32, y: t.int32 })),
  list: listState(t.int32),
  map: mapState(t.string, t.int32),
};

class Holder extends StatelessOperator {
  override readonly keyed: KeyedBackend;
  constructor(keyed: KeyedBackend) {
    super();
    this.keyed = keyed;
  }
  override useKeyType(): void {}
  processBatch(): void {}
}

function backendOf<S extends StateDescriptors>(states: S): HashMapBackend<S> {
  return new HashMapBackend({
    uid: "op",
    keyType: t.int32,
    maxParallelism: MAX_PARALLELISM,
    keyGroupStart: 0,
    keyGroupEnd: MAX_PARALLELISM,
    states,
    clockNow: () => 0,
    verify: true,
  });
}

/** A segment in which key 1 has all states, key 2 all but "kept", key 3 only that. */
async function written(world: SimWorld) {
  const { env } = world.startProcess();
  await env.files.createDirectory("/run/shared");
  const client = inlineSegmentWriter({ env, directory: "/run" });
  const backend = backendOf(STATES);
  const { kept, point, list, map } = backend.states;
  for (const key of [1, 2]) {
    backend.setCurrentKey(key);
    if (key === 1) kept.set(key);
    point.set({ x: key, y: key });
    list.add(key);
    map.set("a", key);
  }
  backend.setCurrentKey(3);
  kept.set(3);
  const taken = backend.freeze({ id: 1, base: undefined, kind: "checkpoint", timestamp: 0 });
  const session = client.open({
    file: "shared/1.seg",
    checkpointId: 1,
    kind: "full",
    keyGroupStart: 0,
    keyGroupEnd: MAX_PARALLELISM,
    keyType: t.int32,
    maxParallelism: MAX_PARALLELISM,
    layouts: taken.layouts,
    schemas: backend.schemas,
    uid: "op",
  });
  while (!taken.copySlice(100, session));
  const handle = await session.finish();
  await client.close();
  assert.ok(handle !== undefined);
  return { files: env.files, segments: [handle] };
}

interface Written {
  readonly files: Parameters<typeof restoreKeyed>[0]["files"];
  readonly segments: readonly SegmentHandle[];
}

/** A backend with the state "kept" only, restored. */
async function restored({ files, segments }: Written, leftBehind: readonly string[]) {
  const backend = backendOf({ kept: STATES.kept });
  await restoreKeyed({
    files,
    directory: "/run",
    operator: new Holder(backend),
    restore: {
      segments,
      states: [],
      watermark: undefined,
      hasEnded: false,
      isBase: leftBehind.length === 0,
      leftBehind,
    },
    restoredId: leftBehind.length === 0 ? 1 : undefined,
  });
  return backend;
}

test("what is left behind is passed over, and keys that had nothing else are gone", async () => {
  const world = new SimWorld({ seed: "restore" });
  const backend = await world.scheduler.runUntil(
    (async () => restored(await written(world), ["point", "list", "map"]))(),
  );
  const found: [unknown, unknown][] = [];
  backend.forEachKey((key) => found.push([key, backend.states.kept.get()]));
  assert.deepEqual(
    found.toSorted(([a], [b]) => Number(a) - Number(b)),
    [
      [1, 1],
      [3, 3],
    ],
  );
  const barrier = { id: 2, base: 1, kind: "checkpoint", timestamp: 0 } as const;
  assert.equal(backend.freeze(barrier).isDelta, false, "the next checkpoint is full");
});

test("rows of a state that is neither declared nor left behind are refused", async () => {
  const world = new SimWorld({ seed: "restore" });
  await assert.rejects(
    world.scheduler.runUntil((async () => restored(await written(world), ["list", "point"]))()),
    (error: Error) => errorCode(error) === "STATE_MISMATCH" && /"map"/.test(error.message),
  );
});
