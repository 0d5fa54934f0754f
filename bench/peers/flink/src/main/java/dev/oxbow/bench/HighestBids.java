package dev.oxbow.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple5;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * q7: of the bids (end of the window, price, auction, bidder, at) the highest of each window, all
 * of them that tie. Keyed by the end of the window.
 */
final class HighestBids
    extends KeyedProcessFunction<
        Long, Tuple5<Long, Long, Long, Long, Long>, Tuple5<Long, Long, Long, Long, Long>> {
  static final TypeInformation<Tuple5<Long, Long, Long, Long, Long>> ROW =
      Types.TUPLE(Types.LONG, Types.LONG, Types.LONG, Types.LONG, Types.LONG);

  private transient ValueState<Long> highest;
  private transient ListState<Tuple5<Long, Long, Long, Long, Long>> bids;

  @Override
  public void open(OpenContext context) {
    highest = getRuntimeContext().getState(new ValueStateDescriptor<>("highest", Types.LONG));
    bids = getRuntimeContext().getListState(new ListStateDescriptor<>("bids", ROW));
  }

  @Override
  public void processElement(
      Tuple5<Long, Long, Long, Long, Long> bid,
      Context context,
      Collector<Tuple5<Long, Long, Long, Long, Long>> out)
      throws Exception {
    Long before = highest.value();
    if (before != null && bid.f1 < before) return;
    if (before == null) context.timerService().registerEventTimeTimer(bid.f0 - 1);
    if (before == null || bid.f1 > before) {
      highest.update(bid.f1);
      bids.clear();
    }
    bids.add(bid.copy());
  }

  @Override
  public void onTimer(
      long timestamp,
      OnTimerContext context,
      Collector<Tuple5<Long, Long, Long, Long, Long>> out)
      throws Exception {
    for (Tuple5<Long, Long, Long, Long, Long> bid : bids.get()) out.collect(bid);
    highest.clear();
    bids.clear();
  }
}
