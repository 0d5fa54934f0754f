/*
 * The queries that bring two streams together by key, or a stream and a table: q3, q4, q13, q20.
 */
import { avg, emits, listState, t, valueState } from "oxbow";
import type { Auction, Bid, Person } from "./events.ts";
import { isAuction, isBid, isPerson, query } from "./query.ts";
import { SIDE_COUNT } from "./reference.ts";

type LocalSale = Pick<Person, "name" | "city" | "state"> & { readonly auction: number };

const LOCAL_STATES = new Set(["OR", "ID", "CA"]);

/** Either side may come first. A person is kept for good, auctions until their seller comes. */
export const q3 = query({
  title: "local sellers: who sells in category 10 in Oregon, Idaho or California",
  build: (events) => {
    const auctions = events
      .filter(isAuction)
      .filter(({ category }) => category === 10)
      .map(({ id, seller }) => ({ id, seller }), {
        type: t.struct({ id: t.int32, seller: t.int32 }),
      });
    const persons = events
      .filter(isPerson)
      .filter(({ state }) => LOCAL_STATES.has(state))
      .map(({ id, name, city, state }) => ({ id, name, city, state }), {
        type: t.struct({ id: t.int32, name: t.string, city: t.string, state: t.string }),
      });
    return auctions
      .keyBy("seller")
      .connect(persons.keyBy("id"))
      .process(
        "local-sellers",
        {
          state: {
            person: valueState(t.struct({ name: t.string, city: t.string, state: t.string })),
            waiting: listState(t.int32),
          },
          processFirst({ id }, { state, emit }) {
            const person = state.person.get();
            if (person === undefined) state.waiting.add(id);
            else emit({ ...person, auction: id });
          },
          processSecond({ name, city, state: home }, { state, emit }) {
            state.person.set({ name, city, state: home });
            for (const auction of state.waiting.get()) emit({ name, city, state: home, auction });
            state.waiting.clear();
          },
        },
        emits<LocalSale>(),
      );
  },
  fields: (sale) => [sale.name, sale.city, sale.state, sale.auction],
});

/** How long bids on an auction that is not there yet are kept. */
const PATIENCE_MS = 60_000;

/**
 * A bid counts from the auction's beginning to its end, both included. Bids may come before their
 * auction; one that never comes is forgotten.
 */
export const q4 = query({
  title: "average of the winning bids, per category",
  build: (events) => {
    const auctions = events
      .filter(isAuction)
      .map(({ id, category, at, expires }) => ({ id, category, at, expires }), {
        type: t.struct({ id: t.int32, category: t.int32, at: t.timestamp, expires: t.timestamp }),
      });
    const bids = events.filter(isBid).map(({ auction, price, at }) => ({ auction, price, at }), {
      type: t.struct({ auction: t.int32, price: t.int32, at: t.timestamp }),
    });
    return auctions
      .keyBy("id")
      .connect(bids.keyBy("auction"))
      .process(
        "winning-bids",
        {
          state: {
            auction: valueState(
              t.struct({ category: t.int32, at: t.timestamp, expires: t.timestamp, best: t.int32 }),
            ),
            early: listState(t.struct({ price: t.int32, at: t.timestamp })),
          },
          processFirst({ category, at, expires }, { state, timers }) {
            let best = 0;
            for (const bid of state.early.get()) {
              if (bid.at >= at && bid.at <= expires) best = Math.max(best, bid.price);
            }
            state.early.clear();
            state.auction.set({ category, at, expires, best });
            timers.registerEventTime(expires);
          },
          processSecond({ price, at }, { state, timers }) {
            const { fields } = state.auction;
            if (!state.auction.has()) {
              state.early.add({ price, at });
              timers.registerEventTime(at + PATIENCE_MS);
            } else if (at >= fields.at && at <= fields.expires && price > fields.best) {
              fields.best = price;
            }
          },
          onTimer({ timestamp }, { state, emit }) {
            const auction = state.auction.get();
            if (auction === undefined) state.early.clear();
            else if (timestamp === auction.expires) {
              if (auction.best > 0) emit({ category: auction.category, price: auction.best });
              state.auction.clear();
            }
          },
        },
        emits<{ readonly category: number; readonly price: number }>(),
      )
      .keyBy("category")
      .aggregate("category-averages", { price: avg("price") });
  },
  fields: ({ key, price }) => [key, Math.floor(price ?? 0)],
});

/** The table that q13 looks into. */
const SIDE_ROWS = Array.from({ length: SIDE_COUNT }, (_, key) => ({ key, value: `side-${key}` }));

interface BidWithValue extends Pick<Bid, "auction" | "bidder" | "price" | "at"> {
  readonly value: string;
}

export const q13 = query({
  title: "bids with a value from a table",
  build: (events) =>
    events
      .filter(isBid)
      .lookup<Bid, (typeof SIDE_ROWS)[number], BidWithValue>(
        "values",
        { table: SIDE_ROWS, key: "key", on: ({ auction }) => auction % SIDE_COUNT },
        ({ auction, bidder, price, at }, row, emit) => {
          if (row !== undefined) emit({ auction, bidder, price, at, value: row.value });
        },
      ),
  fields: (bid) => [bid.auction, bid.bidder, bid.price, bid.at, bid.value],
});

type BidWithAuction = Pick<Bid, "auction" | "bidder" | "price" | "at"> &
  Pick<Auction, "seller" | "category">;

/** Either side may come first; both are kept for good. */
export const q20 = query({
  title: "bids with their auctions, in category 10",
  build: (events) => {
    const auctions = events
      .filter(isAuction)
      .filter(({ category }) => category === 10)
      .map(({ id, seller, category }) => ({ id, seller, category }), {
        type: t.struct({ id: t.int32, seller: t.int32, category: t.int32 }),
      });
    const bids = events
      .filter(isBid)
      .map(({ auction, bidder, price, at }) => ({ auction, bidder, price, at }), {
        type: t.struct({ auction: t.int32, bidder: t.int32, price: t.int32, at: t.timestamp }),
      });
    return bids
      .keyBy("auction")
      .connect(auctions.keyBy("id"))
      .process(
        "bids-with-auctions",
        {
          state: {
            auction: valueState(t.struct({ seller: t.int32, category: t.int32 })),
            waiting: listState(t.struct({ bidder: t.int32, price: t.int32, at: t.timestamp })),
          },
          processFirst({ auction, bidder, price, at }, { state, emit }) {
            const found = state.auction.get();
            if (found === undefined) state.waiting.add({ bidder, price, at });
            else emit({ auction, bidder, price, at, ...found });
          },
          processSecond({ id, seller, category }, { state, emit }) {
            state.auction.set({ seller, category });
            for (const bid of state.waiting.get()) emit({ auction: id, ...bid, seller, category });
            state.waiting.clear();
          },
        },
        emits<BidWithAuction>(),
      );
  },
  fields: (bid) => [bid.auction, bid.bidder, bid.price, bid.at, bid.seller, bid.category],
});
