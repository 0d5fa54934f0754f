package dev.oxbow.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.functions.co.KeyedCoProcessFunction;
import org.apache.flink.util.Collector;

/**
 * q3: persons (id, name, city, state) with their auctions (seller, id). A person comes once and is
 * kept; auctions are kept only until then.
 */
final class SellersJoin
    extends KeyedCoProcessFunction<
        Long,
        Tuple4<Long, String, String, String>,
        Tuple2<Long, Long>,
        Tuple4<String, String, String, Long>> {
  private transient ValueState<Tuple4<Long, String, String, String>> person;
  private transient ListState<Long> waiting;

  @Override
  public void open(OpenContext context) {
    person =
        getRuntimeContext()
            .getState(
                new ValueStateDescriptor<>(
                    "person",
                    Types.TUPLE(Types.LONG, Types.STRING, Types.STRING, Types.STRING)));
    waiting = getRuntimeContext().getListState(new ListStateDescriptor<>("waiting", Types.LONG));
  }

  @Override
  public void processElement1(
      Tuple4<Long, String, String, String> seller,
      Context context,
      Collector<Tuple4<String, String, String, Long>> out)
      throws Exception {
    // The heap keeps the object itself, and Flink may reuse it.
    person.update(seller.copy());
    for (Long auction : waiting.get()) out.collect(row(seller, auction));
    waiting.clear();
  }

  @Override
  public void processElement2(
      Tuple2<Long, Long> auction,
      Context context,
      Collector<Tuple4<String, String, String, Long>> out)
      throws Exception {
    Tuple4<Long, String, String, String> seller = person.value();
    if (seller == null) waiting.add(auction.f1);
    else out.collect(row(seller, auction.f1));
  }

  private static Tuple4<String, String, String, Long> row(
      Tuple4<Long, String, String, String> seller, Long auction) {
    return Tuple4.of(seller.f1, seller.f2, seller.f3, auction);
  }
}
