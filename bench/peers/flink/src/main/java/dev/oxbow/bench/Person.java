package dev.oxbow.bench;

/** Somebody who sells and bids. A POJO of Flink. */
public class Person {
  public long id;
  public String name;
  public String email;
  public String creditCard;
  public String city;
  public String state;
  /** Event time, ms. */
  public long at;
  public String extra;
}
