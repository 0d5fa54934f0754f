/*
 * Exchange between two threads: records of three fields (id, one of 300 strings, small integer)
 * through a hash writer into two rings, one consumer that sums a field from records, or from
 * columns. Prints million records per second, and the same for encoding alone, JSON and
 * postMessage.
 *
 *   node bench/micro-exchange.ts
 */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Batch } from "../packages/core/src/columns/batch.ts";
import { decodeBatch, RecordEncoder } from "../packages/core/src/columns/record-encoder.ts";
import { doorbellMemory, SharedDoorbell } from "../packages/core/src/exchange/doorbell.ts";
import { END_OF_PARTITION } from "../packages/core/src/exchange/element.ts";
import { RecordWriter } from "../packages/core/src/exchange/record-writer.ts";
import { ringMemory } from "../packages/core/src/exchange/ring.ts";
import { RingInput, RingOutput } from "../packages/core/src/exchange/ring-channel.ts";
import { ByteWriter } from "../packages/core/src/types/byte-writer.ts";
import { t } from "../packages/core/src/types/t.ts";

interface Flight {
  readonly id: number;
  readonly city: string;
  readonly delay: number;
}

type Mode = "records" | "columns" | "postMessage";

interface Order {
  readonly mode: Mode;
  readonly rings: readonly SharedArrayBuffer[];
  readonly doorbells: SharedArrayBuffer;
  readonly recordsCount: number;
}

const BATCH = 1024;
const CITIES = Array.from({ length: 300 }, (_, index) => `C${String(index).padStart(4, "0")}`);

function makeBatch(start: number): Flight[] {
  const records: Flight[] = [];
  for (let id = start; id < start + BATCH; id++) {
    records.push({ id, city: CITIES[(id * 7919) % 300], delay: ((id * 13) % 97) - 20 });
  }
  return records;
}

function produce(order: Order): void {
  if (order.mode === "postMessage") {
    for (let id = 0; id < order.recordsCount; id += BATCH) parentPort?.postMessage(makeBatch(id));
    parentPort?.postMessage("end");
    return;
  }
  const own = new SharedDoorbell(order.doorbells, 0);
  const consumerDoorbell = new SharedDoorbell(order.doorbells, 1);
  const channels = order.rings.map(
    (memory) => new RingOutput({ memory, operator: "bench", consumerDoorbell, isVerified: false }),
  );
  const writer = new RecordWriter({
    channels,
    partitioning: { kind: "hash", key: { by: "city", type: t.string } },
    subtaskIndex: 0,
    parallelism: 1,
    targetParallelism: channels.length,
    maxParallelism: 128,
    consumer: "sum",
  });
  for (let id = 0; id < order.recordsCount; id += BATCH) {
    for (;;) {
      const seen = own.count();
      if (writer.hasRoom()) break;
      own.block(seen, 1000);
    }
    writer.emit(Batch.ofRecords(makeBatch(id)));
  }
  writer.emitControl(END_OF_PARTITION);
  for (;;) {
    const seen = own.count();
    if (writer.drain()) break;
    own.block(seen, 1000);
  }
}

async function consume(mode: Mode, recordsCount: number): Promise<number> {
  const rings = [ringMemory(1 << 18), ringMemory(1 << 18)];
  const doorbells = doorbellMemory(2);
  const own = new SharedDoorbell(doorbells, 1);
  const producerDoorbell = new SharedDoorbell(doorbells, 0);
  const inputs = rings.map((memory) => new RingInput({ memory, name: "bench", producerDoorbell }));
  const workerData: Order = { mode, rings, doorbells, recordsCount };
  const worker = new Worker(new URL(import.meta.url), { workerData });
  await new Promise((resolve) => worker.once("online", resolve));
  const startedMs = performance.now();
  let sum = 0;
  let ended = 0;
  if (mode === "postMessage") {
    await new Promise<void>((resolve) => {
      worker.on("message", (records: Flight[] | "end") => {
        if (records === "end") resolve();
        else for (const record of records) sum += record.delay;
      });
    });
  } else {
    while (ended < inputs.length) {
      const seen = own.count();
      let found = false;
      for (const input of inputs) {
        const element = input.poll();
        if (element === undefined) continue;
        found = true;
        if (element.kind === "end-of-partition") ended++;
        else if (element.kind === "data") sum += sumOf(element.batch, mode);
      }
      if (!found && ended < inputs.length) own.block(seen, 1000);
    }
  }
  const rate = recordsCount / (performance.now() - startedMs) / 1000;
  await worker.terminate();
  if (sum !== expectedSum(recordsCount)) throw new Error(`wrong sum ${sum}`);
  return rate;
}

function sumOf(batch: Batch, mode: Mode): number {
  let sum = 0;
  const column = mode === "columns" ? batch.column("delay") : undefined;
  if (column?.kind === "int32") {
    for (let row = 0; row < batch.count; row++) sum += column.values[row];
    return sum;
  }
  const records = batch.records() as readonly Flight[];
  for (let row = 0; row < batch.count; row++) sum += records[row].delay;
  return sum;
}

function expectedSum(recordsCount: number): number {
  let sum = 0;
  for (let id = 0; id < recordsCount; id++) sum += ((id * 13) % 97) - 20;
  return sum;
}

function oneThread(name: string, turn: (records: Flight[]) => number): void {
  const batches = Array.from({ length: 64 }, (_, index) => makeBatch(index * BATCH));
  let count = 0;
  for (const batch of batches) count += turn(batch);
  let startedMs = performance.now();
  count = 0;
  while (performance.now() - startedMs < 300) for (const batch of batches) count += turn(batch);
  startedMs = performance.now();
  count = 0;
  while (performance.now() - startedMs < 1000) for (const batch of batches) count += turn(batch);
  console.log(name.padEnd(40), (count / (performance.now() - startedMs) / 1000).toFixed(2), "M/s");
}

async function main(): Promise<void> {
  const encoder = new RecordEncoder("bench");
  const writer = new ByteWriter(1 << 16);
  const origin = { file: "bench", offset: 0, requireChecksum: false };
  oneThread("encode", (records) => {
    writer.reset();
    encoder.encode(Batch.ofRecords(records), writer);
    return records.length;
  });
  oneThread("encode, decode to records", (records) => {
    writer.reset();
    encoder.encode(Batch.ofRecords(records), writer);
    return decodeBatch(new Uint8Array(writer.written()), origin).records().length;
  });
  oneThread("JSON", (records) => (JSON.parse(JSON.stringify(records)) as Flight[]).length);
  const recordsCount = BATCH * 10_000;
  for (const mode of ["postMessage", "records", "columns"] as const) {
    const rates: number[] = [];
    for (let round = 0; round < 3; round++)
      rates.push(await consume(mode, mode === "postMessage" ? recordsCount / 10 : recordsCount));
    rates.sort((a, b) => a - b);
    console.log(`two threads, hash, ${mode}`.padEnd(40), rates[1].toFixed(2), "M/s");
  }
}

if (isMainThread) await main();
else produce(workerData as Order);
