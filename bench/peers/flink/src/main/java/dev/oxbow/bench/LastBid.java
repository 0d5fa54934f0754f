package dev.oxbow.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichFilterFunction;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;

/**
 * q18: lets a bid (auction, bidder, price, at) through if none of its key is later. Only the time
 * is kept: the last bid is what was let through last.
 */
final class LastBid extends RichFilterFunction<Tuple4<Long, Long, Long, Long>> {
  private transient ValueState<Long> last;

  @Override
  public void open(OpenContext context) {
    last = getRuntimeContext().getState(new ValueStateDescriptor<>("last", Types.LONG));
  }

  @Override
  public boolean filter(Tuple4<Long, Long, Long, Long> bid) throws Exception {
    Long before = last.value();
    if (before != null && bid.f3 < before) return false;
    last.update(bid.f3);
    return true;
  }
}
