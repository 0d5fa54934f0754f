/*
 * Workloads: the records of generated sources. Keys are few and skewed; time is out of order within
 * a bound, or beyond it where records are to be late.
 */
import type { Random } from "../../packages/core/src/env/env.ts";
import { oneIn, pick } from "./draws.ts";
import type { SimRecord } from "./scenario.ts";

/**
 * First event time of every source, ms. All times are even: sessions have odd gaps, so that no
 * record comes exactly at a session's end, where it is up to the order whether the session has
 * fired.
 */
const FIRST_AT = 1_000_006;

export interface WorkloadSpec {
  readonly uid: string;
  readonly keyKind: "string" | "number";
  readonly keysCount: number;
  readonly isSkewed: boolean;
  readonly count: number;
  /** Mean distance of two records in event time, ms. */
  readonly stepMs: number;
  /** How much earlier than one before it a record may be, ms. */
  readonly disorderMs: number;
}

/** Names of keys: short, long, not Latin-1, empty. */
const NAMES = ["a", "", "key-with-a-long-name-that-fits-no-short-form", "ключ", "b", "ca", "d"];

/** A key of either kind by number. */
export function keyOf(kind: WorkloadSpec["keyKind"], index: number): string | number {
  if (kind === "number") return index * 7 - 3;
  return index < NAMES.length ? NAMES[index] : `key-${index}`;
}

/** The records of a source, in the order of its splits. */
export function makeRecords(random: Random, spec: WorkloadSpec): SimRecord[] {
  const records: SimRecord[] = [];
  let at = FIRST_AT;
  for (let index = 0; index < spec.count; index++) {
    at += 2 * random.int(spec.stepMs + 1);
    // A pause now and then, so that sessions end.
    if (oneIn(random, 17)) at += 2 * spec.stepMs * pick(random, [3, 10]);
    const drawn = random.int(spec.keysCount);
    const keyIndex = spec.isSkewed ? Math.min(drawn, random.int(spec.keysCount)) : drawn;
    records.push({
      id: `${spec.uid}-${index}`,
      key: keyOf(spec.keyKind, keyIndex),
      value: random.int(100),
      n: 1,
      at: at - 2 * random.int(Math.floor(spec.disorderMs / 2) + 1),
    });
  }
  return records;
}
