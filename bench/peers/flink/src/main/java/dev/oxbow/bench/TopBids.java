package dev.oxbow.bench;

import java.util.Arrays;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * q19: the ten highest of an auction's bids (auction, bidder, price, at), of equal ones the
 * earlier. Each rank that changes is emitted as (auction, rank, price, bidder).
 */
final class TopBids
    extends KeyedProcessFunction<
        Long, Tuple4<Long, Long, Long, Long>, Tuple4<Long, Integer, Long, Long>> {
  private static final int TOP_COUNT = 10;
  /** Numbers per bid: price, at, bidder. */
  private static final int WIDTH = 3;

  /** The bids one after another, the highest first. */
  private transient ValueState<long[]> top;

  @Override
  public void open(OpenContext context) {
    top =
        getRuntimeContext()
            .getState(
                new ValueStateDescriptor<>(
                    "top", PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO));
  }

  @Override
  public void processElement(
      Tuple4<Long, Long, Long, Long> bid,
      Context context,
      Collector<Tuple4<Long, Integer, Long, Long>> out)
      throws Exception {
    long[] bids = top.value();
    if (bids == null) bids = new long[0];
    int rank = rankOf(bids, bid.f2, bid.f3);
    if (rank == TOP_COUNT) return;
    bids = inserted(bids, rank * WIDTH, bid);
    top.update(bids);
    for (int at = rank * WIDTH; at < bids.length; at += WIDTH) {
      out.collect(Tuple4.of(bid.f0, at / WIDTH + 1, bids[at], bids[at + 2]));
    }
  }

  /** How many of {@code bids} are before a bid. */
  private static int rankOf(long[] bids, long price, long at) {
    int rank = bids.length / WIDTH;
    while (rank > 0) {
      int last = (rank - 1) * WIDTH;
      if (bids[last] > price || bids[last] == price && bids[last + 1] <= at) break;
      rank--;
    }
    return rank;
  }

  private static long[] inserted(long[] bids, int at, Tuple4<Long, Long, Long, Long> bid) {
    boolean isFull = bids.length == TOP_COUNT * WIDTH;
    long[] with = isFull ? bids : Arrays.copyOf(bids, bids.length + WIDTH);
    System.arraycopy(bids, at, with, at + WIDTH, with.length - at - WIDTH);
    with[at] = bid.f2;
    with[at + 1] = bid.f3;
    with[at + 2] = bid.f1;
    return with;
  }
}
