/**
 * Freezes plain data with all that is in it, and returns it; bytes, which cannot be frozen, stay as
 * they are. What is frozen already is taken to be so deeply.
 */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (ArrayBuffer.isView(value)) return value;
  Object.freeze(value);
  if (value instanceof Map) for (const item of value.values()) freezeDeep(item);
  else for (const item of Object.values(value)) freezeDeep(item);
  return value;
}

/** Objects of which nothing can change any more. */
const WHOLLY_FROZEN = new WeakSet<object>();
/** The one of them that was asked for last: an accumulator stays the same for many records. */
let lastFound: object | undefined;

/**
 * Freezes plain objects and arrays with all that is in them, and keeps in mind those in which
 * nothing else is: bytes, a Map or an object of a class can be changed all the same. `value` has no
 * cycles. Returns whether nothing in it can change.
 */
export function freezeWholly(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value !== "function";
  if (WHOLLY_FROZEN.has(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return false;
  Object.freeze(value);
  let isWhole = true;
  for (const item of Object.values(value)) isWhole = freezeWholly(item) && isWhole;
  if (isWhole) WHOLLY_FROZEN.add(value);
  return isWhole;
}

/** Whether `freezeWholly` has found that nothing in it can change; true of what is no object. */
export function isWhollyFrozen(value: unknown): boolean {
  if (typeof value !== "object" || value === null || value === lastFound) return true;
  if (!WHOLLY_FROZEN.has(value)) return false;
  lastFound = value;
  return true;
}
