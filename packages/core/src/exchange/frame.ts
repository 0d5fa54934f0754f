/*
 * Elements as bytes: kind number and payload. Normative: `docs/formats/frame.md`.
 *
 * Does not own: pieces, sequence numbers and memory (`ring.ts`).
 */
import { assert } from "../assert.ts";
import { decodeBatch, RecordEncoder } from "../columns/record-encoder.ts";
import { oxbowError } from "../errors.ts";
import type { Barrier } from "../state/barrier.ts";
import { decodeAny } from "../types/any-reader.ts";
import { writeAny } from "../types/any-writer.ts";
import { ByteReader } from "../types/byte-reader.ts";
import { ByteWriter } from "../types/byte-writer.ts";
import {
  barrierElement,
  cancelBarrierElement,
  dataElement,
  END_OF_DATA,
  END_OF_DATA_WITHOUT_DRAIN,
  END_OF_PARTITION,
  STATUS_ACTIVE,
  STATUS_IDLE,
  watermarkElement,
} from "./element.ts";
import type { Element, ElementKind } from "./element.ts";

/** Numbers of the kinds in frames. 8 is reserved for announced barriers. */
export const ELEMENT_NUMBERS: Readonly<Record<ElementKind, number>> = Object.freeze({
  data: 1,
  watermark: 2,
  status: 3,
  barrier: 4,
  "cancel-barrier": 5,
  "end-of-data": 6,
  "end-of-partition": 7,
});

const ELEMENT_KINDS = Object.keys(ELEMENT_NUMBERS) as readonly ElementKind[];

/** Kind of an element by its number; FRAME_CORRUPTED for a number that is none. */
export function elementKindOf(number: number, channel: string): ElementKind {
  const kind = ELEMENT_KINDS[number - 1];
  if (kind === undefined) throw frameError(channel, `kind ${number} is not known`);
  return kind;
}

/** Encodes the elements of one channel. */
export class ElementEncoder {
  readonly #records: RecordEncoder;
  readonly #writer = new ByteWriter(1 << 16);

  /**
   * `operator`: uid of the producer, for errors about records that may not travel. `fields`: those
   * that the consumer reads; undefined: it may be all.
   */
  constructor(operator: string, fields?: readonly string[]) {
    this.#records = new RecordEncoder(operator, fields);
  }

  /** The payload; valid until the next call. */
  encode(element: Element): Uint8Array {
    const writer = this.#writer;
    writer.reset();
    switch (element.kind) {
      case "data":
        assert(this.#records.encode(element.batch, writer) === 0, "a block begins at 0");
        break;
      case "watermark":
        writer.float64(element.timestamp);
        break;
      case "status":
        writer.uint8(element.isIdle ? 1 : 0);
        break;
      case "barrier":
        writeAny(writer, element.barrier);
        break;
      case "cancel-barrier":
        writer.float64(element.checkpointId);
        break;
      case "end-of-data":
        writer.uint8(element.isDrain ? 1 : 0);
        break;
      case "end-of-partition":
        break;
    }
    return writer.written();
  }
}

/**
 * The element of a payload. Data keeps views into `payload`, which must not change afterwards; it
 * should begin at a multiple of 8 in its buffer, so that numbers need not be copied.
 */
export function decodeElement(kind: ElementKind, payload: Uint8Array, channel: string): Element {
  const reader = new ByteReader(payload);
  switch (kind) {
    case "data":
      return dataElement(
        decodeBatch(payload, { file: channel, offset: 0, requireChecksum: false }),
      );
    case "watermark":
      return watermarkElement(reader.float64());
    case "status":
      return reader.flag() ? STATUS_IDLE : STATUS_ACTIVE;
    case "barrier":
      return barrierElement(checkedBarrier(decodeAny(payload), channel));
    case "cancel-barrier":
      return cancelBarrierElement(reader.float64());
    case "end-of-data":
      return reader.flag() ? END_OF_DATA : END_OF_DATA_WITHOUT_DRAIN;
    case "end-of-partition":
      return END_OF_PARTITION;
  }
}

function checkedBarrier(value: unknown, channel: string): Barrier {
  const barrier = value as Barrier | null;
  if (typeof barrier !== "object" || barrier === null || !Number.isSafeInteger(barrier.id)) {
    throw frameError(channel, "a barrier has no id");
  }
  return barrier;
}

/** FRAME_CORRUPTED: memory between two threads is not what it must be. */
export function frameError(channel: string, reason: string): Error {
  return oxbowError(
    "FRAME_CORRUPTED",
    `Channel ${channel} delivered a frame that cannot be read: ${reason}. This is a bug in Oxbow.`,
    { channel, reason },
  );
}
