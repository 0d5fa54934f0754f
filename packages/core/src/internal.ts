/** For the sibling packages of Oxbow only; no stability promise. */
export { assert } from "./assert.ts";
export { ERRORS, fromWire, oxbowError, toWire } from "./errors.ts";
export type { WireError } from "./errors.ts";
