/*
 * Ring channel: the two ends of a channel on two threads, over one ring of shared memory
 * (`ring.ts`). Elements are encoded by the producer and decoded by the consumer (`frame.ts`).
 *
 * What does not fit into the ring waits in the producer's memory, in order, and moves on when there
 * is space: the ring and the consumer's limit bound what is in flight, the task's asking for room
 * bounds the overrun. Both ends count records: the consumer those that it took, in shared memory.
 *
 * I1. While anything waits outside, nothing is put into the ring past it, and there is no room.
 */
import { assert } from "../assert.ts";
import { align8 } from "../columns/block.ts";
import { plainBytes } from "../columns/column.ts";
import { batchCountWithin, NO_LIMIT } from "./channel.ts";
import type { Doorbell, InputChannel, OutputChannel } from "./channel.ts";
import type { Element, ElementKind } from "./element.ts";
import { decodeElement, ELEMENT_NUMBERS, ElementEncoder, elementKindOf } from "./frame.ts";
import { RingConsumer, RingProducer } from "./ring.ts";

/**
 * Size of a ring of few: half of it, which is what `hasRoom` leaves, is about as much as a channel
 * within a thread holds. With a quarter of that, two threads parked for each other after every two
 * frames.
 */
const RING_SIZE_MAX_BYTES = 1 << 20;
/** Size of a ring of very many. */
const RING_SIZE_MIN_BYTES = 1 << 18;
/** All rings of a job together, unless even the smallest are more. */
const RINGS_BUDGET_BYTES = 1 << 26;
/** Largest element: pieces are joined in one buffer. */
export const MAX_ELEMENT_SIZE_BYTES = 1 << 30;

/** Bytes of each of `ringsCount` rings. */
export function ringSizeBytes(ringsCount: number): number {
  let sizeBytes = RING_SIZE_MAX_BYTES;
  while (sizeBytes > RING_SIZE_MIN_BYTES && sizeBytes * ringsCount > RINGS_BUDGET_BYTES) {
    sizeBytes /= 2;
  }
  return sizeBytes;
}

/** What the producer's end is made of. */
export interface RingOutputOptions {
  /** From `ringMemory`. */
  readonly memory: SharedArrayBuffer;
  /** Uid of the producer, for errors about records that may not travel. */
  readonly operator: string;
  /** Of records: what the consumer reads; undefined: it may be all. */
  readonly fields?: readonly string[] | undefined;
  readonly consumerDoorbell: Doorbell;
  /** Checksums on all pieces. */
  readonly isVerified: boolean;
  /** Told the size of every element, encoded. */
  readonly countBytes?: (sizeBytes: number) => void;
}

interface Waiting {
  readonly kind: number;
  readonly payload: Uint8Array;
  /** Bytes of it that are in the ring already. */
  sent: number;
}

/** The producer's end. */
export class RingOutput implements OutputChannel {
  readonly #ring: RingProducer;
  readonly #encoder: ElementEncoder;
  readonly #consumerDoorbell: Doorbell;
  readonly #countBytes: ((sizeBytes: number) => void) | undefined;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Records ever pushed, modulo 2^32. */
  #pushedRecordsCount = 0;
  #hasEnded = false;

  constructor(options: RingOutputOptions) {
    this.#ring = new RingProducer(options.memory, options.isVerified);
    this.#encoder = new ElementEncoder(options.operator, options.fields);
    this.#consumerDoorbell = options.consumerDoorbell;
    this.#countBytes = options.countBytes;
  }

  hasRoom(): boolean {
    if (this.#hasRoomNow()) return true;
    this.#ring.wait();
    // The consumer may have taken something between the look and the wait.
    return this.#hasRoomNow();
  }

  #hasRoomNow(): boolean {
    return (
      this.#move() && this.#ring.usedBytes() * 2 <= this.#ring.sizeBytes && this.#isWithinLimit()
    );
  }

  #isWithinLimit(): boolean {
    const limitCount = this.#ring.limit();
    if (limitCount === 0) return true;
    return (this.#pushedRecordsCount - this.#ring.takenRecordsCount()) >>> 0 < limitCount;
  }

  push(element: Element): void {
    assert(!this.#hasEnded, "an element follows the end of its partition");
    this.#hasEnded = element.kind === "end-of-partition";
    const kind = ELEMENT_NUMBERS[element.kind];
    const payload = this.#encoder.encode(element);
    assert(payload.length <= MAX_ELEMENT_SIZE_BYTES, "an element is larger than 1 GiB");
    this.#countBytes?.(payload.length);
    if (element.kind === "data") {
      this.#pushedRecordsCount = (this.#pushedRecordsCount + element.batch.count) >>> 0;
    }
    const next: Waiting = { kind, payload, sent: 0 };
    if (!this.#move() || !this.#put(next)) {
      // The encoder's buffer is used again by the next push.
      this.#waiting.push({ kind, payload: new Uint8Array(payload), sent: next.sent });
      this.#waitingBytes += payload.length - next.sent;
      this.#ring.wait();
      this.#move();
    }
    this.#ringConsumer();
  }

  batchCountMax(): number {
    return batchCountWithin(this.#ring.limit() || NO_LIMIT);
  }

  drain(): boolean {
    if (this.#move()) return true;
    this.#ring.wait();
    return this.#move();
  }

  queuedSizeBytes(): number {
    return this.#ring.usedBytes() + this.#waitingBytes;
  }

  /** Moves what waits into the ring; true when nothing waits any more. */
  #move(): boolean {
    if (this.#waiting.length === 0) return true;
    let done = 0;
    for (const waiting of this.#waiting) {
      const before = waiting.sent;
      const isPut = this.#put(waiting);
      this.#waitingBytes -= waiting.sent - before;
      if (!isPut) break;
      done++;
    }
    this.#waiting.splice(0, done);
    this.#ringConsumer();
    return this.#waiting.length === 0;
  }

  /**
   * Puts as many pieces of an element as there is space for; true when all of it is in the ring.
   */
  #put(waiting: Waiting): boolean {
    const { kind, payload } = waiting;
    do {
      const end = Math.min(waiting.sent + this.#ring.maxPieceBytes, payload.length);
      const hasMore = end < payload.length;
      const piece = { kind, payload: payload.subarray(waiting.sent, end), hasMore };
      if (!this.#ring.offer(piece)) return false;
      waiting.sent = end;
    } while (waiting.sent < payload.length);
    return true;
  }

  #ringConsumer(): void {
    if (this.#ring.takeConsumerWait()) this.#consumerDoorbell.ring();
  }
}

/** Memory that is taken at once for the elements of one channel. */
const SLAB_SIZE_BYTES = 1 << 19;

/**
 * Where elements are put that were taken out of the ring. Data keeps views into it, so it is used
 * once; but taking (and clearing) memory for every frame costs as much as copying the frame.
 */
class ElementMemory {
  #slab: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** Memory of its own for one element; its content is unspecified. Begins at a multiple of 8. */
  take(sizeBytes: number): Uint8Array {
    if (sizeBytes > SLAB_SIZE_BYTES / 4) return unclearedBytes(sizeBytes);
    if (this.#used + sizeBytes > this.#slab.length) {
      this.#slab = unclearedBytes(SLAB_SIZE_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += align8(sizeBytes);
    return this.#slab.subarray(start, start + sizeBytes);
  }
}

function unclearedBytes(sizeBytes: number): Uint8Array {
  return plainBytes(Buffer.allocUnsafeSlow(sizeBytes));
}

/** What the consumer's end is made of. */
export interface RingInputOptions {
  /** From `ringMemory`. */
  readonly memory: SharedArrayBuffer;
  /** Name of the edge, for messages. */
  readonly name: string;
  readonly producerDoorbell: Doorbell;
  /** Told the size of every element, encoded. */
  readonly countBytes?: (sizeBytes: number) => void;
}

/** The consumer's end. */
export class RingInput implements InputChannel {
  readonly #ring: RingConsumer;
  readonly #name: string;
  readonly #producerDoorbell: Doorbell;
  readonly #countBytes: ((sizeBytes: number) => void) | undefined;
  readonly #memory = new ElementMemory();
  /** Pieces of the next element that were taken, while more are to come. */
  #parts: Uint8Array[] = [];

  constructor(options: RingInputOptions) {
    this.#ring = new RingConsumer(options.memory, options.name);
    this.#name = options.name;
    this.#producerDoorbell = options.producerDoorbell;
    this.#countBytes = options.countBytes;
  }

  hasElement(): boolean {
    return this.#ring.peek() !== undefined;
  }

  peekKind(): ElementKind | undefined {
    let kind = this.#lastPieceKind();
    if (kind === undefined) {
      this.#ring.wait();
      // The producer may have put something between the look and the wait.
      kind = this.#lastPieceKind();
    }
    return kind === undefined ? undefined : elementKindOf(kind, this.#name);
  }

  poll(): Element | undefined {
    const kind = this.peekKind();
    if (kind === undefined) return undefined;
    const payload = this.#takeAll();
    this.#countBytes?.(payload.length);
    const element = decodeElement(kind, payload, this.#name);
    if (element.kind === "data") this.#ring.countRecords(element.batch.count);
    this.#ringProducer();
    return element;
  }

  limit(recordsCount: number): void {
    assert(recordsCount >= 1, "a channel has room for a record");
    this.#ring.setLimit(recordsCount);
    this.#ringProducer();
  }

  /** Takes pieces until the last one of an element is next; its kind. */
  #lastPieceKind(): number | undefined {
    for (;;) {
      const piece = this.#ring.peek();
      if (piece === undefined) return undefined;
      if (!piece.hasMore) return piece.kind;
      const part = new Uint8Array(piece.sizeBytes);
      this.#ring.take(part, 0);
      this.#parts.push(part);
      this.#ringProducer();
    }
  }

  #takeAll(): Uint8Array {
    const last = this.#ring.peek();
    assert(last !== undefined, "an element has no last piece");
    let sizeBytes = last.sizeBytes;
    for (const part of this.#parts) sizeBytes += part.length;
    const payload = this.#memory.take(sizeBytes);
    let at = 0;
    for (const part of this.#parts) {
      payload.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#ring.take(payload, at);
    return payload;
  }

  #ringProducer(): void {
    // Half a ring is room for any piece, and what `hasRoom` asks for of memory. For the limit it
    // looks itself: with one, there is not much to look at.
    if (this.#ring.isHalfEmpty() && this.#ring.takeProducerWait()) this.#producerDoorbell.ring();
  }
}
