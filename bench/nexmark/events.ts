/*
 * Nexmark's events: an online auction house of persons, auctions and bids, in the proportions
 * 1 : 3 : 46. Event n is a function of n alone.
 *
 * After the generator of nexmark/nexmark, with these differences:
 *   - Random numbers are 32-bit arithmetic on the event's number, the same in every language
 *     (`bench/peers/flink` has the port, which tests compare); the original is not seeded.
 *   - The bidder's offset is added once. The original adds it twice, so that most bidders are no
 *     persons.
 *   - Strings are taken from tables that are made once, so that making them is no part of what is
 *     measured. Their mean sizes are those of the original: 200, 500 and about 170 bytes an event.
 *   - Event time begins at `BASE_TIME` and goes at 100,000 events per second (the rate of version 2
 *     of the benchmark), so that windows of ten seconds fire often.
 */

/** Event time of event 0: 2015-07-15T00:00:00Z. */
export const BASE_TIME = 1_436_918_400_000;
/** Events per millisecond of event time. */
export const EVENTS_PER_MS = 100;

export interface Person {
  readonly kind: "person";
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly creditCard: string;
  readonly city: string;
  readonly state: string;
  /** Event time, ms. */
  readonly at: number;
  readonly extra: string;
}

export interface Auction {
  readonly kind: "auction";
  readonly id: number;
  readonly item: string;
  readonly description: string;
  readonly initialBid: number;
  readonly reserve: number;
  /** Event time, ms. */
  readonly at: number;
  /** End of the auction, event time, ms. */
  readonly expires: number;
  readonly seller: number;
  readonly category: number;
  readonly extra: string;
}

export interface Bid {
  readonly kind: "bid";
  readonly auction: number;
  readonly bidder: number;
  /** In cents. */
  readonly price: number;
  readonly channel: string;
  readonly url: string;
  /** Event time, ms. */
  readonly at: number;
  readonly extra: string;
}

export type NexmarkEvent = Person | Auction | Bid;

const EVENTS_PER_EPOCH = 50;
const AUCTIONS_PER_EPOCH = 3;
const FIRST_ID = 1000;
const FIRST_CATEGORY = 10;
const CATEGORIES_COUNT = 5;
/** Auctions that bids are made on, and persons who do something, at a time. */
const ACTIVE_AUCTIONS_COUNT = 100;
const ACTIVE_PERSONS_COUNT = 1000;
/** Ids that are referred to before they exist. */
const LEAD_COUNT = 10;
/** A hot id is the last multiple of it. */
const HOT_STEP = 100;
const SEED = 0x0ab0e;

/** Scrambles the bits of a 32-bit number. */
function mix(bits: number): number {
  let x = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** The draw after `bits`: each event takes a few, one from the other. */
function next(bits: number): number {
  return mix((bits + 0x9e3779b9) | 0);
}

/** A draw as a number in [0, bound). */
function below(bits: number, bound: number): number {
  return Math.floor(((bits >>> 0) * bound) / 0x1_0000_0000);
}

/** Event `n`. */
export function eventOf(n: number): NexmarkEvent {
  const epoch = Math.floor(n / EVENTS_PER_EPOCH);
  const offset = n - epoch * EVENTS_PER_EPOCH;
  const at = BASE_TIME + Math.floor(n / EVENTS_PER_MS);
  const bits = mix((n + SEED) | 0);
  if (offset === 0) return personOf(epoch, at, bits);
  if (offset <= AUCTIONS_PER_EPOCH) {
    return auctionOf({ index: epoch * AUCTIONS_PER_EPOCH + offset - 1, epoch, at, n }, bits);
  }
  return bidOf(epoch, at, bits);
}

function personOf(epoch: number, at: number, bits: number): Person {
  const r1 = next(bits);
  const r2 = next(r1);
  const city = r1 & 15;
  return {
    kind: "person",
    id: FIRST_ID + epoch,
    name: NAMES[bits & 1023],
    email: EMAILS[(bits >>> 10) & 1023],
    creditCard: CREDIT_CARDS[(bits >>> 20) & 1023],
    city: CITIES[city % CITIES.length],
    state: STATES[below(r2, STATES.length)],
    at,
    extra: PERSON_EXTRAS[(r1 >>> 4) & 255],
  };
}

interface AuctionPlace {
  /** Auctions before it. */
  readonly index: number;
  readonly epoch: number;
  readonly at: number;
  readonly n: number;
}

function auctionOf({ index, epoch, at, n }: AuctionPlace, bits: number): Auction {
  const r1 = next(bits);
  const r2 = next(r1);
  const r3 = next(r2);
  const r4 = next(r3);
  const isHot = (bits & 3) > 0;
  const seller = isHot ? Math.floor(epoch / HOT_STEP) * HOT_STEP : activePerson(epoch, r1);
  const initialBid = priceOf(r2);
  // Twice the time in which as many auctions appear as are active.
  const ahead = Math.floor((ACTIVE_AUCTIONS_COUNT * EVENTS_PER_EPOCH) / AUCTIONS_PER_EPOCH);
  const horizonMs = BASE_TIME + Math.floor((n + ahead) / EVENTS_PER_MS) - at;
  return {
    kind: "auction",
    id: FIRST_ID + index,
    item: ITEMS[(bits >>> 2) & 1023],
    description: DESCRIPTIONS[(bits >>> 12) & 255],
    initialBid,
    reserve: initialBid + priceOf(r3),
    at,
    expires: at + 1 + below(r4, Math.max(horizonMs * 2, 1)),
    seller: FIRST_ID + seller,
    category: FIRST_CATEGORY + ((r1 >>> 20) % CATEGORIES_COUNT),
    extra: AUCTION_EXTRAS[(bits >>> 20) & 255],
  };
}

function bidOf(epoch: number, at: number, bits: number): Bid {
  const r1 = next(bits);
  const r2 = next(r1);
  const r3 = next(r2);
  // The last auction: all of this epoch's came before the first bid.
  const last = epoch * AUCTIONS_PER_EPOCH + AUCTIONS_PER_EPOCH - 1;
  const isHotAuction = (bits & 1) > 0;
  const auction = isHotAuction ? Math.floor(last / HOT_STEP) * HOT_STEP : activeAuction(last, r1);
  const isHotBidder = (bits & 6) > 0;
  const bidder = isHotBidder
    ? Math.floor(epoch / HOT_STEP) * HOT_STEP + 1
    : activePerson(epoch, r2);
  const isHotChannel = (bits & 8) > 0;
  const channel = isHotChannel ? (bits >>> 4) & 3 : 4 + ((bits >>> 4) % CHANNELS_COUNT);
  return {
    kind: "bid",
    auction: FIRST_ID + auction,
    bidder: FIRST_ID + bidder,
    price: priceOf(r3),
    channel: CHANNELS[channel],
    url: URLS[channel],
    at,
    extra: BID_EXTRAS[(r3 >>> 24) & 255],
  };
}

/** One of the last persons, or one that is to come. */
function activePerson(last: number, bits: number): number {
  const count = last + 1;
  const active = Math.min(count, ACTIVE_PERSONS_COUNT);
  return count - active + below(bits, active + LEAD_COUNT);
}

/** One of the last auctions, or one that is to come. */
function activeAuction(last: number, bits: number): number {
  const first = Math.max(last - ACTIVE_AUCTIONS_COUNT, 0);
  return first + below(bits, last - first + 1 + LEAD_COUNT);
}

const PRICE_STEPS = 1024;
/** 10 to the power of 6 / 1024. */
const PRICE_FACTOR = 1.013583242534;
/** From 100 cents to a million dollars, each a little more than the one before. */
const PRICES = pricesOf();

function pricesOf(): Float64Array {
  const prices = new Float64Array(PRICE_STEPS + 1);
  let price = 100;
  for (let step = 0; step <= PRICE_STEPS; step++) {
    prices[step] = price;
    price *= PRICE_FACTOR;
  }
  return prices;
}

/** Log-uniform: as many around a dollar as around a hundred thousand. */
function priceOf(bits: number): number {
  const step = bits >>> 22;
  const low = PRICES[step];
  return Math.floor(low + ((PRICES[step + 1] - low) * (bits & 0xfffff)) / 0x100000);
}

const STATES = ["AZ", "CA", "ID", "OR", "WA", "WY"];
const CITIES = [
  "Phoenix",
  "Los Angeles",
  "San Francisco",
  "Boise",
  "Portland",
  "Bend",
  "Redmond",
  "Seattle",
  "Kent",
  "Cheyenne",
];
const HOT_CHANNELS = ["Google", "Facebook", "Baidu", "Apple"];
const CHANNELS_COUNT = 10_000;
const CHANNELS = [
  ...HOT_CHANNELS,
  ...Array.from({ length: CHANNELS_COUNT }, (_, index) => flat(`channel-${index}`)),
];
const URLS = CHANNELS.map((_, index) => {
  const path = `${text(index, 100, 5)}/${text(index, 101, 5)}`;
  // Nine of ten tell their channel.
  const channel = index % 10 === 9 ? "" : `&channel_id=${below(mix(index), 1 << 30)}`;
  return flat(`https://www.nexmark.com/${path}/item.htm?query=1${channel}`);
});
const NAMES = texts(1, 1024, 13);
const EMAILS = texts(2, 1024, 12).map((name) => flat(`${name}@example.com`));
const CREDIT_CARDS = texts(3, 1024, 19);
const PERSON_EXTRAS = texts(4, 256, 110);
const ITEMS = texts(5, 1024, 20);
const DESCRIPTIONS = texts(6, 256, 100);
const AUCTION_EXTRAS = texts(7, 256, 300);
const BID_EXTRAS = texts(8, 256, 60);

/** Different strings of about a length, up to a quarter more or less. */
function texts(table: number, count: number, length: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const spread = length >> 2;
    const bits = mix((Math.imul(table, 0x9e3779b1) + index) | 0);
    return text(index, table, length - spread + below(bits, 2 * spread + 1));
  });
}

/** Small letters. */
function text(index: number, table: number, length: number): string {
  let bits = mix((Math.imul(table, 0x85ebca6b) + index) | 0);
  let letters = "";
  for (let at = 0; at < length; at++) {
    bits = next(bits);
    letters += String.fromCharCode(97 + below(bits, 26));
  }
  return flat(letters);
}

/** In one piece: what was put together would be joined in the middle of a measurement. */
function flat(letters: string): string {
  return Buffer.from(letters, "latin1").toString("latin1");
}
