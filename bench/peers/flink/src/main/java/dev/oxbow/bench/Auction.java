package dev.oxbow.bench;

/** Something that is for sale. A POJO of Flink. */
public class Auction {
  public long id;
  public String item;
  public String description;
  public long initialBid;
  public long reserve;
  /** Event time, ms. */
  public long at;
  /** End of the auction, event time, ms. */
  public long expires;
  public long seller;
  public long category;
  public String extra;
}
