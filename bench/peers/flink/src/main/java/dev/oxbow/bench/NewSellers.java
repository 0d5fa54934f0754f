package dev.oxbow.bench;

import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/**
 * q8: persons (id, name) and sellers (id, no name) of a window come to the person's name and
 * whether there is an auction: a join that keeps neither side.
 */
final class NewSellers
    implements AggregateFunction<
        Tuple2<Long, String>, Tuple2<String, Boolean>, Tuple2<String, Boolean>> {
  static final String NO_NAME = "";
  static final TypeInformation<Tuple2<String, Boolean>> ACCUMULATOR =
      Types.TUPLE(Types.STRING, Types.BOOLEAN);

  @Override
  public Tuple2<String, Boolean> createAccumulator() {
    return Tuple2.of(NO_NAME, false);
  }

  @Override
  public Tuple2<String, Boolean> add(
      Tuple2<Long, String> one, Tuple2<String, Boolean> accumulator) {
    if (one.f1.equals(NO_NAME)) accumulator.f1 = true;
    else accumulator.f0 = one.f1;
    return accumulator;
  }

  @Override
  public Tuple2<String, Boolean> getResult(Tuple2<String, Boolean> accumulator) {
    return accumulator;
  }

  @Override
  public Tuple2<String, Boolean> merge(Tuple2<String, Boolean> a, Tuple2<String, Boolean> b) {
    return Tuple2.of(a.f0.equals(NO_NAME) ? b.f0 : a.f0, a.f1 || b.f1);
  }

  /** id, name, start of the window: of those who are both. */
  static final class Row
      implements WindowFunction<
          Tuple2<String, Boolean>, Tuple3<Long, String, Long>, Long, TimeWindow> {
    @Override
    public void apply(
        Long id,
        TimeWindow window,
        Iterable<Tuple2<String, Boolean>> results,
        Collector<Tuple3<Long, String, Long>> out) {
      Tuple2<String, Boolean> seller = results.iterator().next();
      if (seller.f0.equals(NO_NAME) || !seller.f1) return;
      out.collect(Tuple3.of(id, seller.f0, window.getStart()));
    }
  }
}
