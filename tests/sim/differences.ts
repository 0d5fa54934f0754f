/* What a sink should have and what it has, compared as multisets of records. */

/** What is missing, and what is there too often. */
export function differences(expected: readonly unknown[], found: readonly unknown[]): string[] {
  const counts = new Map<string, number>();
  for (const record of expected) add(counts, canonical(record), 1);
  for (const record of found) add(counts, canonical(record), -1);
  const wrong = [...counts].filter(([, count]) => count !== 0);
  return wrong.map(([text, count]) =>
    count > 0 ? `missing ${count} x ${text}` : `${-count} x too much ${text}`,
  );
}

function add(counts: Map<string, number>, text: string, by: number): void {
  counts.set(text, (counts.get(text) ?? 0) + by);
}

/** Text that is equal for equal records, whatever the order of their properties. */
function canonical(record: unknown): string {
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    return JSON.stringify(record);
  }
  return JSON.stringify(
    Object.entries(record).toSorted(([left], [right]) => (left < right ? -1 : 1)),
  );
}
