package dev.oxbow.bench;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.api.java.tuple.Tuple5;
import org.apache.flink.streaming.api.TimerService;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * q4: auctions and bids give (category, winning price) when an auction's time is over. Bids that
 * come before their auction wait for a minute.
 *
 * <p>Both come in one stream, and so in the order in which they were made. From two streams the
 * bids would come first, since the buffers of the rare auctions fill slowly, and nearly all would
 * wait.
 */
final class WinningPrices
    extends KeyedProcessFunction<
        Long, Tuple5<Boolean, Long, Long, Long, Long>, Tuple2<Long, Long>> {
  static final TypeInformation<Tuple5<Boolean, Long, Long, Long, Long>> AUCTION_OR_BID =
      Types.TUPLE(Types.BOOLEAN, Types.LONG, Types.LONG, Types.LONG, Types.LONG);

  private static final long WAITING_MS = 60_000;

  /** Category, at, expires. */
  private transient ValueState<Tuple3<Long, Long, Long>> auction;
  private transient ValueState<Long> highest;
  /** Price, at. */
  private transient ListState<Tuple2<Long, Long>> waiting;

  /** (true, id, category, at, expires) or (false, auction, price, at, 0). */
  static Tuple5<Boolean, Long, Long, Long, Long> auctionOrBid(Event event) {
    Bid bid = event.bid;
    if (bid != null) return Tuple5.of(false, bid.auction, bid.price, bid.at, 0L);
    Auction auction = event.auction;
    return Tuple5.of(true, auction.id, auction.category, auction.at, auction.expires);
  }

  @Override
  public void open(OpenContext context) {
    auction =
        getRuntimeContext()
            .getState(
                new ValueStateDescriptor<>(
                    "auction", Types.TUPLE(Types.LONG, Types.LONG, Types.LONG)));
    highest = getRuntimeContext().getState(new ValueStateDescriptor<>("highest", Types.LONG));
    waiting =
        getRuntimeContext()
            .getListState(
                new ListStateDescriptor<>("waiting", Types.TUPLE(Types.LONG, Types.LONG)));
  }

  @Override
  public void processElement(
      Tuple5<Boolean, Long, Long, Long, Long> one,
      Context context,
      Collector<Tuple2<Long, Long>> out)
      throws Exception {
    if (one.f0) {
      opened(Tuple3.of(one.f2, one.f3, one.f4), context.timerService());
      return;
    }
    Tuple3<Long, Long, Long> interval = auction.value();
    if (interval != null) {
      offer(interval, one.f2, one.f3);
      return;
    }
    waiting.add(Tuple2.of(one.f2, one.f3));
    context.timerService().registerEventTimeTimer(one.f3 + WAITING_MS);
  }

  private void opened(Tuple3<Long, Long, Long> interval, TimerService timers) throws Exception {
    auction.update(interval);
    for (Tuple2<Long, Long> bid : waiting.get()) {
      offer(interval, bid.f0, bid.f1);
      timers.deleteEventTimeTimer(bid.f1 + WAITING_MS);
    }
    waiting.clear();
    timers.registerEventTimeTimer(interval.f2);
  }

  private void offer(Tuple3<Long, Long, Long> interval, Long price, long at) throws Exception {
    if (at < interval.f1 || at > interval.f2) return;
    Long before = highest.value();
    if (before == null || price > before) highest.update(price);
  }

  @Override
  public void onTimer(long timestamp, OnTimerContext context, Collector<Tuple2<Long, Long>> out)
      throws Exception {
    Tuple3<Long, Long, Long> interval = auction.value();
    if (interval == null) {
      forget(timestamp - WAITING_MS);
      return;
    }
    Long price = highest.value();
    if (price != null) out.collect(Tuple2.of(interval.f0, price));
    auction.clear();
    highest.clear();
  }

  /** Bids that have waited since {@code until} or longer for an auction that does not come. */
  private void forget(long until) throws Exception {
    List<Tuple2<Long, Long>> left = new ArrayList<>();
    for (Tuple2<Long, Long> bid : waiting.get()) if (bid.f1 > until) left.add(bid);
    waiting.update(left);
  }
}
