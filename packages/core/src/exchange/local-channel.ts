/*
 * LocalChannel: both ends on one thread. Batches are handed over by reference. In encoded mode
 * every element goes through the frame format on its way, as it would between two threads; tests
 * and the simulator use it to find what does not survive.
 */
import { assert } from "../assert.ts";
import { BATCH_COUNT } from "../columns/batch.ts";
import { batchCountWithin, NO_LIMIT } from "./channel.ts";
import type { Doorbell, InputChannel, OutputChannel } from "./channel.ts";
import type { Element, ElementKind } from "./element.ts";
import { decodeElement, ElementEncoder } from "./frame.ts";

/** Records queued at which a channel has no room any more. */
export const LOCAL_CAPACITY_COUNT = 8 * BATCH_COUNT;
/** Elements queued at which a channel has no room any more. */
export const LOCAL_CAPACITY_ELEMENTS = 64;

/** What a local channel is made of. */
export interface LocalChannelOptions {
  /** Name of the edge, for messages. */
  readonly name: string;
  /** Uid of the producer, for errors about records that may not travel (encoded mode). */
  readonly operator: string;
  readonly isEncoded: boolean;
  /** Of records: what the consumer reads (encoded mode); undefined: it may be all. */
  readonly fields?: readonly string[] | undefined;
  /** Rung when an element came after the consumer found nothing. */
  readonly consumerDoorbell: Doorbell;
  /** Rung when there may be room after the producer found none. */
  readonly producerDoorbell: Doorbell;
  /** See `LOCAL_CAPACITY_COUNT`. */
  readonly capacityCount?: number;
}

/** See the file header. */
export class LocalChannel implements InputChannel, OutputChannel {
  readonly #name: string;
  readonly #encoder: ElementEncoder | undefined;
  readonly #consumerDoorbell: Doorbell;
  readonly #producerDoorbell: Doorbell;
  readonly #capacityCount: number;
  /** Elements from `#head` on are queued. */
  #queue: Element[] = [];
  #head = 0;
  #recordsCount = 0;
  #limitCount = NO_LIMIT;
  #isConsumerWaiting = true;
  #isProducerWaiting = false;
  #hasEnded = false;

  constructor(options: LocalChannelOptions) {
    this.#name = options.name;
    this.#encoder = options.isEncoded
      ? new ElementEncoder(options.operator, options.fields)
      : undefined;
    this.#consumerDoorbell = options.consumerDoorbell;
    this.#producerDoorbell = options.producerDoorbell;
    this.#capacityCount = options.capacityCount ?? LOCAL_CAPACITY_COUNT;
    assert(this.#capacityCount > 0, "a channel has no capacity");
  }

  hasRoom(): boolean {
    const hasRoom = this.#hasRoom();
    if (!hasRoom) this.#isProducerWaiting = true;
    return hasRoom;
  }

  push(element: Element): void {
    assert(!this.#hasEnded, "an element follows the end of its partition");
    this.#hasEnded = element.kind === "end-of-partition";
    if (element.kind === "data") this.#recordsCount += element.batch.count;
    this.#queue.push(this.#encoder === undefined ? element : this.#encoded(element, this.#encoder));
    if (this.#isConsumerWaiting) {
      this.#isConsumerWaiting = false;
      this.#consumerDoorbell.ring();
    }
  }

  drain(): boolean {
    return true;
  }

  queuedSizeBytes(): number {
    return this.#recordsCount * ESTIMATED_RECORD_SIZE;
  }

  hasElement(): boolean {
    return this.#head < this.#queue.length;
  }

  peekKind(): ElementKind | undefined {
    if (this.#head < this.#queue.length) return this.#queue[this.#head].kind;
    this.#isConsumerWaiting = true;
    return undefined;
  }

  poll(): Element | undefined {
    if (this.peekKind() === undefined) return undefined;
    const element = this.#queue[this.#head++];
    // Also where the queue never runs empty, which is usual under backpressure.
    if (this.#head === this.#queue.length || this.#head === LOCAL_CAPACITY_ELEMENTS) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (element.kind === "data") this.#recordsCount -= element.batch.count;
    this.#ringProducer();
    return element;
  }

  limit(recordsCount: number): void {
    assert(recordsCount >= 1, "a channel has room for a record");
    this.#limitCount = recordsCount;
    this.#ringProducer();
  }

  batchCountMax(): number {
    return batchCountWithin(this.#limitCount);
  }

  #ringProducer(): void {
    if (!this.#isProducerWaiting || !this.#hasRoom()) return;
    this.#isProducerWaiting = false;
    this.#producerDoorbell.ring();
  }

  #hasRoom(): boolean {
    return (
      this.#recordsCount < Math.min(this.#capacityCount, this.#limitCount) &&
      this.#queue.length - this.#head < LOCAL_CAPACITY_ELEMENTS
    );
  }

  #encoded(element: Element, encoder: ElementEncoder): Element {
    const payload = new Uint8Array(encoder.encode(element));
    return decodeElement(element.kind, payload, this.#name);
  }
}

/** Bytes per queued record in metrics: records here are objects of unknown size. */
const ESTIMATED_RECORD_SIZE = 64;
