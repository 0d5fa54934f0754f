package dev.oxbow.bench;

import org.apache.flink.api.java.tuple.Tuple3;

/**
 * The records of the micro cases, (key, value, timestamp): the port of `makeInteger` in
 * `bench/records.ts`. One record per ms of event time.
 */
final class KeyedRecords implements Maker<Tuple3<Integer, Integer, Long>> {
  private final int keys;
  private final Tuple3<Integer, Integer, Long> record = new Tuple3<>();

  KeyedRecords(int keys) {
    this.keys = keys;
  }

  @Override
  public Tuple3<Integer, Integer, Long> make(long n) {
    record.f0 = keyOf((int) n, keys);
    record.f1 = (int) n & 1023;
    record.f2 = n;
    return record;
  }

  /** Spreads indexes evenly over [0, keys). */
  private static int keyOf(int index, int keys) {
    int hash = (index ^ (index >>> 16)) * 0x7feb352d;
    hash = (hash ^ (hash >>> 15)) * 0x846ca68b;
    return Integer.remainderUnsigned(hash ^ (hash >>> 16), keys);
  }
}
