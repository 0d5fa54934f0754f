package dev.oxbow.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple10;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** q17: statistics of the prices so far of each auction and day, out of (auction, day, price). */
final class Statistics
    extends KeyedProcessFunction<
        Tuple2<Long, Long>,
        Tuple3<Long, Long, Long>,
        Tuple10<Long, Long, Long, Long, Long, Long, Long, Long, Long, Long>> {
  static final long DAY_MS = 86_400_000;
  static final TypeInformation<
          Tuple10<Long, Long, Long, Long, Long, Long, Long, Long, Long, Long>>
      ROW =
          Types.TUPLE(
              Types.LONG,
              Types.LONG,
              Types.LONG,
              Types.LONG,
              Types.LONG,
              Types.LONG,
              Types.LONG,
              Types.LONG,
              Types.LONG,
              Types.LONG);
  private static final long RANK_2_FROM = 10_000;
  private static final long RANK_3_FROM = 1_000_000;

  private transient ValueState<Prices> prices;

  /** A POJO of Flink. */
  public static class Prices {
    public long rank1;
    public long rank2;
    public long rank3;
    public long min = Long.MAX_VALUE;
    public long max = Long.MIN_VALUE;
    public long sum;

    void add(long price) {
      if (price < RANK_2_FROM) rank1++;
      else if (price < RANK_3_FROM) rank2++;
      else rank3++;
      min = Math.min(min, price);
      max = Math.max(max, price);
      sum += price;
    }

    long count() {
      return rank1 + rank2 + rank3;
    }
  }

  @Override
  public void open(OpenContext context) {
    prices =
        getRuntimeContext()
            .getState(new ValueStateDescriptor<>("prices", Types.POJO(Prices.class)));
  }

  @Override
  public void processElement(
      Tuple3<Long, Long, Long> bid,
      Context context,
      Collector<Tuple10<Long, Long, Long, Long, Long, Long, Long, Long, Long, Long>> out)
      throws Exception {
    Prices all = prices.value();
    if (all == null) all = new Prices();
    all.add(bid.f2);
    prices.update(all);
    long count = all.count();
    out.collect(
        Tuple10.of(
            bid.f0,
            bid.f1,
            count,
            all.rank1,
            all.rank2,
            all.rank3,
            all.min,
            all.max,
            all.sum / count,
            all.sum));
  }
}
