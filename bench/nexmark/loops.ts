/*
 * The queries by hand, without a framework, checkpoints or more than one thread: the limit. A loop
 * is given batches of events, and undefined at the end; state is in `Map`s; results go to
 * `results.take`. Nothing is late, since events come in order of time: a window is over when an
 * event of a later one comes.
 */
import type { Auction, Bid, NexmarkEvent, Person } from "./events.ts";
import { SIDE_COUNT } from "./reference.ts";
import { results } from "./results.ts";

/** Takes a batch; undefined is the end. */
export type Loop = (batch: readonly NexmarkEvent[] | undefined) => void;

/** The loop of a query, fresh. */
export function loopOf(query: string): Loop {
  const make = (LOOPS as Readonly<Record<string, (() => Loop) | undefined>>)[query];
  if (make === undefined) throw new Error(`There is no loop for "${query}".`);
  return make();
}

/** What is done with each bid, and at the end. */
function bidLoop(take: (bid: Bid) => void, end: () => void = () => undefined): Loop {
  return (batch) => {
    if (batch === undefined) end();
    else for (const event of batch) if (event.kind === "bid") take(event);
  };
}

const LOOPS = {
  q0: () => bidLoop((bid) => results.take(bid)),
  q1: () =>
    bidLoop(({ auction, bidder, price, at }) =>
      results.take({ auction, bidder, price: Math.floor((price * 908) / 1000), at }),
    ),
  q2: () =>
    bidLoop(({ auction, price }) => {
      if (auction % 123 === 0) results.take({ auction, price });
    }),
  q3: localSellers,
  q4: categoryAverages,
  q5: hotItems,
  q7: dearestBids,
  q8: newSellers,
  q11: sessions,
  q12: () => bidsPerWindow(() => Date.now()),
  q12e: () => bidsPerWindow(({ at }) => at),
  q13: withValues,
  q17: bidsPerDay,
  q18: lastBids,
  q19: dearestOfAuctions,
  q20: bidsWithAuctions,
} as const;

function localSellers(): Loop {
  const persons = new Map<number, Person>();
  const waiting = new Map<number, number[]>();
  const sell = ({ name, city, state }: Person, auction: number): void =>
    results.take({ name, city, state, auction });
  return (batch = []) => {
    for (const event of batch) {
      if (event.kind === "auction" && event.category === 10) {
        const person = persons.get(event.seller);
        if (person !== undefined) sell(person, event.id);
        else put(waiting, event.seller, event.id);
      } else if (event.kind === "person" && isLocal(event)) {
        persons.set(event.id, event);
        for (const auction of waiting.get(event.id) ?? []) sell(event, auction);
        waiting.delete(event.id);
      }
    }
  };
}

function isLocal({ state }: Person): boolean {
  return state === "OR" || state === "ID" || state === "CA";
}

function put<V>(lists: Map<number, V[]>, key: number, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function categoryAverages(): Loop {
  const open = new Map<number, { auction: Auction; best: number }>();
  const early = new Map<number, Bid[]>();
  const byEnd = new Map<number, number[]>();
  const totals = new Map<number, { sum: number; count: number }>();
  let time = -Infinity;
  const close = (until: number): void => {
    for (let end = Math.max(time, until - 60_000); end < until; end++) {
      for (const id of byEnd.get(end) ?? []) {
        const { auction, best } = open.get(id)!;
        open.delete(id);
        if (best === 0) continue;
        const total = totals.get(auction.category) ?? { sum: 0, count: 0 };
        totals.set(auction.category, total);
        total.sum += best;
        total.count += 1;
        results.take({ category: auction.category, price: total.sum / total.count });
      }
      byEnd.delete(end);
    }
    time = until;
  };
  return (batch) => {
    if (batch === undefined) close(Math.max(time, ...byEnd.keys()) + 1);
    for (const event of batch ?? []) {
      if (event.kind === "person") continue;
      if (event.at > time) close(event.at);
      if (event.kind === "auction") {
        const bids = early.get(event.id) ?? [];
        early.delete(event.id);
        open.set(event.id, { auction: event, best: Math.max(0, ...inTime(bids, event)) });
        put(byEnd, event.expires, event.id);
      } else {
        const found = open.get(event.auction);
        if (found === undefined) put(early, event.auction, event);
        else if (event.at <= found.auction.expires && event.price > found.best) {
          found.best = event.price;
        }
      }
    }
  };
}

function inTime(bids: readonly Bid[], { at, expires }: Auction): number[] {
  return bids.filter((bid) => bid.at >= at && bid.at <= expires).map(({ price }) => price);
}

const SLIDE_MS = 2_000;
const PANES_COUNT = 5;

/** Counts per pane of 2 s; five of them are a window. */
function hotItems(): Loop {
  let panes: Map<number, number>[] = [];
  let paneEnd = -Infinity;
  const fire = (): void => {
    const counts = new Map<number, number>();
    for (const pane of panes) {
      for (const [auction, count] of pane) counts.set(auction, (counts.get(auction) ?? 0) + count);
    }
    let most = 0;
    for (const count of counts.values()) if (count > most) most = count;
    for (const [auction, count] of counts) {
      if (count !== most) continue;
      results.take({ start: paneEnd - PANES_COUNT * SLIDE_MS, end: paneEnd, auction, count });
    }
  };
  const turn = (): void => {
    fire();
    panes = [...panes, new Map<number, number>()].slice(-PANES_COUNT);
    paneEnd += SLIDE_MS;
  };
  return bidLoop(
    ({ auction, at }) => {
      if (panes.length === 0) {
        panes = [new Map<number, number>()];
        paneEnd = at - (at % SLIDE_MS) + SLIDE_MS;
      }
      while (at >= paneEnd) turn();
      const pane = panes[panes.length - 1];
      pane.set(auction, (pane.get(auction) ?? 0) + 1);
    },
    () => panes.forEach(turn),
  );
}

const WINDOW_MS = 10_000;

function dearestBids(): Loop {
  let end = -Infinity;
  let best: Bid[] = [];
  const fire = (): void => {
    for (const { auction, bidder, price, at } of best) {
      results.take({ end, auction, bidder, price, at });
    }
  };
  return bidLoop((bid) => {
    if (bid.at >= end) {
      fire();
      end = bid.at - (bid.at % WINDOW_MS) + WINDOW_MS;
      best = [bid];
    } else if (bid.price > best[0].price) best = [bid];
    else if (bid.price === best[0].price) best.push(bid);
  }, fire);
}

function newSellers(): Loop {
  let persons = new Map<number, Person>();
  let sellers = new Set<number>();
  let end = -Infinity;
  const fire = (): void => {
    for (const { id, name } of persons.values()) {
      if (sellers.has(id)) results.take({ id, name, start: end - WINDOW_MS });
    }
    persons = new Map();
    sellers = new Set();
  };
  return (batch) => {
    if (batch === undefined) fire();
    for (const event of batch ?? []) {
      if (event.at >= end) {
        fire();
        end = event.at - (event.at % WINDOW_MS) + WINDOW_MS;
      }
      if (event.kind === "person") persons.set(event.id, event);
      else if (event.kind === "auction") sellers.add(event.seller);
    }
  };
}

/** Sessions that have ended are looked for once in a gap. */
function sessions(): Loop {
  const open = new Map<number, { bids: number; start: number; last: number }>();
  let lookedAt = -Infinity;
  const close = (
    key: number,
    { bids, start, last }: { bids: number; start: number; last: number },
  ): void => results.take({ key, bids, window: { start, end: last + WINDOW_MS } });
  return bidLoop(
    ({ bidder, at }) => {
      const found = open.get(bidder);
      if (found === undefined) open.set(bidder, { bids: 1, start: at, last: at });
      else if (at - found.last > WINDOW_MS) {
        close(bidder, found);
        open.set(bidder, { bids: 1, start: at, last: at });
      } else {
        found.bids += 1;
        found.last = at;
      }
      if (at - lookedAt < WINDOW_MS) return;
      lookedAt = at;
      for (const [key, session] of open) {
        if (at - session.last <= WINDOW_MS) continue;
        close(key, session);
        open.delete(key);
      }
    },
    () => open.forEach((session, key) => close(key, session)),
  );
}

function bidsPerWindow(timeOf: (bid: Bid) => number): Loop {
  let counts = new Map<number, number>();
  let end = -Infinity;
  const fire = (): void => {
    for (const [key, bids] of counts) {
      results.take({ key, bids, window: { start: end - WINDOW_MS, end } });
    }
    counts = new Map();
  };
  return bidLoop((bid) => {
    const time = timeOf(bid);
    if (time >= end) {
      fire();
      end = time - (time % WINDOW_MS) + WINDOW_MS;
    }
    counts.set(bid.bidder, (counts.get(bid.bidder) ?? 0) + 1);
  }, fire);
}

const DAY_MS = 86_400_000;

function bidsPerDay(): Loop {
  const days = new Map<
    number,
    Record<"low" | "middle" | "high" | "total" | "least" | "most" | "sum", number>
  >();
  return bidLoop(({ auction, price, at }) => {
    const key = auction * 65_536 + Math.floor(at / DAY_MS);
    let day = days.get(key);
    if (day === undefined) {
      day = { low: 0, middle: 0, high: 0, total: 0, least: price, most: price, sum: 0 };
      days.set(key, day);
    }
    day.total += 1;
    if (price < 10_000) day.low += 1;
    else if (price < 1_000_000) day.middle += 1;
    else day.high += 1;
    if (price < day.least) day.least = price;
    if (price > day.most) day.most = price;
    day.sum += price;
    results.take({ key, ...day, average: day.sum / day.total });
  });
}

function withValues(): Loop {
  const values = new Map<number, string>();
  for (let key = 0; key < SIDE_COUNT; key++) values.set(key, `side-${key}`);
  return bidLoop(({ auction, bidder, price, at }) =>
    results.take({ auction, bidder, price, at, value: values.get(auction % SIDE_COUNT) }),
  );
}

/** Events come in order of time, so each bid is the last so far. */
function lastBids(): Loop {
  const last = new Map<number, Bid>();
  return bidLoop((bid) => {
    last.set(bid.auction * 2 ** 26 + bid.bidder, bid);
    results.take({ auction: bid.auction, bidder: bid.bidder, price: bid.price, at: bid.at });
  });
}

const TOP_COUNT = 10;

function dearestOfAuctions(): Loop {
  const tops = new Map<number, { bidder: number; price: number }[]>();
  return bidLoop(({ auction, bidder, price }) => {
    let top = tops.get(auction);
    if (top === undefined) tops.set(auction, (top = []));
    if (top.length === TOP_COUNT && price <= top[TOP_COUNT - 1].price) return;
    const record = { bidder, price };
    let at = top.length;
    while (at > 0 && top[at - 1].price < price) at -= 1;
    top.splice(at, 0, record);
    if (top.length > TOP_COUNT) top.pop();
    for (let rank = at; rank < top.length; rank++) {
      results.take({ key: auction, rank: rank + 1, record: top[rank] });
    }
  });
}

function bidsWithAuctions(): Loop {
  const auctions = new Map<number, Auction>();
  const waiting = new Map<number, Bid[]>();
  const match = ({ auction, bidder, price, at }: Bid, { seller, category }: Auction): void =>
    results.take({ auction, bidder, price, at, seller, category });
  return (batch = []) => {
    for (const event of batch) {
      if (event.kind === "bid") {
        const auction = auctions.get(event.auction);
        if (auction !== undefined) match(event, auction);
        else put(waiting, event.auction, event);
      } else if (event.kind === "auction" && event.category === 10) {
        auctions.set(event.id, event);
        for (const bid of waiting.get(event.id) ?? []) match(bid, event);
        waiting.delete(event.id);
      }
    }
  };
}
