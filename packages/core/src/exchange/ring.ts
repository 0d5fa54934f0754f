/*
 * Ring: a single-producer single-consumer ring of pieces in shared memory. Normative:
 * `docs/formats/frame.md`, "Pieces" and "Ring memory".
 *
 * I1. Only the producer stores the put position, only the consumer the taken one; each with release
 *     semantics (Atomics), after its bytes were written or read.
 * I2. Positions are multiples of 8 and a piece never wraps.
 */
import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import { align8 } from "../columns/block.ts";
import { frameError } from "./frame.ts";

const TAKEN = 0;
const PUT = 1;
const PRODUCER_WAITS = 2;
const CONSUMER_WAITS = 3;
const LIMIT = 4;
const TAKEN_RECORDS = 5;

const CONTROL_SIZE = 64;
const PIECE_HEADER_SIZE = 16;
const FILLER = 255;
const FLAG_MORE = 1;
const FLAG_CHECKSUM = 2;

/** Bounds of a ring's size. */
export const MIN_RING_SIZE_BYTES = 1024;
export const MAX_RING_SIZE_BYTES = 1 << 30;

/**
 * Shared memory for one ring; `sizeBytes` is a power of two. Plain data, to be sent to both
 * threads.
 */
export function ringMemory(sizeBytes: number): SharedArrayBuffer {
  assert(
    sizeBytes >= MIN_RING_SIZE_BYTES &&
      sizeBytes <= MAX_RING_SIZE_BYTES &&
      (sizeBytes & (sizeBytes - 1)) === 0,
    () => `a ring of ${sizeBytes} bytes is not a power of two in the allowed range`,
  );
  return new SharedArrayBuffer(CONTROL_SIZE + sizeBytes);
}

/** The views that both ends have. */
class RingView {
  readonly control: Int32Array;
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly sizeBytes: number;

  constructor(memory: SharedArrayBuffer) {
    this.sizeBytes = memory.byteLength - CONTROL_SIZE;
    this.control = new Int32Array(memory, 0, CONTROL_SIZE / 4);
    this.bytes = new Uint8Array(memory, CONTROL_SIZE);
    this.words = new Uint32Array(memory, CONTROL_SIZE, this.sizeBytes / 4);
  }
}

/** The producer's end of a ring. */
export class RingProducer {
  readonly #view: RingView;
  readonly #isVerified: boolean;
  /** Largest payload of a piece. */
  readonly maxPieceBytes: number;
  #put: number;
  #sequence = 0;

  constructor(memory: SharedArrayBuffer, isVerified: boolean) {
    this.#view = new RingView(memory);
    this.#isVerified = isVerified;
    this.maxPieceBytes = this.#view.sizeBytes / 4;
    this.#put = Atomics.load(this.#view.control, PUT) >>> 0;
  }

  get sizeBytes(): number {
    return this.#view.sizeBytes;
  }

  /** Bytes put and not yet taken. */
  usedBytes(): number {
    return (this.#put - Atomics.load(this.#view.control, TAKEN)) >>> 0;
  }

  /** Puts one piece; false where there is no space for it now. */
  offer(piece: { kind: number; payload: Uint8Array; hasMore: boolean }): boolean {
    const { kind, payload, hasMore } = piece;
    assert(payload.length <= this.maxPieceBytes, "a piece is larger than a quarter of the ring");
    const { sizeBytes } = this.#view;
    const needed = PIECE_HEADER_SIZE + align8(payload.length);
    const toEnd = sizeBytes - (this.#put & (sizeBytes - 1));
    const skipped = toEnd < needed ? toEnd : 0;
    if (sizeBytes - this.usedBytes() < skipped + needed) return false;
    if (skipped >= PIECE_HEADER_SIZE) {
      this.#header({ kind: FILLER, flags: 0, size: skipped - PIECE_HEADER_SIZE, checksum: 0 });
    }
    this.#put = (this.#put + skipped) >>> 0;
    const checksum = this.#isVerified ? crc32(payload) : 0;
    const flags = (hasMore ? FLAG_MORE : 0) | (this.#isVerified ? FLAG_CHECKSUM : 0);
    this.#header({ kind, flags, size: payload.length, checksum });
    const at = (this.#put & (sizeBytes - 1)) + PIECE_HEADER_SIZE;
    this.#view.bytes.set(payload, at);
    this.#put = (this.#put + needed) >>> 0;
    Atomics.store(this.#view.control, PUT, this.#put | 0);
    return true;
  }

  #header(header: { kind: number; flags: number; size: number; checksum: number }): void {
    const word = (this.#put & (this.#view.sizeBytes - 1)) >>> 2;
    const { words } = this.#view;
    words[word] = header.size;
    words[word + 1] = this.#sequence;
    words[word + 2] = header.kind | (header.flags << 8);
    words[word + 3] = header.checksum;
    this.#sequence = (this.#sequence + 1) >>> 0;
  }

  /** Records that the consumer allows to be queued; 0 as long as it has said nothing. */
  limit(): number {
    return Atomics.load(this.#view.control, LIMIT);
  }

  /** Records ever taken, modulo 2^32. */
  takenRecordsCount(): number {
    return Atomics.load(this.#view.control, TAKEN_RECORDS) >>> 0;
  }

  /** Says that room is waited for; look once more afterwards. */
  wait(): void {
    Atomics.store(this.#view.control, PRODUCER_WAITS, 1);
  }

  /** Whether the consumer waits; it will be rung once. */
  takeConsumerWait(): boolean {
    return takeFlag(this.#view.control, CONSUMER_WAITS);
  }
}

/** A piece as the consumer finds it. */
export interface Piece {
  readonly kind: number;
  readonly hasMore: boolean;
  readonly sizeBytes: number;
}

/** The consumer's end of a ring. */
export class RingConsumer {
  readonly #view: RingView;
  readonly #channel: string;
  #taken: number;
  #takenRecordsCount = 0;
  #sequence = 0;
  /** First payload byte of the piece that `peek` found. */
  #payloadAt = 0;
  #peeked: Piece | undefined;

  /** `channel` is the name for errors. */
  constructor(memory: SharedArrayBuffer, channel: string) {
    this.#view = new RingView(memory);
    this.#channel = channel;
    this.#taken = Atomics.load(this.#view.control, TAKEN) >>> 0;
  }

  /** The next piece, which stays in the ring. */
  peek(): Piece | undefined {
    return (this.#peeked ??= this.#find());
  }

  /**
   * Copies the payload of the piece that `peek` found into `into` from `offset` on, and frees its
   * space.
   */
  take(into: Uint8Array, offset: number): void {
    const piece = this.#peeked;
    assert(piece !== undefined, "a piece is taken before it was found");
    const { bytes, words } = this.#view;
    const at = this.#payloadAt;
    into.set(bytes.subarray(at, at + piece.sizeBytes), offset);
    const header = (at - PIECE_HEADER_SIZE) >>> 2;
    if ((words[header + 2] & (FLAG_CHECKSUM << 8)) !== 0) {
      const checksum = crc32(into.subarray(offset, offset + piece.sizeBytes));
      if (checksum !== words[header + 3]) this.#fail("its checksum is wrong");
    }
    this.#peeked = undefined;
    this.#free(PIECE_HEADER_SIZE + align8(piece.sizeBytes));
  }

  #find(): Piece | undefined {
    const { words, sizeBytes, control } = this.#view;
    for (;;) {
      const available = ((Atomics.load(control, PUT) >>> 0) - this.#taken) >>> 0;
      if (available === 0) return undefined;
      const position = this.#taken & (sizeBytes - 1);
      const toEnd = sizeBytes - position;
      if (toEnd < PIECE_HEADER_SIZE) {
        this.#free(toEnd);
        continue;
      }
      const word = position >>> 2;
      const payloadSize = words[word];
      if (words[word + 1] !== this.#sequence) this.#fail("it is out of order");
      this.#sequence = (this.#sequence + 1) >>> 0;
      const kind = words[word + 2] & 0xff;
      const wanted = PIECE_HEADER_SIZE + align8(payloadSize);
      if (wanted > available || wanted > toEnd) this.#fail("it is longer than what was put");
      if (kind === FILLER) {
        this.#free(wanted);
        continue;
      }
      this.#payloadAt = position + PIECE_HEADER_SIZE;
      const hasMore = (words[word + 2] & (FLAG_MORE << 8)) !== 0;
      return { kind, hasMore, sizeBytes: payloadSize };
    }
  }

  #free(sizeBytes: number): void {
    this.#taken = (this.#taken + sizeBytes) >>> 0;
    Atomics.store(this.#view.control, TAKEN, this.#taken | 0);
  }

  #fail(reason: string): never {
    throw frameError(this.#channel, reason);
  }

  /** See `InputChannel.limit`. */
  setLimit(recordsCount: number): void {
    Atomics.store(this.#view.control, LIMIT, recordsCount);
  }

  /** So many records more were taken. */
  countRecords(count: number): void {
    this.#takenRecordsCount = (this.#takenRecordsCount + count) | 0;
    Atomics.store(this.#view.control, TAKEN_RECORDS, this.#takenRecordsCount);
  }

  /** Says that a piece is waited for; look once more afterwards. */
  wait(): void {
    Atomics.store(this.#view.control, CONSUMER_WAITS, 1);
  }

  /** Whether the producer waits; it will be rung once. */
  takeProducerWait(): boolean {
    return takeFlag(this.#view.control, PRODUCER_WAITS);
  }

  /** Whether at most half of the ring is in use. */
  isHalfEmpty(): boolean {
    const { control, sizeBytes } = this.#view;
    const used = ((Atomics.load(control, PUT) >>> 0) - this.#taken) >>> 0;
    return used * 2 <= sizeBytes;
  }
}

function takeFlag(control: Int32Array, word: number): boolean {
  return Atomics.load(control, word) === 1 && Atomics.exchange(control, word, 0) === 1;
}
