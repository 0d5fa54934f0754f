package dev.oxbow.bench;

/** A bid on an auction. A POJO of Flink. */
public class Bid {
  public long auction;
  public long bidder;
  /** In cents. */
  public long price;
  public String channel;
  public String url;
  /** Event time, ms. */
  public long at;
  public String extra;
}
