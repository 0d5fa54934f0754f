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
import org.apache.flink.api.java.tuple.Tuple5;
import org.apache.flink.api.java.tuple.Tuple6;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * q20: auctions with their bids. An auction comes once and is kept; bids are kept only until then.
 * Both come in one stream, for the reason that {@link WinningPrices} gives.
 */
final class BidsJoin
    extends KeyedProcessFunction<
        Long,
        Tuple5<Boolean, Long, Long, Long, Long>,
        Tuple6<Long, Long, Long, Long, Long, Long>> {
  static final TypeInformation<Tuple5<Boolean, Long, Long, Long, Long>> AUCTION_OR_BID =
      Types.TUPLE(Types.BOOLEAN, Types.LONG, Types.LONG, Types.LONG, Types.LONG);
  static final TypeInformation<Tuple6<Long, Long, Long, Long, Long, Long>> ROW =
      Types.TUPLE(Types.LONG, Types.LONG, Types.LONG, Types.LONG, Types.LONG, Types.LONG);

  /** Seller and category. */
  private transient ValueState<Tuple2<Long, Long>> auction;
  /** Bidder, price, at. */
  private transient ListState<Tuple3<Long, Long, Long>> waiting;

  /** (true, id, seller, category, 0) or (false, auction, bidder, price, at). */
  static Tuple5<Boolean, Long, Long, Long, Long> auctionOrBid(Event event) {
    Bid bid = event.bid;
    if (bid != null) return Tuple5.of(false, bid.auction, bid.bidder, bid.price, bid.at);
    Auction auction = event.auction;
    return Tuple5.of(true, auction.id, auction.seller, auction.category, 0L);
  }

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
  public void processElement(
      Tuple5<Boolean, Long, Long, Long, Long> one,
      Context context,
      Collector<Tuple6<Long, Long, Long, Long, Long, Long>> out)
      throws Exception {
    if (one.f0) {
      auction.update(Tuple2.of(one.f2, one.f3));
      for (Tuple3<Long, Long, Long> bid : waiting.get()) {
        out.collect(Tuple6.of(one.f1, bid.f0, bid.f1, bid.f2, one.f2, one.f3));
      }
      waiting.clear();
      return;
    }
    Tuple2<Long, Long> known = auction.value();
    if (known == null) waiting.add(Tuple3.of(one.f2, one.f3, one.f4));
    else out.collect(Tuple6.of(one.f1, one.f2, one.f3, one.f4, known.f0, known.f1));
  }
}
