/** Tools for testing jobs and operators. */
export { fromWire, toWire } from "./errors.ts";
export type { WireError } from "./errors.ts";
