import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { errorCode, oxbowError } from "../errors.ts";
import { rowLayout } from "../state/layout.ts";
import { ChunkPool, type RowChunk } from "../state/row-chunk.ts";
import { SimWorld, type SimProcess } from "../testing/sim-env.ts";
import { t } from "../types/t.ts";
import type { SegmentHandle } from "./metadata.ts";
import type { SegmentRequest, SegmentResponse } from "./segment-messages.ts";
import { openSegment } from "./segment-reader.ts";
import {
  inlineSegmentWriter,
  SegmentWriterClient,
  type SegmentSession,
  type SegmentSpec,
} from "./segment-writer-client.ts";
import { SegmentWriterService } from "./segment-writer-service.ts";

const LAYOUT = rowLayout({
  name: "main",
  keyType: t.int64,
  keyKind: "f64",
  hasNamespace: false,
  columns: [{ name: "count", type: t.float64 }],
});

const SPEC: Omit<SegmentSpec, "file"> = {
  checkpointId: 7,
  kind: "full",
  keyGroupStart: 0,
  keyGroupEnd: 128,
  keyType: t.int64,
  maxParallelism: 128,
  layouts: [LAYOUT],
  schemas: {},
  uid: "count",
};

/** A chunk of raw rows: keys `from`, `from` + 1, …, each with the count 10 × key. */
function chunkOf(pool: ChunkPool, from: number, count: number): RowChunk {
  const recordBytes = LAYOUT.strideBytes;
  const buffer = pool.take(count * recordBytes);
  const floats = new Float64Array(buffer);
  for (let i = 0; i < count; i++) {
    floats[(i * recordBytes + LAYOUT.keyOffset) / 8] = from + i;
    floats[(i * recordBytes + LAYOUT.columns[0].offset) / 8] = 10 * (from + i);
  }
  return { layoutIndex: 0, kind: "puts", count, recordBytes, buffer, heapStart: buffer.byteLength };
}

async function readBack(process: SimProcess, handle: SegmentHandle): Promise<Map<bigint, number>> {
  const found = new Map<bigint, number>();
  const reader = await openSegment(process.env.files, { directory: "/run", handle });
  for await (const { keys, columns, count } of reader.rows()) {
    const view = new DataView(keys.bytes.buffer, keys.bytes.byteOffset);
    for (let i = 0; i < count; i++) {
      const key = view.getBigInt64(keys.starts[i], true);
      assert.ok(!found.has(key));
      found.set(key, (columns[0].values as Float64Array)[i]);
    }
  }
  await reader.close();
  return found;
}

interface Given {
  readonly process: SimProcess;
  readonly world: SimWorld;
  readonly client: SegmentWriterClient;
}

async function withClient(body: (given: Given) => Promise<void>, pool?: ChunkPool): Promise<void> {
  const world = new SimWorld({ seed: 3 });
  const process = world.startProcess();
  const { env } = process;
  const rest = pool === undefined ? {} : { pool };
  const client = inlineSegmentWriter({ env, directory: "/run", ...rest });
  await world.scheduler.runUntil(
    (async () => {
      await env.files.createDirectory("/run/shared");
      await body({ process, world, client });
      await client.close();
      assert.equal(client.pool.takenBytes, 0, "every buffer came back");
    })(),
  );
}

function emit(client: SegmentWriterClient, session: SegmentSession, chunks: number): void {
  for (let i = 0; i < chunks; i++) session.emit(chunkOf(client.pool, 100 * i, 100));
}

describe("segment writing service", () => {
  it("writes the segments of several tasks at once, and gives every buffer back", () =>
    withClient(async ({ client, process }) => {
      const sessions = Array.from({ length: 5 }, (_, i) =>
        client.open({ ...SPEC, file: `shared/${i}.seg` }),
      );
      for (let i = 0; i < 20; i++) {
        for (const session of sessions) session.emit(chunkOf(client.pool, 100 * i, 100));
      }
      const handles = await Promise.all(sessions.map((session) => session.finish()));
      for (const handle of handles) {
        assert.ok(handle !== undefined);
        assert.equal(handle.rowsCount, 2000);
        const rows = await readBack(process, handle);
        assert.equal(rows.size, 2000);
        for (const [key, count] of rows) assert.equal(count, 10 * Number(key));
      }
    }));

  it("gives no handle and no file where there are no rows", () =>
    withClient(async ({ client, world }) => {
      assert.equal(await client.open({ ...SPEC, file: "shared/a.seg" }).finish(), undefined);
      assert.deepEqual(world.disk.paths(), []);
    }));

  it("tells when there is room again", () =>
    withClient(async ({ client }) => {
      let told = 0;
      const onRoom = (): void => void told++;
      const session = client.open({ ...SPEC, file: "shared/a.seg", onRoom });
      assert.ok(session.hasRoom());
      emit(client, session, 10);
      assert.ok(!session.hasRoom());
      await session.finish();
      assert.equal(told, 1);
      assert.ok(session.hasRoom());
    }, new ChunkPool(100_000)));

  it("removes the file of an aborted segment, whenever the abort comes", async () => {
    for (let steps = 0; steps < 40; steps++) {
      await withClient(async ({ client, world }) => {
        const session = client.open({ ...SPEC, file: "shared/a.seg" });
        emit(client, session, 10);
        let settled = 0;
        void session.finish().then(() => settled++);
        const other = client.open({ ...SPEC, file: "shared/b.seg" });
        emit(client, other, 3);
        const { clock } = world.startProcess().env;
        await new Promise<void>((resolve) => clock.schedule(steps / 4, resolve));
        const before = settled;
        session.abort();
        session.abort();
        assert.equal((await other.finish())?.rowsCount, 300);
        await client.close();
        assert.equal(settled, before, "an aborted session does not finish");
        assert.deepEqual(world.disk.paths(), ["/run/shared/b.seg"], `after ${steps} steps`);
      });
    }
  });

  it("fails one segment where the disk fails, and goes on with the others", () =>
    withClient(async ({ client, process, world }) => {
      for (const operation of ["create", "write", "sync"] as const) {
        process.env.files.inject({ operation, path: /bad/, kind: "io" });
        const bad = client.open({ ...SPEC, file: `shared/bad-${operation}.seg` });
        const good = client.open({ ...SPEC, file: `shared/${operation}.seg` });
        emit(client, bad, 3);
        emit(client, good, 3);
        const [failed, fine] = await Promise.allSettled([bad.finish(), good.finish()]);
        assert.ok(failed.status === "rejected");
        assert.equal(errorCode(failed.reason), "FILE_IO");
        assert.equal(fine.status, "fulfilled");
        bad.abort();
      }
      await client.close();
      assert.ok(world.disk.paths().every((path) => !path.includes("bad")));
    }));

  it("does not write what is aborted right away", () =>
    withClient(async ({ client, process }) => {
      const session = client.open({ ...SPEC, file: "shared/a.seg" });
      emit(client, session, 50);
      session.abort();
      await client.close();
      assert.equal(process.env.files.completedCount, 1, "nothing but createDirectory");
    }));

  it("fails all sessions, also later ones, when the service is gone", async () => {
    const client = new SegmentWriterClient({ directory: "/run", post: () => undefined });
    const finishing = client.open({ ...SPEC, file: "shared/a.seg" });
    emit(client, finishing, 2);
    const finished = finishing.finish();
    const copying = client.open({ ...SPEC, file: "shared/b.seg" });
    emit(client, copying, 2);
    client.fail(oxbowError("FILE_IO", "the thread died"));
    await assert.rejects(finished, { code: "FILE_IO" });
    emit(client, copying, 1);
    await assert.rejects(copying.finish(), { code: "FILE_IO" });
    const later = client.open({ ...SPEC, file: "shared/c.seg" });
    later.abort();
    await assert.rejects(client.open({ ...SPEC, file: "shared/d.seg" }).finish(), {
      code: "FILE_IO",
    });
    assert.equal(client.pool.takenBytes, 0);
  });
});

describe("segment writing service behind a port", () => {
  it("does nothing of what is left when the client is gone", async () => {
    const world = new SimWorld({ seed: 3 });
    const { files } = world.startProcess().env;
    const requests: SegmentRequest[] = [];
    const client = new SegmentWriterClient({
      directory: "/run",
      post: (request) => void requests.push(request),
    });
    const session = client.open({ ...SPEC, file: "a" });
    session.emit(chunkOf(client.pool, 0, 100));
    session.finish().catch(() => undefined);
    for (let turns = 0; turns < 6; turns++) {
      const responses: SegmentResponse[] = [];
      const service = new SegmentWriterService({
        files,
        post: (response) => void responses.push(response),
      });
      for (const request of requests) service.receive(structuredClone(request));
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      service.abortAll();
      for (const request of requests) service.receive(structuredClone(request));
      await world.scheduler.runUntil(service.settled());
      assert.ok(!responses.some(({ kind }) => kind === "finished"));
      assert.equal(await world.scheduler.runUntil(files.status("/run/a")), undefined);
    }
  });

  it("takes and gives back transferred buffers", async () => {
    const { port1, port2 } = new MessageChannel();
    const world = new SimWorld({ seed: 1 });
    const { files } = world.startProcess().env;
    const service = new SegmentWriterService({
      files,
      post: (response, transfer) => port2.postMessage(response, [...transfer]),
    });
    port2.on("message", (request: SegmentRequest) => service.receive(request));
    const client = new SegmentWriterClient({
      directory: "/run",
      post: (request, transfer) => port1.postMessage(request, [...transfer]),
    });
    port1.on("message", (response: SegmentResponse) => client.receive(response));
    const mkdir = files.createDirectory("/run/shared");
    await world.scheduler.runUntil(mkdir);
    const session = client.open({ ...SPEC, file: "shared/a.seg" });
    const chunk = chunkOf(client.pool, 0, 100);
    session.emit(chunk);
    assert.equal(chunk.buffer.byteLength, 0, "the buffer has left this side");
    let handle: SegmentHandle | undefined;
    void session.finish().then((finished) => (handle = finished));
    while (handle === undefined) await world.scheduler.runNext();
    assert.equal(handle.rowsCount, 100);
    assert.equal(client.pool.takenBytes, 0);
    port1.close();
  });
});
