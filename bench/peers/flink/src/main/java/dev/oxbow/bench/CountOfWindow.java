package dev.oxbow.bench;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** key, count, start of the window, its end. */
final class CountOfWindow<K>
    implements WindowFunction<Long, Tuple4<K, Long, Long, Long>, K, TimeWindow> {
  static <K> TypeInformation<Tuple4<K, Long, Long, Long>> type(TypeInformation<K> key) {
    return Types.TUPLE(key, Types.LONG, Types.LONG, Types.LONG);
  }

  @Override
  public void apply(
      K key, TimeWindow window, Iterable<Long> counts, Collector<Tuple4<K, Long, Long, Long>> out) {
    out.collect(Tuple4.of(key, counts.iterator().next(), window.getStart(), window.getEnd()));
  }
}
