/*
 * The queries with windows: q5, q7, q8, q11, q12 and, in event time, q12e.
 */
import { aggregateFunction, count, emits, session, sliding, sum, t, tumbling } from "oxbow";
import type { Infer } from "oxbow";
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
      .map(({ auction }) => ({ auction }), { type: t.struct({ auction: t.int32 }) })
      .keyBy("auction")
      .window(sliding("10s", "2s"))
      .aggregate("bids-per-auction", { bids: count() })
      .keyBy(({ window }) => window.start, t.timestamp)
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

const DearBid = t.struct({ auction: t.int32, bidder: t.int32, price: t.int32, at: t.timestamp });
type DearBid = Infer<typeof DearBid>;

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

export const q7 = query({
  title: "the dearest bids of every 10 s",
  build: (events) =>
    events
      .filter(isBid)
      .map(({ auction, bidder, price, at }) => ({ auction, bidder, price, at }), { type: DearBid })
      .keyBy(() => 0, t.int32)
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

/** A person's name, or that an id has sold something. */
const NewSeller = t.struct({ id: t.int32, name: t.optional(t.string), sales: t.int32 });
type NewSeller = Infer<typeof NewSeller>;

const nameOfPerson = aggregateFunction({
  create: () => "",
  add: (name, one: NewSeller) => one.name ?? name,
  result: (name) => name,
  type: t.string,
});

export const q8 = query({
  title: "persons who open auctions in their first window of 10 s",
  build: (events) =>
    events
      .filter((event) => event.kind !== "bid")
      .map(
        (event): NewSeller =>
          event.kind === "person"
            ? { id: event.id, name: event.name, sales: 0 }
            : { id: event.seller, name: undefined, sales: 1 },
        { type: NewSeller },
      )
      .keyBy("id")
      .window(tumbling("10s"))
      .aggregate(
        "new-sellers",
        { sales: sum("sales"), name: nameOfPerson },
        ({ sales, name }, { key, window }, emit) => {
          if (sales > 0 && name !== "") emit({ id: key, name, start: window.start });
        },
        emits<{ readonly id: number; readonly name: string; readonly start: number }>(),
      ),
  fields: ({ id, name, start }) => [id, name, start],
});

export const q11 = query({
  title: "bids per bidder and session",
  build: (events) =>
    events
      .filter(isBid)
      .map(({ bidder }) => ({ bidder }), { type: t.struct({ bidder: t.int32 }) })
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
      .map(({ bidder }) => ({ bidder }), { type: t.struct({ bidder: t.int32 }) })
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
      .map(({ bidder }) => ({ bidder }), { type: t.struct({ bidder: t.int32 }) })
      .keyBy("bidder")
      .window(tumbling("10s"))
      .aggregate("bids-per-bidder", { bids: count() }),
  fields: ({ key, bids, window }) => [key, bids, window.start, window.end],
});
