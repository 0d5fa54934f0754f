/*
 * decodeAll: all records of a piece of text or bytes, as a format reads them. For tests of formats.
 */
import { ByteWindow } from "./byte-window.ts";
import type { Format, MalformedRange } from "./format.ts";

/** What came out. */
export interface DecodedText {
  readonly records: readonly unknown[];
  readonly malformed: readonly MalformedRange[];
  /** Line ends passed. */
  readonly linesCount: number;
}

/**
 * Feeds `bytes` in chunks of the given sizes (the last one repeats) and decodes `limit` at a time.
 */
export function decodeAll(
  format: Format<unknown>,
  bytes: Uint8Array,
  feed: { readonly chunkSizes?: readonly number[]; readonly limit?: number } = {},
): DecodedText {
  const { chunkSizes = [bytes.length], limit = 1024 } = feed;
  const window = new ByteWindow(0);
  const decoder = format.createDecoder();
  const records: unknown[] = [];
  let offset = 0;
  let chunks = 0;
  const fill = (): boolean => {
    if (window.isLast) return false;
    const size = Math.max(1, chunkSizes[Math.min(chunks++, chunkSizes.length - 1)] ?? 1);
    if (offset < bytes.length) window.append(bytes.slice(offset, offset + size));
    offset += size;
    if (offset >= bytes.length) window.isLast = true;
    return true;
  };
  if (format.hasHeader) while (!decoder.readHeader(window, "text")) if (!fill()) break;
  for (;;) {
    const { start } = window;
    const batch = decoder.decode(window, limit);
    if (batch !== undefined) records.push(...batch.records().slice(0, batch.count));
    const progressed = batch !== undefined || window.start > start;
    if (!progressed && !fill()) break;
  }
  return { records, malformed: window.malformed, linesCount: window.linesCount };
}
