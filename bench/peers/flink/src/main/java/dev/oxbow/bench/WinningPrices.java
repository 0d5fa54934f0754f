package dev.oxbow.bench;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.functions.co.KeyedCoProcessFunction;
import org.apache.flink.util.Collector;

/**
 * q4: auctions (id, category, at, expires) with bids (auction, price, at) give (category, winning
 * price) when an auction's time is over. Bids that come before their auction wait for a minute.
 */
final class WinningPrices
    extends KeyedCoProcessFunction<
        Long,
        Tuple4<Long, Long, Long, Long>,
        Tuple3<Long, Long, Long>,
        Tuple2<Long, Long>> {
  private static final long WAITING_MS = 60_000;

  private transient ValueState<Tuple3<Long, Long, Long>> auction;
  private transient ValueState<Long> highest;
  private transient ListState<Tuple2<Long, Long>> waiting;

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
  public void processElement1(
      Tuple4<Long, Long, Long, Long> opened, Context context, Collector<Tuple2<Long, Long>> out)
      throws Exception {
    Tuple3<Long, Long, Long> interval = Tuple3.of(opened.f1, opened.f2, opened.f3);
    auction.update(interval);
    for (Tuple2<Long, Long> bid : waiting.get()) {
      offer(interval, bid.f0, bid.f1);
      context.timerService().deleteEventTimeTimer(bid.f1 + WAITING_MS);
    }
    waiting.clear();
    context.timerService().registerEventTimeTimer(opened.f3);
  }

  @Override
  public void processElement2(
      Tuple3<Long, Long, Long> bid, Context context, Collector<Tuple2<Long, Long>> out)
      throws Exception {
    Tuple3<Long, Long, Long> interval = auction.value();
    if (interval != null) {
      offer(interval, bid.f1, bid.f2);
      return;
    }
    waiting.add(Tuple2.of(bid.f1, bid.f2));
    context.timerService().registerEventTimeTimer(bid.f2 + WAITING_MS);
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
