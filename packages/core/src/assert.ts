import { oxbowError } from "./errors.ts";

/**
 * Throws `INTERNAL_INVARIANT` unless `condition` is truthy. Stays on in production: a broken
 * invariant kills the task instead of corrupting state. Pass a function where building the message
 * would cost something; on the record path only O(1), allocation-free conditions.
 */
export function assert(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) failInvariant(message);
}

/** Kept apart so that `assert` itself is small enough to be inlined everywhere. */
function failInvariant(message: string | (() => string)): never {
  throw oxbowError("INTERNAL_INVARIANT", typeof message === "string" ? message : message());
}
