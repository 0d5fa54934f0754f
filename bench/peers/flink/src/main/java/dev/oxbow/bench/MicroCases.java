package dev.oxbow.bench;

import java.time.Duration;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.WindowAssigner;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;

/** The cases of `bench/micro-jobs.ts` on records (key, value, timestamp). */
final class MicroCases {
  private MicroCases() {}

  static boolean has(String name) {
    return switch (name) {
      case "keyed-count", "tumbling-count", "sliding-count" -> true;
      default -> false;
    };
  }

  /** The rows of case {@code name}. */
  static DataStream<? extends Tuple> of(
      String name, DataStream<Tuple3<Integer, Integer, Long>> records) {
    KeyedStream<Tuple3<Integer, Integer, Long>, Integer> keyed =
        records.keyBy(record -> record.f0);
    Duration minute = Duration.ofMinutes(1);
    return switch (name) {
      case "keyed-count" ->
          keyed.map(new RunningCount()).returns(Types.TUPLE(Types.INT, Types.LONG));
      case "tumbling-count" -> counts(keyed, TumblingEventTimeWindows.of(minute));
      case "sliding-count" ->
          counts(keyed, SlidingEventTimeWindows.of(minute.multipliedBy(5), minute));
      default -> throw new IllegalArgumentException("There is no case " + name + ".");
    };
  }

  private static DataStream<? extends Tuple> counts(
      KeyedStream<Tuple3<Integer, Integer, Long>, Integer> keyed,
      WindowAssigner<Object, TimeWindow> windows) {
    return keyed
        .window(windows)
        .aggregate(
            new Count<>(), new CountOfWindow<>(), Types.LONG, CountOfWindow.type(Types.INT));
  }

  /** Key and how many of its records there have been. */
  private static final class RunningCount
      extends RichMapFunction<Tuple3<Integer, Integer, Long>, Tuple2<Integer, Long>> {
    private transient ValueState<Long> count;

    @Override
    public void open(OpenContext context) {
      count = getRuntimeContext().getState(new ValueStateDescriptor<>("count", Types.LONG));
    }

    @Override
    public Tuple2<Integer, Long> map(Tuple3<Integer, Integer, Long> record) throws Exception {
      Long before = count.value();
      Long now = before == null ? 1L : before + 1;
      count.update(now);
      return Tuple2.of(record.f0, now);
    }
  }
}
