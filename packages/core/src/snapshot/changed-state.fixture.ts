/*
 * State that is written with one declaration and read with another, through real backends and real
 * segments on a simulated disk.
 */
import assert from "node:assert/strict";
import type { StateDescriptors } from "../state/descriptors.ts";
import { HashMapBackend } from "../state/hashmap-backend.ts";
import type { LoadOrigin } from "../state/load-plan.ts";
import { ChunkPool } from "../state/row-chunk.ts";
import type { MayDrop } from "../state/state-evolution.ts";
import { SimWorld, type SimProcess } from "../testing/sim-env.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import type { SegmentHandle } from "./metadata.ts";
import { openSegment } from "./segment-reader.ts";
import { inlineSegmentWriter, type SegmentWriterClient } from "./segment-writer-client.ts";

const MAX_PARALLELISM = 16;
/** Checkpoint that all restores are from. */
const RESTORED_ID = 1000;

/** One disk with what was written to it. */
export class StateShop {
  readonly #pool = new ChunkPool();
  readonly #client: SegmentWriterClient;
  readonly #process: SimProcess;
  #nextId = 1;
  /** Processing time. */
  now = 0;

  constructor(process: SimProcess) {
    this.#process = process;
    this.#client = inlineSegmentWriter({ env: process.env, directory: "/run", pool: this.#pool });
  }

  backend<S extends StateDescriptors>(
    states: S,
    keyType: Type<unknown> = t.string,
  ): HashMapBackend<S> {
    return new HashMapBackend({
      uid: "op",
      keyType,
      maxParallelism: MAX_PARALLELISM,
      keyGroupStart: 0,
      keyGroupEnd: MAX_PARALLELISM,
      states,
      clockNow: () => this.now,
      pool: this.#pool,
      verify: true,
    });
  }

  /** Writes what changed since `base`, or everything; says which it was. */
  async write(
    backend: HashMapBackend<StateDescriptors>,
    base?: number,
  ): Promise<{ readonly id: number; readonly isDelta: boolean; readonly segment: SegmentHandle }> {
    const id = this.#nextId++;
    const frozen = backend.freeze({ id, base, kind: "checkpoint", timestamp: 0 });
    const session = this.#client.open({
      file: `shared/${id}.seg`,
      checkpointId: id,
      kind: frozen.isDelta ? "delta" : "full",
      keyGroupStart: backend.keyGroupStart,
      keyGroupEnd: backend.keyGroupEnd,
      keyType: backend.keyType,
      maxParallelism: MAX_PARALLELISM,
      layouts: frozen.layouts,
      schemas: backend.schemas,
      uid: backend.uid,
    });
    while (!frozen.copySlice(3, session));
    const segment = await session.finish();
    assert.ok(segment !== undefined, "there was something to write");
    return { id, isDelta: frozen.isDelta, segment };
  }

  /** Loads segments, oldest first; whether they had other schemas. */
  async load(
    backend: HashMapBackend<StateDescriptors>,
    segments: readonly SegmentHandle[],
    mayDrop: MayDrop = new Set(),
  ): Promise<boolean> {
    for (const handle of segments) {
      await this.#loadOne(backend, handle, (schemas) => ({ schemas, mayDrop }));
    }
    return backend.finishLoad(RESTORED_ID);
  }

  /** Loads a segment as if its footer had other schemas. */
  loadAs(
    backend: HashMapBackend<StateDescriptors>,
    handle: SegmentHandle,
    schemas: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    return this.#loadOne(backend, handle, () => ({ schemas }));
  }

  async #loadOne(
    backend: HashMapBackend<StateDescriptors>,
    handle: SegmentHandle,
    originOf: (schemas: LoadOrigin["schemas"]) => LoadOrigin,
  ): Promise<void> {
    const reader = await openSegment(this.#process.env.files, { directory: "/run", handle });
    try {
      backend.beginLoad(originOf(reader.footer.schemas));
      for await (const rows of reader.rows()) backend.load(rows);
    } finally {
      await reader.close();
    }
  }

  /** Whether the next checkpoint after a load may build on what was loaded. */
  async buildsOn(backend: HashMapBackend<StateDescriptors>): Promise<boolean> {
    const { isDelta } = await this.write(backend, RESTORED_ID);
    return isDelta;
  }
}

/** Runs a test on a disk of its own. */
export async function inShop(body: (shop: StateShop) => Promise<void>): Promise<void> {
  const world = new SimWorld({ seed: 1, latencyScale: 0.01 });
  const process = world.startProcess();
  const run = async (): Promise<void> => {
    await process.env.files.createDirectory("/run/shared");
    await body(new StateShop(process));
  };
  await world.scheduler.runUntil(run());
}
