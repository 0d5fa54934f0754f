/*
 * The queries with windows: q5, q7, q11, q12 and, in event time, q12e.
 */
import { aggregateFunction, count, emits, session, sliding, tumbling } from "oxbow";
import { isBid, query } from "./query.ts";

/** The auctions with the most bids of a window. Counts only come, so nothing is taken back. */
const mostBids = aggregateFunction({
  create: (): { count: number; auctions: readonly number[] } => ({ count: 0, auctions: [] }),
  add: (best, { key, bids }: { readonly key: number; readonly bids: number }) => {
    if (bids < best.count) return best;
    return bids === best.count
      ? { count: bids, auctions: [...best.auctions, key] }
      : { count: bids, auctions: [key] };
  },
  result: (best) => best,
});

interface HotItem {
  readonly start: number;
  readonly end: number;
  readonly auction: number;
  readonly count: number;
}

export const q5 = query({
  title: "hot items: the auctions with the most bids of the last 10 s, every 2 s",
  build: (events) =>
    events
      .filter(isBid)
      .map(({ auction }) => ({ auction }))
      .keyBy("auction")
      .window(sliding("10s", "2s"))
      .aggregate("bids-per-auction", { bids: count() })
      .keyBy(({ window }) => window.start)
      .window(tumbling("2s"))
      .aggregate(
        "hot-items",
        { best: mostBids },
        ({ best }, { key: start }, emit) => {
          for (const auction of best.auctions) {
            emit({ start, end: start + 10_000, auction, count: best.count });
          }
        },
        emits<HotItem>(),
      ),
  fields: (item) => [item.start, item.end, item.auction, item.count],
});

interface DearBid {
  readonly auction: number;
  readonly bidder: number;
  readonly price: number;
  readonly at: number;
}

/** The dearest bids; of equals all. */
const dearest = aggregateFunction({
  create: (): readonly DearBid[] => [],
  add: (best, bid: DearBid) => {
    const price = best.length === 0 ? -1 : best[0].price;
    if (bid.price < price) return best;
    return bid.price === price ? [...best, bid] : [bid];
  },
  result: (best) => best,
});

/** Few enough to be merged at once, more than there are subtasks. */
const LANES_COUNT = 64;

/** First in lanes, so that all subtasks take part, then the best of them. */
export const q7 = query({
  title: "the dearest bids of every 10 s",
  build: (events) =>
    events
      .filter(isBid)
      .map(({ auction, bidder, price, at }): DearBid => ({ auction, bidder, price, at }))
      .keyBy(({ auction }) => auction % LANES_COUNT)
      .window(tumbling("10s"))
      .aggregate(
        "dearest-of-lanes",
        { best: dearest },
        ({ best }, _info, emit) => {
          for (const bid of best) emit(bid);
        },
        emits<DearBid>(),
      )
      .keyBy(() => 0)
      .window(tumbling("10s"))
      .aggregate(
        "dearest-bids",
        { best: dearest },
        ({ best }, { window }, emit) => {
          for (const bid of best) emit({ end: window.end, ...bid });
        },
        emits<DearBid & { readonly end: number }>(),
      ),
  fields: (bid) => [bid.end, bid.price, bid.auction, bid.bidder, bid.at],
});

export const q11 = query({
  title: "bids per bidder and session",
  build: (events) =>
    events
      .filter(isBid)
      .map(({ bidder }) => ({ bidder }))
      .keyBy("bidder")
      .window(session("10s"))
      .aggregate("bids-per-session", { bids: count() }),
  fields: ({ key, bids, window }) => [key, bids, window.start, window.end],
});

export const q12 = query({
  title: "bids per bidder in 10 s of processing time",
  build: (events) =>
    events
      .filter(isBid)
      .map(({ bidder }) => ({ bidder }))
      .keyBy("bidder")
      .window(tumbling("10s", { time: "processing" }))
      .aggregate("bids-per-bidder", { bids: count() }),
  fields: ({ key, bids, window }) => [key, bids, window.start, window.end],
});

export const q12e = query({
  title: "bids per bidder in 10 s of event time",
  build: (events) =>
    events
      .filter(isBid)
      .map(({ bidder }) => ({ bidder }))
      .keyBy("bidder")
      .window(tumbling("10s"))
      .aggregate("bids-per-bidder", { bids: count() }),
  fields: ({ key, bids, window }) => [key, bids, window.start, window.end],
});
