package dev.oxbow.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** q4: the average so far of what each key has, rounded down. */
final class RunningAverage
    extends KeyedProcessFunction<Long, Tuple2<Long, Long>, Tuple2<Long, Long>> {
  /** Sum and count. */
  private transient ValueState<Tuple2<Long, Long>> total;

  @Override
  public void open(OpenContext context) {
    total =
        getRuntimeContext()
            .getState(
                new ValueStateDescriptor<>("total", Types.TUPLE(Types.LONG, Types.LONG)));
  }

  @Override
  public void processElement(
      Tuple2<Long, Long> value, Context context, Collector<Tuple2<Long, Long>> out)
      throws Exception {
    Tuple2<Long, Long> sum = total.value();
    if (sum == null) sum = Tuple2.of(0L, 0L);
    sum.f0 += value.f1;
    sum.f1 += 1;
    total.update(sum);
    out.collect(Tuple2.of(value.f0, sum.f0 / sum.f1));
  }
}
