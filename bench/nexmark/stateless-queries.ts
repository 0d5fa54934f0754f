/*
 * The queries without state: q0, q1 and q2.
 */
import { isBid, query } from "./query.ts";

/** What the engine and the generator cost without any work. */
export const q0 = query({
  title: "all bids, as they are",
  build: (events) => events.filter(isBid),
  fields: (bid) => [bid.auction, bid.bidder, bid.price, bid.at],
});

export const q1 = query({
  title: "bids in another currency",
  build: (events) =>
    events.filter(isBid).map(({ auction, bidder, price, at }) => ({
      auction,
      bidder,
      price: Math.floor((price * 908) / 1000),
      at,
    })),
  fields: (bid) => [bid.auction, bid.bidder, bid.price, bid.at],
});

export const q2 = query({
  title: "bids on some auctions",
  build: (events) =>
    events
      .filter(isBid)
      .filter(({ auction }) => auction % 123 === 0)
      .map(({ auction, price }) => ({ auction, price })),
  fields: (bid) => [bid.auction, bid.price],
});
