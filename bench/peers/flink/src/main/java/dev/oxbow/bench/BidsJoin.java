package dev.oxbow.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.api.java.tuple.Tuple6;
import org.apache.flink.streaming.api.functions.co.KeyedCoProcessFunction;
import org.apache.flink.util.Collector;

/**
 * q20: auctions (id, seller, category) with their bids (auction, bidder, price, at). An auction
 * comes once and is kept; bids are kept only until then.
 */
final class BidsJoin
    extends KeyedCoProcessFunction<
        Long,
        Tuple3<Long, Long, Long>,
        Tuple4<Long, Long, Long, Long>,
        Tuple6<Long, Long, Long, Long, Long, Long>> {
  static final TypeInformation<Tuple6<Long, Long, Long, Long, Long, Long>> ROW =
      Types.TUPLE(Types.LONG, Types.LONG, Types.LONG, Types.LONG, Types.LONG, Types.LONG);

  /** Seller and category. */
  private transient ValueState<Tuple2<Long, Long>> auction;
  /** Bidder, price, at. */
  private transient ListState<Tuple3<Long, Long, Long>> waiting;

  @Override
  public void open(OpenContext context) {
    auction =
        getRuntimeContext()
            .getState(
                new ValueStateDescriptor<>("auction", Types.TUPLE(Types.LONG, Types.LONG)));
    waiting =
        getRuntimeContext()
            .getListState(
                new ListStateDescriptor<>(
                    "waiting", Types.TUPLE(Types.LONG, Types.LONG, Types.LONG)));
  }

  @Override
  public void processElement1(
      Tuple3<Long, Long, Long> opened,
      Context context,
      Collector<Tuple6<Long, Long, Long, Long, Long, Long>> out)
      throws Exception {
    auction.update(Tuple2.of(opened.f1, opened.f2));
    for (Tuple3<Long, Long, Long> bid : waiting.get()) {
      out.collect(Tuple6.of(opened.f0, bid.f0, bid.f1, bid.f2, opened.f1, opened.f2));
    }
    waiting.clear();
  }

  @Override
  public void processElement2(
      Tuple4<Long, Long, Long, Long> bid,
      Context context,
      Collector<Tuple6<Long, Long, Long, Long, Long, Long>> out)
      throws Exception {
    Tuple2<Long, Long> known = auction.value();
    if (known == null) waiting.add(Tuple3.of(bid.f1, bid.f2, bid.f3));
    else out.collect(Tuple6.of(bid.f0, bid.f1, bid.f2, bid.f3, known.f0, known.f1));
  }
}
