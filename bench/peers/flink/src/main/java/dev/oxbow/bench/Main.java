package dev.oxbow.bench;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.flink.runtime.util.EnvironmentInformation;

/**
 * Two commands: {@code events <from> <count>} prints Nexmark's events as JSON, one per line; {@code
 * run --query Q …} measures queries and prints the figures of each as a line of JSON. The options
 * are in `bench/peers/flink/README.md`.
 */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    String command = args.length == 0 ? "" : args[0];
    switch (command) {
      case "events" -> printEvents(Long.parseLong(args[1]), Long.parseLong(args[2]));
      case "run" -> run(Options.parse(args, 1));
      default -> throw new IllegalArgumentException("The commands are: events, run.");
    }
  }

  private static void printEvents(long from, long count) throws IOException {
    NexmarkEvents events = new NexmarkEvents();
    Writer out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
    for (long n = from; n < from + count; n++) {
      out.write(EventJson.of(events.make(n)));
      out.write('\n');
    }
    out.flush();
  }

  private static void run(Options options) throws Exception {
    if (options.queries().equals(List.of("generator"))) {
      generate(options.warmup());
      print(Figures.measure(() -> generate(options.events())));
      return;
    }
    try (Cluster cluster = new Cluster(options)) {
      for (String query : options.queries()) {
        if (options.warmup() > 0) cluster.run(query, options.warmup(), null);
        String file = outputFile(options, query);
        print(Figures.measure(() -> cluster.run(query, options.events(), file)));
      }
    }
  }

  /** Several queries write files of their own. */
  private static String outputFile(Options options, String query) {
    boolean isOne = options.queries().size() == 1 || options.output() == null;
    return isOne ? options.output() : options.output() + "." + query;
  }

  /** The generator alone, as fast as it goes. */
  private static Figures.Outcome generate(long count) {
    NexmarkEvents events = new NexmarkEvents();
    long checksum = 0;
    for (long n = 0; n < count; n++) {
      Event event = events.make(n);
      if (event.bid != null) checksum += event.bid.price + event.bid.url.length();
      else if (event.auction != null) checksum += event.auction.expires;
      else checksum += event.person.id;
    }
    // Never true: it only keeps the loop from being removed.
    if (checksum == Long.MIN_VALUE) throw new IllegalStateException("the checksum overflowed");
    return new Figures.Outcome(count, 0);
  }

  private static void print(Figures figures) {
    System.out.println(figures.json(EnvironmentInformation.getVersion()));
  }
}
