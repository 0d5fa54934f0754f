/*
 * nearest-name: what a name that does not exist was probably meant to be, for messages.
 */

/** Names longer than this are compared by their beginning only. */
const COMPARED_LENGTH_MAX = 64;
/** Names that a message lists. */
const LISTED_MAX = 20;

/**
 * The name that differs from `wanted` in the fewest letters (an exchange of two neighbours counts
 * as one); undefined where none is close. Case does not count.
 */
export function nearestName(wanted: string, names: readonly string[]): string | undefined {
  const lower = comparable(wanted);
  let limit = Math.max(1, Math.floor(lower.length / 3));
  let nearest: string | undefined;
  for (const name of names) {
    const other = comparable(name);
    if (Math.abs(other.length - lower.length) > limit) continue;
    const distance = distanceOf(lower, other);
    if (distance > limit) continue;
    nearest = name;
    limit = distance - 1;
  }
  return nearest;
}

/** ` Did you mean "origin"?`, or nothing. */
export function didYouMean(wanted: string, names: readonly string[]): string {
  const nearest = nearestName(wanted, names);
  return nearest === undefined ? "" : ` Did you mean "${nearest}"?`;
}

/** The names for a message; of many only the first. */
export function listNames(names: readonly string[]): string {
  const rest = names.length - LISTED_MAX;
  const listed = names.slice(0, LISTED_MAX).join(", ");
  return rest > 0 ? `${listed} and ${rest} more` : listed;
}

function comparable(name: string): string {
  return name.slice(0, COMPARED_LENGTH_MAX).toLowerCase();
}

/** Insertions, deletions, replacements and exchanges of neighbours that make `b` of `a`. */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let least = Math.min(
        above[column] + 1,
        current[column - 1] + 1,
        above[column - 1] + (isSame ? 0 : 1),
      );
      const isExchange =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (isExchange) least = Math.min(least, before[column - 2] + 1);
      current.push(least);
    }
    before = above;
    above = current;
  }
  return above[b.length];
}
