package dev.oxbow.bench;

import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.api.java.tuple.Tuple5;

/** q13: a bid with the value of a bounded table, which each subtask holds in memory. */
final class SideTable
    extends RichMapFunction<
        Tuple4<Long, Long, Long, Long>, Tuple5<Long, Long, Long, Long, String>> {
  static final TypeInformation<Tuple5<Long, Long, Long, Long, String>> ROW =
      Types.TUPLE(Types.LONG, Types.LONG, Types.LONG, Types.LONG, Types.STRING);
  private static final long ROWS_COUNT = 10_000;

  private transient Map<Long, String> table;

  @Override
  public void open(OpenContext context) {
    table = new HashMap<>();
    for (long key = 0; key < ROWS_COUNT; key++) table.put(key, "side-" + key);
  }

  @Override
  public Tuple5<Long, Long, Long, Long, String> map(Tuple4<Long, Long, Long, Long> bid) {
    return Tuple5.of(bid.f0, bid.f1, bid.f2, bid.f3, table.get(bid.f0 % ROWS_COUNT));
  }
}
