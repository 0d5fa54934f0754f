package dev.oxbow.bench;

import java.util.function.IntFunction;

/**
 * Nexmark's events, a function of their number: the port of `bench/nexmark/events.ts`, which says
 * what they are. A test compares the two.
 *
 * <p>Each call of {@link #make} overwrites what the call before returned, as Flink's object reuse
 * allows, so that no garbage of the generator is measured.
 */
final class NexmarkEvents implements Maker<Event> {
  private static final long BASE_TIME = 1_436_918_400_000L;
  private static final int EVENTS_PER_MS = 100;
  private static final int EVENTS_PER_EPOCH = 50;
  private static final int AUCTIONS_PER_EPOCH = 3;
  private static final int FIRST_ID = 1000;
  private static final int FIRST_CATEGORY = 10;
  private static final int CATEGORIES_COUNT = 5;
  private static final int ACTIVE_AUCTIONS_COUNT = 100;
  private static final int ACTIVE_PERSONS_COUNT = 1000;
  private static final int LEAD_COUNT = 10;
  private static final int HOT_STEP = 100;
  private static final int SEED = 0x0ab0e;
  private static final int AHEAD =
      ACTIVE_AUCTIONS_COUNT * EVENTS_PER_EPOCH / AUCTIONS_PER_EPOCH;

  private static final int PRICE_STEPS = 1024;
  private static final double PRICE_FACTOR = 1.013583242534;
  private static final double[] PRICES = prices();

  private static final String[] STATES = {"AZ", "CA", "ID", "OR", "WA", "WY"};
  private static final String[] CITIES = {
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
  };
  private static final String[] HOT_CHANNELS = {"Google", "Facebook", "Baidu", "Apple"};
  private static final int CHANNELS_COUNT = 10_000;
  private static final String[] CHANNELS =
      table(
          HOT_CHANNELS.length + CHANNELS_COUNT,
          index -> index < 4 ? HOT_CHANNELS[index] : "channel-" + (index - 4));
  private static final String[] URLS = table(CHANNELS.length, NexmarkEvents::url);
  private static final String[] NAMES = texts(1, 1024, 13);
  private static final String[] EMAILS = emails();
  private static final String[] CREDIT_CARDS = texts(3, 1024, 19);
  private static final String[] PERSON_EXTRAS = texts(4, 256, 110);
  private static final String[] ITEMS = texts(5, 1024, 20);
  private static final String[] DESCRIPTIONS = texts(6, 256, 100);
  private static final String[] AUCTION_EXTRAS = texts(7, 256, 300);
  private static final String[] BID_EXTRAS = texts(8, 256, 60);

  private final Event event = new Event();
  private final Person person = new Person();
  private final Auction auction = new Auction();
  private final Bid bid = new Bid();

  /** Event {@code n}. */
  @Override
  public Event make(long n) {
    long epoch = n / EVENTS_PER_EPOCH;
    int offset = (int) (n - epoch * EVENTS_PER_EPOCH);
    long at = BASE_TIME + n / EVENTS_PER_MS;
    int bits = mix((int) (n + SEED));
    event.person = null;
    event.auction = null;
    event.bid = null;
    if (offset == 0) {
      event.person = personOf(epoch, at, bits);
    } else if (offset <= AUCTIONS_PER_EPOCH) {
      event.auction = auctionOf(epoch * AUCTIONS_PER_EPOCH + offset - 1, epoch, at, n, bits);
    } else {
      event.bid = bidOf(epoch, at, bits);
    }
    return event;
  }

  private Person personOf(long epoch, long at, int bits) {
    int r1 = next(bits);
    int r2 = next(r1);
    person.id = FIRST_ID + epoch;
    person.name = NAMES[bits & 1023];
    person.email = EMAILS[(bits >>> 10) & 1023];
    person.creditCard = CREDIT_CARDS[(bits >>> 20) & 1023];
    person.city = CITIES[(r1 & 15) % CITIES.length];
    person.state = STATES[(int) below(r2, STATES.length)];
    person.at = at;
    person.extra = PERSON_EXTRAS[(r1 >>> 4) & 255];
    return person;
  }

  private Auction auctionOf(long index, long epoch, long at, long n, int bits) {
    int r1 = next(bits);
    int r2 = next(r1);
    int r3 = next(r2);
    int r4 = next(r3);
    boolean isHot = (bits & 3) > 0;
    long seller = isHot ? epoch / HOT_STEP * HOT_STEP : activePerson(epoch, r1);
    long horizonMs = BASE_TIME + (n + AHEAD) / EVENTS_PER_MS - at;
    auction.id = FIRST_ID + index;
    auction.item = ITEMS[(bits >>> 2) & 1023];
    auction.description = DESCRIPTIONS[(bits >>> 12) & 255];
    auction.initialBid = priceOf(r2);
    auction.reserve = auction.initialBid + priceOf(r3);
    auction.at = at;
    auction.expires = at + 1 + below(r4, Math.max(horizonMs * 2, 1));
    auction.seller = FIRST_ID + seller;
    auction.category = FIRST_CATEGORY + (r1 >>> 20) % CATEGORIES_COUNT;
    auction.extra = AUCTION_EXTRAS[(bits >>> 20) & 255];
    return auction;
  }

  private Bid bidOf(long epoch, long at, int bits) {
    int r1 = next(bits);
    int r2 = next(r1);
    int r3 = next(r2);
    long last = epoch * AUCTIONS_PER_EPOCH + AUCTIONS_PER_EPOCH - 1;
    boolean isHotAuction = (bits & 1) > 0;
    boolean isHotBidder = (bits & 6) > 0;
    boolean isHotChannel = (bits & 8) > 0;
    int channel = isHotChannel ? (bits >>> 4) & 3 : 4 + (bits >>> 4) % CHANNELS_COUNT;
    bid.auction = FIRST_ID + (isHotAuction ? last / HOT_STEP * HOT_STEP : activeAuction(last, r1));
    bid.bidder =
        FIRST_ID + (isHotBidder ? epoch / HOT_STEP * HOT_STEP + 1 : activePerson(epoch, r2));
    bid.price = priceOf(r3);
    bid.channel = CHANNELS[channel];
    bid.url = URLS[channel];
    bid.at = at;
    bid.extra = BID_EXTRAS[(r3 >>> 24) & 255];
    return bid;
  }

  private static long activePerson(long last, int bits) {
    long count = last + 1;
    long active = Math.min(count, ACTIVE_PERSONS_COUNT);
    return count - active + below(bits, active + LEAD_COUNT);
  }

  private static long activeAuction(long last, int bits) {
    long first = Math.max(last - ACTIVE_AUCTIONS_COUNT, 0);
    return first + below(bits, last - first + 1 + LEAD_COUNT);
  }

  private static int mix(int bits) {
    int x = (bits ^ (bits >>> 16)) * 0x7feb352d;
    x = (x ^ (x >>> 15)) * 0x846ca68b;
    return x ^ (x >>> 16);
  }

  private static int next(int bits) {
    return mix(bits + 0x9e3779b9);
  }

  /** A draw as a number in [0, bound). */
  private static long below(int bits, long bound) {
    return Integer.toUnsignedLong(bits) * bound >>> 32;
  }

  private static double[] prices() {
    double[] prices = new double[PRICE_STEPS + 1];
    double price = 100;
    for (int step = 0; step <= PRICE_STEPS; step++) {
      prices[step] = price;
      price *= PRICE_FACTOR;
    }
    return prices;
  }

  private static long priceOf(int bits) {
    int step = bits >>> 22;
    double low = PRICES[step];
    return (long) (low + (PRICES[step + 1] - low) * (bits & 0xfffff) / 0x100000);
  }

  private static String url(int index) {
    String channel = index % 10 == 9 ? "" : "&channel_id=" + below(mix(index), 1 << 30);
    String path = text(index, 100, 5) + "/" + text(index, 101, 5);
    return "https://www.nexmark.com/" + path + "/item.htm?query=1" + channel;
  }

  private static String[] emails() {
    String[] names = texts(2, 1024, 12);
    return table(names.length, index -> names[index] + "@example.com");
  }

  /** Different strings of about a length, up to a quarter more or less. */
  private static String[] texts(int table, int count, int length) {
    int spread = length >> 2;
    return table(
        count,
        index -> {
          int bits = mix(table * 0x9e3779b1 + index);
          return text(index, table, length - spread + (int) below(bits, 2 * spread + 1));
        });
  }

  /** Small letters. */
  private static String text(int index, int table, int length) {
    int bits = mix(table * 0x85ebca6b + index);
    StringBuilder letters = new StringBuilder(length);
    for (int at = 0; at < length; at++) {
      bits = next(bits);
      letters.append((char) (97 + below(bits, 26)));
    }
    return letters.toString();
  }

  private static String[] table(int count, IntFunction<String> make) {
    String[] strings = new String[count];
    for (int index = 0; index < count; index++) strings[index] = make.apply(index);
    return strings;
  }
}
