/*
 * Arrays of known length. An array that grows is copied several times on its way to a batch's
 * length, and `new Array(length)` has holes, for which every later reader checks; a copy of a
 * full array has neither cost.
 */

/** Longest array that is copied from a template; longer ones grow to their length. */
const TEMPLATE_COUNT = 2048;
const TEMPLATE: readonly undefined[] = Array.from({ length: TEMPLATE_COUNT }, () => undefined);

/** An array of `count` elements, each to be set by the caller. */
export function presized<T>(count: number): T[] {
  if (count <= TEMPLATE_COUNT) return TEMPLATE.slice(0, count) as unknown[] as T[];
  const grown: unknown[] = TEMPLATE.slice();
  while (grown.length < count) grown.push(undefined);
  return grown as T[];
}
