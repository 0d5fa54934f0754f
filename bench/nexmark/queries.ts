/*
 * All queries by name. Left out: q6 (Flink's SQL cannot express it), q9 (as q4 and q19), q10 (a
 * file sink), q14 to q16, q21 to q23 (SQL functions).
 */
import { q13, q20, q3, q4 } from "./join-queries.ts";
import type { Query } from "./query.ts";
import { q17, q18, q19 } from "./running-queries.ts";
import { q0, q1, q2 } from "./stateless-queries.ts";
import { q11, q12, q12e, q5, q7, q8 } from "./window-queries.ts";

export const QUERIES = {
  q0,
  q1,
  q2,
  q3,
  q4,
  q5,
  q7,
  q8,
  q11,
  q12,
  q12e,
  q13,
  q17,
  q18,
  q19,
  q20,
} as const;

export type QueryName = keyof typeof QUERIES;

/** A query whose results nobody looks into; QUERIES has their types. */
export function queryOf(name: string): Query<unknown> | undefined {
  return (QUERIES as Readonly<Record<string, unknown>>)[name] as Query<unknown> | undefined;
}
