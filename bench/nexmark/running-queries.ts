/*
 * The queries whose results are replaced by later ones: q17, q18, q19.
 */
import { avg, count, max, min, sum, t } from "oxbow";
import type { Bid } from "./events.ts";
import { isBid, query } from "./query.ts";

const DAY_MS = 86_400_000;
/** Days of an auction in one key; more than there are until the year 2100. */
const DAYS_COUNT = 65_536;

/** 1 if a bid's price lies in a range, for sums. */
function within(from: number, end: number): (bid: Pick<Bid, "price">) => number {
  return ({ price }) => (price >= from && price < end ? 1 : 0);
}

export const q17 = query({
  title: "bids of an auction, per day",
  build: (events) =>
    events
      .filter(isBid)
      .map(({ auction, price, at }) => ({ auction, price, day: Math.floor(at / DAY_MS) }))
      .keyBy(({ auction, day }) => auction * DAYS_COUNT + day, t.int64)
      .aggregate("bids-per-day", {
        total: count(),
        low: sum(within(0, 10_000)),
        middle: sum(within(10_000, 1_000_000)),
        high: sum(within(1_000_000, Infinity)),
        least: min("price"),
        most: max("price"),
        average: avg("price"),
        sum: sum("price"),
      }),
  fields: ({ key, ...day }) => [
    Math.floor(key / DAYS_COUNT),
    key % DAYS_COUNT,
    day.total,
    day.low,
    day.middle,
    day.high,
    day.least ?? 0,
    day.most ?? 0,
    Math.floor(day.average ?? 0),
    day.sum,
  ],
});

/** Bidders of an auction in one key: ids stay below. */
const BIDDERS_COUNT = 2 ** 26;

export const q18 = query({
  title: "the last bid of each bidder on each auction",
  build: (events) =>
    events
      .filter(isBid)
      .map(({ auction, bidder, price, at }) => ({ auction, bidder, price, at }))
      .keyBy(({ auction, bidder }) => auction * BIDDERS_COUNT + bidder, t.int64)
      .deduplicate("last-bids", { keep: "last" }),
  fields: (bid) => [bid.auction, bid.bidder, bid.price, bid.at],
});

export const q19 = query({
  title: "the ten dearest bids of each auction",
  build: (events) =>
    events
      .filter(isBid)
      .map(({ auction, bidder, price }) => ({ auction, bidder, price }), {
        type: t.struct({ auction: t.int32, bidder: t.int32, price: t.int32 }),
      })
      .keyBy("auction")
      .topN("dearest-of-auction", { n: 10, by: "price" }),
  fields: ({ key, rank, record }) => [key, rank, record.price, record.bidder],
});
