/*
 * What Nexmark's queries come to on the first events: single-threaded, plain Maps, nothing clever.
 * Every contestant's output is compared with it.
 *
 * A row is its fields joined by ",". The order of rows does not count. Where a query is a stream of
 * updates, only the last row of each key does: its key is the row's first fields, of which
 * `KEY_FIELDS` tells how many. `finalRows` brings a contestant's output into the same form.
 *
 *   q0   all bids                                     auction,bidder,price,at
 *   q1   the same in another currency                 auction,bidder,price,at
 *   q2   bids on some auctions                        auction,price
 *   q3   who sells in some states                     name,city,state,auction
 *   q4   average winning price of each category       category,average
 *   q5   auctions with most bids, 10 s every 2 s      windowStart,windowEnd,auction,count
 *   q7   highest bids of each 10 s                    windowEnd,price,auction,bidder,at
 *   q8   persons who sell within their first 10 s     person,name,windowStart
 *   q11  bids of each bidder's session, gap 10 s      bidder,count,sessionStart,sessionEnd
 *   q12e bids of each bidder in 10 s of event time    bidder,count,windowStart,windowEnd
 *   q13  bids with a value from a table               auction,bidder,price,at,value
 *   q17  statistics of each auction and day           auction,day,total,rank1,rank2,rank3,min,max,
 *                                                     average,sum
 *   q18  last bid of each bidder on each auction      auction,bidder,price,at
 *   q19  ten highest bids of each auction             auction,rank,price,bidder
 *   q20  bids with their auction, category 10         auction,bidder,price,at,seller,category
 *
 * q12 is q12e in processing time, which no two runs agree on. In q7 and q5 all that tie count; in
 * q18 and q19 the order of events decides ties, of which q18 takes the last, q19 the first.
 * Averages are rounded down.
 */
import { eventOf } from "./events.ts";
import type { Auction, Bid, NexmarkEvent, Person } from "./events.ts";

/** The queries of which every run has the same result. */
export const QUERIES = [
  ...(["q0", "q1", "q2", "q3", "q4", "q5", "q7", "q8", "q11", "q12e"] as const),
  ...(["q13", "q17", "q18", "q19", "q20"] as const),
];

export type QueryName = (typeof QUERIES)[number];

/** Fields at the beginning of a row that are the key of its updates. */
const KEY_FIELDS: Readonly<Partial<Record<QueryName, number>>> = { q4: 1, q17: 2, q18: 2, q19: 2 };
/** The field that may be of either of two bids of the same ms: q18's price, q19's bidder. */
const TIED_FIELD: Readonly<Partial<Record<QueryName, number>>> = { q18: 2, q19: 3 };

const WINDOW_MS = 10_000;
const SLIDE_MS = 2_000;
const SESSION_GAP_MS = 10_000;
const DAY_MS = 86_400_000;
const Q3_STATES = new Set(["OR", "ID", "CA"]);
const CATEGORY = 10;
const TOP_COUNT = 10;
/** Rows of the table that q13 looks into. */
export const SIDE_COUNT = 10_000;

/** Whether the events come in their order, or only each part of them does; default: they do. */
export interface RowsOptions {
  readonly isOrdered?: boolean;
}

/** The rows of `query` on the first `count` events, sorted. */
export function referenceRows(query: QueryName, count: number, options?: RowsOptions): string[] {
  return finalRows(query, REFERENCES[query](count), options);
}

/**
 * The last row of each key where the query is a stream of updates, else all rows; sorted. With
 * more than one subtask events of the same ms have no order: without order, what it decides is
 * left out of the rows.
 */
export function finalRows(
  query: QueryName,
  rows: Iterable<string>,
  { isOrdered = true }: RowsOptions = {},
): string[] {
  const fields = KEY_FIELDS[query];
  const last = new Map<string, string>();
  if (fields !== undefined) {
    for (const row of rows) last.set(row.split(",", fields).join(","), row);
  }
  const final = fields === undefined ? [...rows] : [...last.values()];
  const field = isOrdered ? undefined : TIED_FIELD[query];
  if (field === undefined) return final.toSorted();
  return final.map((row) => row.split(",").toSpliced(field, 1).join(",")).toSorted();
}

type Rows = Iterable<string>;

const REFERENCES: Readonly<Record<QueryName, (count: number) => Rows>> = {
  q0,
  q1,
  q2,
  q3,
  q4,
  q5,
  q7,
  q8,
  q11,
  q12e,
  q13,
  q17,
  q18,
  q19,
  q20,
};

function* events(count: number): Generator<NexmarkEvent> {
  for (let n = 0; n < count; n++) yield eventOf(n);
}

function* bids(count: number): Generator<Bid> {
  for (const event of events(count)) if (event.kind === "bid") yield event;
}

function* auctions(count: number): Generator<Auction> {
  for (const event of events(count)) if (event.kind === "auction") yield event;
}

function* persons(count: number): Generator<Person> {
  for (const event of events(count)) if (event.kind === "person") yield event;
}

/** What `key` has in `map`, which is made if it has nothing. */
function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

function windowStart(at: number): number {
  return at - (at % WINDOW_MS);
}

function* q0(count: number): Rows {
  for (const { auction, bidder, price, at } of bids(count)) {
    yield `${auction},${bidder},${price},${at}`;
  }
}

function* q1(count: number): Rows {
  for (const { auction, bidder, price, at } of bids(count)) {
    yield `${auction},${bidder},${Math.floor((price * 908) / 1000)},${at}`;
  }
}

function* q2(count: number): Rows {
  for (const { auction, price } of bids(count)) {
    if (auction % 123 === 0) yield `${auction},${price}`;
  }
}

function* q3(count: number): Rows {
  const sellers = new Map<number, Person>();
  for (const person of persons(count)) {
    if (Q3_STATES.has(person.state)) sellers.set(person.id, person);
  }
  for (const { id, seller, category } of auctions(count)) {
    const person = category === CATEGORY ? sellers.get(seller) : undefined;
    if (person !== undefined) yield `${person.name},${person.city},${person.state},${id}`;
  }
}

function* q4(count: number): Rows {
  const open = new Map<number, Auction>();
  for (const auction of auctions(count)) open.set(auction.id, auction);
  const winning = new Map<Auction, number>();
  for (const { auction: id, price, at } of bids(count)) {
    const auction = open.get(id);
    if (auction === undefined || at < auction.at || at > auction.expires) continue;
    winning.set(auction, Math.max(winning.get(auction) ?? 0, price));
  }
  const categories = new Map<number, number[]>();
  for (const [{ category }, price] of winning) entry(categories, category, () => []).push(price);
  for (const [category, prices] of categories) {
    yield `${category},${Math.floor(prices.reduce((a, b) => a + b) / prices.length)}`;
  }
}

function* q5(count: number): Rows {
  const windows = new Map<number, Map<number, number>>();
  for (const { auction, at } of bids(count)) {
    const last = at - (at % SLIDE_MS);
    for (let start = last; start > at - WINDOW_MS; start -= SLIDE_MS) {
      const counts = entry(windows, start, () => new Map<number, number>());
      counts.set(auction, (counts.get(auction) ?? 0) + 1);
    }
  }
  for (const [start, counts] of windows) {
    const most = [...counts.values()].reduce((a, b) => Math.max(a, b));
    for (const [auction, bidsCount] of counts) {
      if (bidsCount === most) yield `${start},${start + WINDOW_MS},${auction},${bidsCount}`;
    }
  }
}

function* q7(count: number): Rows {
  const windows = new Map<number, Bid[]>();
  for (const bid of bids(count)) {
    const highest = entry(windows, windowStart(bid.at), () => [bid]);
    if (bid === highest[0] || bid.price < highest[0].price) continue;
    if (bid.price > highest[0].price) highest.length = 0;
    highest.push(bid);
  }
  for (const [start, highest] of windows) {
    for (const { price, auction, bidder, at } of highest) {
      yield `${start + WINDOW_MS},${price},${auction},${bidder},${at}`;
    }
  }
}

function* q8(count: number): Rows {
  const sellers = new Set<string>();
  for (const { seller, at } of auctions(count)) sellers.add(`${seller},${windowStart(at)}`);
  for (const { id, name, at } of persons(count)) {
    const start = windowStart(at);
    if (sellers.has(`${id},${start}`)) yield `${id},${name},${start}`;
  }
}

function* q11(count: number): Rows {
  const sessions = new Map<number, { start: number; end: number; count: number }>();
  for (const { bidder, at } of bids(count)) {
    const session = sessions.get(bidder);
    const end = at + SESSION_GAP_MS;
    if (session === undefined || at > session.end) {
      if (session !== undefined) yield sessionRow(bidder, session);
      sessions.set(bidder, { start: at, end, count: 1 });
    } else {
      session.end = end;
      session.count++;
    }
  }
  for (const [bidder, session] of sessions) yield sessionRow(bidder, session);
}

function sessionRow(
  bidder: number,
  session: { readonly start: number; readonly end: number; readonly count: number },
): string {
  return `${bidder},${session.count},${session.start},${session.end}`;
}

function* q12e(count: number): Rows {
  const windows = new Map<number, Map<number, number>>();
  for (const { bidder, at } of bids(count)) {
    const counts = entry(windows, windowStart(at), () => new Map<number, number>());
    counts.set(bidder, (counts.get(bidder) ?? 0) + 1);
  }
  for (const [start, counts] of windows) {
    for (const [bidder, bidsCount] of counts) {
      yield `${bidder},${bidsCount},${start},${start + WINDOW_MS}`;
    }
  }
}

function* q13(count: number): Rows {
  for (const { auction, bidder, price, at } of bids(count)) {
    yield `${auction},${bidder},${price},${at},side-${auction % SIDE_COUNT}`;
  }
}

function* q17(count: number): Rows {
  const prices = new Map<string, number[]>();
  for (const { auction, price, at } of bids(count)) {
    entry(prices, `${auction},${Math.floor(at / DAY_MS)}`, () => []).push(price);
  }
  for (const [key, all] of prices) {
    const cheap = all.filter((price) => price < 10_000).length;
    const dear = all.filter((price) => price >= 1_000_000).length;
    const least = all.reduce((a, b) => Math.min(a, b));
    const most = all.reduce((a, b) => Math.max(a, b));
    const sum = all.reduce((a, b) => a + b);
    const ranks = `${cheap},${all.length - cheap - dear},${dear}`;
    yield `${key},${all.length},${ranks},${least},${most},${Math.floor(sum / all.length)},${sum}`;
  }
}

/** Later rows replace earlier ones of their key, and bids come in the order of time. */
function q18(count: number): Rows {
  return q0(count);
}

function* q19(count: number): Rows {
  const tops = new Map<number, Bid[]>();
  for (const bid of bids(count)) {
    const top = entry(tops, bid.auction, () => []);
    top.push(bid);
    // Sorting is stable: of equal prices the earlier comes first.
    top.sort((a, b) => b.price - a.price);
    top.length = Math.min(top.length, TOP_COUNT);
  }
  for (const [auction, top] of tops) {
    for (const [index, { price, bidder }] of top.entries()) {
      yield `${auction},${index + 1},${price},${bidder}`;
    }
  }
}

function* q20(count: number): Rows {
  const wanted = new Map<number, Auction>();
  for (const auction of auctions(count)) {
    if (auction.category === CATEGORY) wanted.set(auction.id, auction);
  }
  for (const { auction: id, bidder, price, at } of bids(count)) {
    const auction = wanted.get(id);
    if (auction === undefined) continue;
    yield `${id},${bidder},${price},${at},${auction.seller},${auction.category}`;
  }
}
