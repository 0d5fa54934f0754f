package dev.oxbow.bench;

/**
 * One of the three kinds: the one that is not null. A POJO of Flink, in the shape that
 * nexmark-flink gives it.
 */
public class Event {
  public Person person;
  public Auction auction;
  public Bid bid;

  /** Event time, ms. */
  public long timestamp() {
    if (bid != null) return bid.at;
    return auction != null ? auction.at : person.at;
  }
}
