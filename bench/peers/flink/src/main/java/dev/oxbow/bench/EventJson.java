package dev.oxbow.bench;

import java.util.StringJoiner;

/** An event as `JSON.stringify` of `bench/nexmark/events.ts` writes it. */
final class EventJson {
  private final StringJoiner fields = new StringJoiner(",", "{", "}");

  static String of(Event event) {
    EventJson json = new EventJson();
    if (event.person != null) json.person(event.person);
    if (event.auction != null) json.auction(event.auction);
    if (event.bid != null) json.bid(event.bid);
    return json.fields.toString();
  }

  private void person(Person person) {
    text("kind", "person");
    number("id", person.id);
    text("name", person.name);
    text("email", person.email);
    text("creditCard", person.creditCard);
    text("city", person.city);
    text("state", person.state);
    number("at", person.at);
    text("extra", person.extra);
  }

  private void auction(Auction auction) {
    text("kind", "auction");
    number("id", auction.id);
    text("item", auction.item);
    text("description", auction.description);
    number("initialBid", auction.initialBid);
    number("reserve", auction.reserve);
    number("at", auction.at);
    number("expires", auction.expires);
    number("seller", auction.seller);
    number("category", auction.category);
    text("extra", auction.extra);
  }

  private void bid(Bid bid) {
    text("kind", "bid");
    number("auction", bid.auction);
    number("bidder", bid.bidder);
    number("price", bid.price);
    text("channel", bid.channel);
    text("url", bid.url);
    number("at", bid.at);
    text("extra", bid.extra);
  }

  private void number(String name, long value) {
    fields.add("\"" + name + "\":" + value);
  }

  /** The texts have nothing that JSON escapes. */
  private void text(String name, String value) {
    fields.add("\"" + name + "\":\"" + value + "\"");
  }
}
