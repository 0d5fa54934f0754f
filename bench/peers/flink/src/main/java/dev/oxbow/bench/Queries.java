package dev.oxbow.bench;

import java.time.Duration;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.api.java.tuple.Tuple5;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingProcessingTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;

/**
 * The queries of Nexmark, which `bench/nexmark/reference.ts` describes with their rows. Before a
 * record goes to another task it is cut down to the fields that the query needs.
 */
final class Queries {
  static final Duration WINDOW = Duration.ofSeconds(10);
  private static final long WINDOW_MS = WINDOW.toMillis();
  private static final Duration SLIDE = Duration.ofSeconds(2);
  private static final Duration SESSION_GAP = Duration.ofSeconds(10);
  private static final int CATEGORY = 10;

  private static final TypeInformation<Long> LONG = Types.LONG;
  private static final TypeInformation<String> STRING = Types.STRING;

  private Queries() {}

  /** The rows of {@code query}. */
  static DataStream<? extends Tuple> of(String query, DataStream<Event> events) {
    return switch (query) {
      case "q0" -> bids(events);
      case "q1" -> inOtherCurrency(events);
      case "q2" -> onSomeAuctions(events);
      case "q3" -> sellersInSomeStates(events);
      case "q4" -> averageWinningPrices(events);
      case "q5" -> hotItems(events);
      case "q7" -> highestBids(events);
      case "q8" -> newSellers(events);
      case "q11" -> bidsOfBidders(events, EventTimeSessionWindows.withGap(SESSION_GAP));
      case "q12" -> bidsOfBidders(events, TumblingProcessingTimeWindows.of(WINDOW));
      case "q12e" -> bidsOfBidders(events, TumblingEventTimeWindows.of(WINDOW));
      case "q13" -> bids(events).map(new SideTable()).returns(SideTable.ROW);
      case "q17" -> statistics(events);
      case "q18" -> lastBids(events);
      case "q19" -> topBids(events);
      case "q20" -> bidsWithAuction(events);
      default -> throw new IllegalArgumentException("There is no query " + query + ".");
    };
  }

  /** auction, bidder, price, at. */
  private static DataStream<Tuple4<Long, Long, Long, Long>> bids(DataStream<Event> events) {
    return events
        .filter(event -> event.bid != null)
        .map(
            event -> {
              Bid bid = event.bid;
              return Tuple4.of(bid.auction, bid.bidder, bid.price, bid.at);
            })
        .returns(Types.TUPLE(LONG, LONG, LONG, LONG));
  }

  private static DataStream<? extends Tuple> inOtherCurrency(DataStream<Event> events) {
    return events
        .filter(event -> event.bid != null)
        .map(
            event -> {
              Bid bid = event.bid;
              return Tuple4.of(bid.auction, bid.bidder, bid.price * 908 / 1000, bid.at);
            })
        .returns(Types.TUPLE(LONG, LONG, LONG, LONG));
  }

  private static DataStream<? extends Tuple> onSomeAuctions(DataStream<Event> events) {
    return events
        .filter(event -> event.bid != null && event.bid.auction % 123 == 0)
        .map(event -> Tuple2.of(event.bid.auction, event.bid.price))
        .returns(Types.TUPLE(LONG, LONG));
  }

  private static DataStream<? extends Tuple> sellersInSomeStates(DataStream<Event> events) {
    DataStream<Tuple4<Long, String, String, String>> persons =
        events
            .filter(event -> event.person != null && isInSomeState(event.person))
            .map(
                event -> {
                  Person person = event.person;
                  return Tuple4.of(person.id, person.name, person.city, person.state);
                })
            .returns(Types.TUPLE(LONG, STRING, STRING, STRING));
    DataStream<Tuple2<Long, Long>> auctions =
        events
            .filter(event -> event.auction != null && event.auction.category == CATEGORY)
            .map(event -> Tuple2.of(event.auction.seller, event.auction.id))
            .returns(Types.TUPLE(LONG, LONG));
    return persons
        .connect(auctions)
        .keyBy(person -> person.f0, auction -> auction.f0)
        .process(new SellersJoin())
        .returns(Types.TUPLE(STRING, STRING, STRING, LONG));
  }

  private static boolean isInSomeState(Person person) {
    return switch (person.state) {
      case "OR", "ID", "CA" -> true;
      default -> false;
    };
  }

  private static DataStream<? extends Tuple> averageWinningPrices(DataStream<Event> events) {
    return events
        .filter(event -> event.person == null)
        .map(WinningPrices::auctionOrBid)
        .returns(WinningPrices.AUCTION_OR_BID)
        .keyBy(one -> one.f1)
        .process(new WinningPrices())
        .returns(Types.TUPLE(LONG, LONG))
        .keyBy(winning -> winning.f0)
        .process(new RunningAverage())
        .returns(Types.TUPLE(LONG, LONG));
  }

  private static DataStream<? extends Tuple> hotItems(DataStream<Event> events) {
    return events
        .filter(event -> event.bid != null)
        .map(event -> event.bid.auction)
        .returns(LONG)
        .keyBy(auction -> auction)
        .window(SlidingEventTimeWindows.of(WINDOW, SLIDE))
        .aggregate(new Count<>(), new CountOfWindow<>(), LONG, CountOfWindow.type(LONG))
        .keyBy(count -> count.f3)
        .process(new HotItems())
        .returns(Types.TUPLE(LONG, LONG, LONG, LONG));
  }

  private static DataStream<? extends Tuple> highestBids(DataStream<Event> events) {
    return events
        .filter(event -> event.bid != null)
        .map(
            event -> {
              Bid bid = event.bid;
              long end = bid.at - bid.at % WINDOW_MS + WINDOW_MS;
              return Tuple5.of(end, bid.price, bid.auction, bid.bidder, bid.at);
            })
        .returns(HighestBids.ROW)
        .keyBy(bid -> bid.f0)
        .process(new HighestBids())
        .returns(HighestBids.ROW);
  }

  private static DataStream<? extends Tuple> newSellers(DataStream<Event> events) {
    TypeInformation<Tuple2<Long, String>> side = Types.TUPLE(LONG, STRING);
    DataStream<Tuple2<Long, String>> persons =
        events
            .filter(event -> event.person != null)
            .map(event -> Tuple2.of(event.person.id, event.person.name))
            .returns(side);
    DataStream<Tuple2<Long, String>> sellers =
        events
            .filter(event -> event.auction != null)
            .map(event -> Tuple2.of(event.auction.seller, NewSellers.NO_NAME))
            .returns(side);
    return persons
        .union(sellers)
        .keyBy(one -> one.f0)
        .window(TumblingEventTimeWindows.of(WINDOW))
        .aggregate(
            new NewSellers(),
            new NewSellers.Row(),
            NewSellers.ACCUMULATOR,
            Types.TUPLE(LONG, STRING, LONG));
  }

  private static DataStream<? extends Tuple> bidsOfBidders(
      DataStream<Event> events, WindowAssigner<Object, TimeWindow> windows) {
    return events
        .filter(event -> event.bid != null)
        .map(event -> event.bid.bidder)
        .returns(LONG)
        .keyBy(bidder -> bidder)
        .window(windows)
        .aggregate(new Count<>(), new CountOfWindow<>(), LONG, CountOfWindow.type(LONG));
  }

  private static DataStream<? extends Tuple> statistics(DataStream<Event> events) {
    return events
        .filter(event -> event.bid != null)
        .map(
            event -> {
              Bid bid = event.bid;
              return Tuple3.of(bid.auction, bid.at / Statistics.DAY_MS, bid.price);
            })
        .returns(Types.TUPLE(LONG, LONG, LONG))
        .keyBy(bid -> Tuple2.of(bid.f0, bid.f1), Types.TUPLE(LONG, LONG))
        .process(new Statistics())
        .returns(Statistics.ROW);
  }

  private static DataStream<? extends Tuple> lastBids(DataStream<Event> events) {
    return bids(events)
        .keyBy(bid -> Tuple2.of(bid.f1, bid.f0), Types.TUPLE(LONG, LONG))
        .filter(new LastBid());
  }

  private static DataStream<? extends Tuple> topBids(DataStream<Event> events) {
    return bids(events)
        .keyBy(bid -> bid.f0)
        .process(new TopBids())
        .returns(Types.TUPLE(LONG, Types.INT, LONG, LONG));
  }

  private static DataStream<? extends Tuple> bidsWithAuction(DataStream<Event> events) {
    return events
        .filter(
            event ->
                event.bid != null || event.auction != null && event.auction.category == CATEGORY)
        .map(BidsJoin::auctionOrBid)
        .returns(BidsJoin.AUCTION_OR_BID)
        .keyBy(one -> one.f1)
        .process(new BidsJoin())
        .returns(BidsJoin.ROW);
  }
}
