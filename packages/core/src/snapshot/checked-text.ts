/*
 * Checked text: the envelope of the small files that people may want to read (`_metadata`,
 * `run.json`, locks). One line says what it is, the version, length and checksum; indented JSON
 * follows. Format: docs/formats/metadata.md, "Envelope".
 *
 * I1. Any change of one byte, any truncation and any appended byte is detected
 *     (METADATA_CORRUPTED).
 * I2. The version is believed only after the checksum, which covers it, has been.
 */
import { crc32 } from "node:zlib";
import { oxbowError, type OxbowError } from "../errors.ts";
import { fromPlainJson, toPlainJson } from "./plain-json.ts";

/** Longest envelope line. */
const HEADER_BYTES_MAX = 128;

/** Largest file: JSON text must fit into one string with room. Enforced on write and read. */
export const CHECKED_TEXT_BYTES_MAX = 256 * 1024 * 1024;

/** What a file is, and which versions of it are understood. */
export interface CheckedTextFormat {
  /** First word of the file. */
  readonly magic: string;
  /** Version that is written, and the newest one that is read; all from 1 are read. */
  readonly version: number;
}

/** The file's bytes. Throws INVALID_ARGUMENT where `value` is not plain data or too large. */
export function encodeCheckedText(format: CheckedTextFormat, value: unknown): Uint8Array {
  const body = Buffer.from(`${JSON.stringify(toPlainJson(value), undefined, 1)}\n`, "utf8");
  const header = Buffer.from(headerOf(format.magic, format.version, body), "latin1");
  const sizeBytes = header.length + body.length;
  if (sizeBytes > CHECKED_TEXT_BYTES_MAX) {
    const message =
      `A ${format.magic} file would have ${sizeBytes} bytes, more than ` +
      `${CHECKED_TEXT_BYTES_MAX}. ` +
      `Keep less in operator state and source enumerators; use keyed state for what is large.`;
    throw oxbowError("INVALID_ARGUMENT", message, { magic: format.magic, sizeBytes });
  }
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(header);
  bytes.set(body, header.length);
  return bytes;
}

/**
 * The value in the file's bytes and the version that it was written with. `file` is for messages.
 * Throws METADATA_CORRUPTED (details: file, offset) and METADATA_VERSION_UNSUPPORTED.
 */
export function decodeCheckedText(
  format: CheckedTextFormat,
  file: string,
  bytes: Uint8Array,
): { readonly version: number; readonly value: unknown } {
  const lineEnd = bytes.subarray(0, HEADER_BYTES_MAX).indexOf(10);
  const line = Buffer.from(bytes.subarray(0, lineEnd + 1)).toString("latin1");
  const match = /^([a-z-]+) (\d{1,6}) (\d{1,12}) ([0-9a-f]{8})\n$/.exec(line);
  if (match === null || match[1] !== format.magic) {
    throw corrupted(file, 0, `it does not begin as a ${format.magic} file does`);
  }
  const [, magic, versionText, sizeText] = match;
  const body = bytes.subarray(lineEnd + 1);
  if (body.length !== Number(sizeText)) {
    const offset = Math.min(bytes.length, lineEnd + 1 + Number(sizeText));
    throw corrupted(file, offset, `${body.length} bytes follow the first line, not ${sizeText}`);
  }
  const version = Number(versionText);
  if (headerOf(magic, version, body) !== line) {
    throw corrupted(file, lineEnd + 1, "the checksum does not match");
  }
  if (version < 1 || version > format.version) {
    const message =
      `${file} has version ${version} of the format; this Oxbow reads up to ${format.version}. ` +
      `Use the version of Oxbow that wrote it, or a newer one.`;
    throw oxbowError("METADATA_VERSION_UNSUPPORTED", message, { file, version });
  }
  try {
    return { version, value: fromPlainJson(JSON.parse(Buffer.from(body).toString("utf8"))) };
  } catch (error) {
    throw corrupted(file, lineEnd + 1, "the text is not the JSON that we write", error);
  }
}

/** The error of a file whose bytes are not what was written. */
export function corrupted(
  file: string,
  offset: number,
  reason: string,
  cause?: unknown,
): OxbowError {
  const message = `${file} is damaged at byte ${offset}: ${reason}.`;
  return oxbowError("METADATA_CORRUPTED", message, { file, offset, reason }, cause);
}

function headerOf(magic: string, version: number, body: Uint8Array): string {
  const checked = `${magic} ${version} ${body.length}`;
  const checksum = crc32(body, crc32(checked)).toString(16).padStart(8, "0");
  return `${checked} ${checksum}\n`;
}
