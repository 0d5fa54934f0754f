/*
 * RecordWriter: the output of one operator subtask into one edge. It deals a batch among the edge's
 * channels and gathers what goes to one channel into full batches.
 *
 * I1. Per channel, order is kept; control elements go to all channels and never overtake or fall
 *     behind a record.
 * I2. `emit` and `emitControl` never refuse; `hasRoom` is asked before an input batch is taken.
 * I3. What is gathered leaves when it is as many records as the channel asks for, before a control
 *     element, and at `flush`, which the task calls before it goes idle, and the chain from time to
 *     time.
 */
import { assert } from "../assert.ts";
import { BATCH_COUNT } from "../columns/batch.ts";
import type { Batch } from "../columns/batch.ts";
import type { OutputChannel } from "./channel.ts";
import type { ControlElement } from "./element.ts";
import { PendingBatch } from "./pending-batch.ts";
import type { EdgeEnd, Partitioning } from "./partitioner.ts";
import { HashPartitioner } from "./partitioner.ts";

/** What a writer is made of. */
export interface RecordWriterOptions extends EdgeEnd {
  /** One per target, in the order of `targetsOf`. */
  readonly channels: readonly OutputChannel[];
  readonly partitioning: Partitioning;
  /** Max parallelism of the consumer. */
  readonly maxParallelism: number;
  /** Uid of the consumer, for errors about keys. */
  readonly consumer: string;
}

/** See the file header. */
export class RecordWriter {
  readonly #channels: readonly OutputChannel[];
  readonly #pending: readonly PendingBatch[];
  readonly #kind: Partitioning["kind"];
  readonly #hash: HashPartitioner | undefined;
  readonly #counts: Int32Array;
  #order = new Int32Array(0);
  #turn: number;
  #batchCountMax = BATCH_COUNT;

  constructor(options: RecordWriterOptions) {
    const { channels, partitioning } = options;
    assert(channels.length > 0, "a record writer has channels");
    this.#channels = channels;
    this.#pending = channels.map((channel) => new PendingBatch(channel));
    this.#kind = partitioning.kind;
    this.#counts = new Int32Array(channels.length + 1);
    // Producers begin with different channels, so that short streams are spread too.
    this.#turn = options.subtaskIndex % channels.length;
    if (partitioning.kind === "hash" && channels.length > 1) {
      assert(channels.length === options.targetParallelism, "a hash edge reaches every subtask");
      this.#hash = new HashPartitioner(partitioning.key, {
        operator: options.consumer,
        targetParallelism: options.targetParallelism,
        maxParallelism: options.maxParallelism,
      });
    }
  }

  /** Channels of the edge that this subtask writes into. */
  get width(): number {
    return this.#channels.length;
  }

  /** Records that a batch should have at most in any channel, as of the last `hasRoom`. */
  get batchCountMax(): number {
    return this.#batchCountMax;
  }

  /** Whether another input batch may be taken, as far as this edge is concerned. */
  hasRoom(): boolean {
    let room = true;
    let countMax = BATCH_COUNT;
    // All are asked, so that each arms its doorbell and drains.
    for (const channel of this.#channels) {
      if (!channel.hasRoom()) room = false;
      countMax = Math.min(countMax, channel.batchCountMax());
    }
    this.#batchCountMax = countMax;
    return room;
  }

  /** Takes a batch; it must not change afterwards. */
  emit(batch: Batch): void {
    if (batch.count === 0) return;
    if (this.#kind === "broadcast") {
      for (const pending of this.#pending) pending.addAll(batch);
    } else if (this.#pending.length === 1) this.#pending[0].addAll(batch);
    else if (this.#hash !== undefined) this.#deal(batch, this.#hash.channelsOf(batch));
    else this.#rotate(batch);
  }

  /** Flushes, then sends the element to all channels. */
  emitControl(element: ControlElement): void {
    this.flush();
    for (const channel of this.#channels) channel.push(element);
  }

  /** Sends what was gathered. */
  flush(): void {
    for (const pending of this.#pending) pending.flush();
  }

  /** Whether everything sent has left this writer's side; see `OutputChannel.drain`. */
  drain(): boolean {
    let drained = true;
    for (const channel of this.#channels) if (!channel.drain()) drained = false;
    return drained;
  }

  /** Bytes sent and not yet taken, all channels together; for metrics. */
  queuedSizeBytes(): number {
    let sizeBytes = 0;
    for (const channel of this.#channels) sizeBytes += channel.queuedSizeBytes();
    return sizeBytes;
  }

  /** One slice per channel, beginning with the channel whose turn it is. */
  #rotate(batch: Batch): void {
    const width = this.#pending.length;
    let start = 0;
    for (let slice = 0; slice < width; slice++) {
      const end = Math.ceil((batch.count * (slice + 1)) / width);
      if (end > start) {
        this.#pending[this.#turn].addRange(batch, start, end);
        this.#turn = (this.#turn + 1) % width;
      }
      start = end;
    }
  }

  /** Counting sort of the rows by channel, then one selection per channel. */
  #deal(batch: Batch, channels: Uint16Array): void {
    const { count } = batch;
    const counts = this.#counts;
    if (this.#order.length < count) this.#order = new Int32Array(count * 2);
    const order = this.#order;
    counts.fill(0);
    for (let row = 0; row < count; row++) counts[channels[row] + 1]++;
    for (let index = 1; index < counts.length; index++) counts[index] += counts[index - 1];
    for (let row = 0; row < count; row++) order[counts[channels[row]]++] = row;
    // counts[c] is now the end of channel c.
    let start = 0;
    for (let index = 0; index < this.#pending.length; index++) {
      const end = counts[index];
      if (end - start === count) this.#pending[index].addAll(batch);
      else if (end > start) this.#pending[index].addRows(batch, order.subarray(start, end));
      start = end;
    }
  }
}
