package dev.oxbow.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * q5: of the counts (auction, count, start, end) of a window the greatest, all of them that tie.
 * Keyed by the end of the window; only what may still be the greatest is kept.
 */
final class HotItems
    extends KeyedProcessFunction<
        Long, Tuple4<Long, Long, Long, Long>, Tuple4<Long, Long, Long, Long>> {
  private transient ValueState<Long> most;
  private transient ListState<Long> auctions;

  @Override
  public void open(OpenContext context) {
    most = getRuntimeContext().getState(new ValueStateDescriptor<>("most", Types.LONG));
    auctions =
        getRuntimeContext().getListState(new ListStateDescriptor<>("auctions", Types.LONG));
  }

  @Override
  public void processElement(
      Tuple4<Long, Long, Long, Long> count,
      Context context,
      Collector<Tuple4<Long, Long, Long, Long>> out)
      throws Exception {
    Long before = most.value();
    if (before != null && count.f1 < before) return;
    if (before == null) context.timerService().registerEventTimeTimer(count.f3 - 1);
    if (before == null || count.f1 > before) {
      most.update(count.f1);
      auctions.clear();
    }
    auctions.add(count.f0);
  }

  @Override
  public void onTimer(
      long timestamp, OnTimerContext context, Collector<Tuple4<Long, Long, Long, Long>> out)
      throws Exception {
    Long end = context.getCurrentKey();
    Long count = most.value();
    for (Long auction : auctions.get()) {
      out.collect(Tuple4.of(end - Queries.WINDOW.toMillis(), end, auction, count));
    }
    most.clear();
    auctions.clear();
  }
}
