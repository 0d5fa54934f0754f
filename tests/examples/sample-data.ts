/*
 * What examples may take for granted: types and records of a flight board, a shop and a web page.
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Infer } from "oxbow";
import { t } from "oxbow";

const ROOT = path.resolve(import.meta.dirname, "../..");

export const Flight = t.struct({
  origin: t.string,
  destination: t.string,
  delay: t.optional(t.int32),
  departedAt: t.timestamp,
});
export type Flight = Infer<typeof Flight>;

export const Order = t.struct({
  id: t.int32,
  customer: t.string,
  product: t.string,
  amount: t.int32,
  at: t.timestamp,
});
export type Order = Infer<typeof Order>;

export const Click = t.struct({ user: t.string, page: t.string, at: t.timestamp });
export type Click = Infer<typeof Click>;

export const Payment = t.struct({ order: t.int32, paid: t.int32, at: t.timestamp });
export type Payment = Infer<typeof Payment>;

const MINUTE_MS = 60_000;
const COUNT = 600;

function some<T>(make: (index: number) => T): readonly T[] {
  return Array.from({ length: COUNT }, (_, index) => make(index));
}

const AIRPORTS = ["BOS", "JFK", "ORD", "SEA"];
const airport = (index: number): string => AIRPORTS[index % AIRPORTS.length] ?? "";

export const FLIGHTS: readonly Flight[] = some((index) => ({
  origin: airport(index),
  destination: airport(index + 1 + (index % 3)),
  ...(index % 10 === 9 ? {} : { delay: ((index * 37) % 90) - 10 }),
  departedAt: index * MINUTE_MS,
}));

export const ORDERS: readonly Order[] = some((index) => ({
  id: index,
  customer: `customer-${index % 7}`,
  product: `product-${index % 5}`,
  amount: 5 + ((index * 13) % 200),
  at: index * MINUTE_MS,
}));

export const CLICKS: readonly Click[] = some((index) => ({
  user: `user-${index % 9}`,
  page: `/page-${index % 4}`,
  at: index * MINUTE_MS + (index % 50 < 25 ? 0 : 40 * MINUTE_MS),
}));

export const PAYMENTS: readonly Payment[] = ORDERS.filter(({ id }) => id % 5 !== 0).map(
  ({ id, amount, at }) => ({
    order: id,
    paid: amount,
    at: at + 2 * MINUTE_MS,
  }),
);

/** Writes the files that examples read below `directory`. */
export function writeSampleFiles(directory: string): void {
  for (const folder of ["data/flights", "orders"]) {
    mkdirSync(path.join(directory, folder), { recursive: true });
  }
  const lines = (records: readonly object[]): string =>
    records.map((record) => `${JSON.stringify(record)}\n`).join("");
  writeFileSync(path.join(directory, "data/flights/2001-01.jsonl"), lines(FLIGHTS));
  writeFileSync(path.join(directory, "orders/orders.jsonl"), lines(ORDERS));
  const rows = FLIGHTS.map(({ origin, delay }) => `${origin};${delay ?? ""}\n`);
  writeFileSync(path.join(directory, "data/delays.csv"), `origin;delay\n${rows.join("")}`);
  symlinkSync(
    path.join(ROOT, "node_modules/vega-datasets/data/flights-3m.parquet"),
    path.join(directory, "data/flights.parquet"),
  );
}
