/*
 * What becomes of a file's bytes: which of them outlive a power loss, and damage by a failing
 * device. The model's rules are I1 and I4 of `sim-disk.ts`.
 */
import type { Random } from "../env/env.ts";

/** Unit in which a disk writes: torn writes tear here or anywhere before. */
const SECTOR_BYTES = 512;

/** The bytes that a power loss leaves. */
export function survivingContent(
  file: { readonly bytes: Uint8Array; readonly sizeBytes: number; readonly durable: Uint8Array },
  random: Random,
): Uint8Array {
  const durableSize = file.durable.length;
  const unsynced = file.sizeBytes - durableSize;
  if (unsynced <= 0) return file.durable.slice();
  const fate = random.int(4);
  if (fate === 0) return file.durable.slice();
  const size = fate === 1 ? file.sizeBytes : durableSize + random.int(unsynced + 1);
  const content = file.bytes.slice(0, size);
  content.set(file.durable);
  if (fate === 3) {
    for (let at = durableSize; at < size; at += SECTOR_BYTES) {
      const isGarbage = random.int(2) === 0;
      if (random.int(2) === 0) content.fill(isGarbage ? random.int(256) : 0, at, at + SECTOR_BYTES);
    }
  }
  return content;
}

/** XORs `length` bytes with `mask`; offsets beyond the end are ignored. */
export function flipBytes(bytes: Uint8Array, offset: number, mask: number, length: number): void {
  const end = Math.min(bytes.length, offset + length);
  for (let i = offset; i < end; i++) bytes[i] = bytes[i] ^ mask;
}
